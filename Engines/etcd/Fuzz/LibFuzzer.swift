import CLibrary

@_cdecl("LLVMFuzzerTestOneInput")
public func tryOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: data, count: count))
  if let complaint = complaint(about: bytes) { fatalError(complaint) }
  return 0
}

@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
  _ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// SwiftPM links no program without one: this does what libFuzzer's own would do.
@main
struct Main {
  static func main() {
    var count = clibrary_argument_count()
    var arguments = clibrary_arguments()
    exit(runFuzzer(&count, &arguments, tryOneInput))
  }
}
