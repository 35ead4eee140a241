import CLibrary
import Testing

@Suite struct MemoryTests {
  @Test func codeThatWasGivenBackIsNotResidentAndComesBack() throws {
    let before = try #require(residentPages())
    clibrary_give_code_back()
    let after = try #require(residentPages())
    #expect(after < before)
    #expect((1...100).reduce(0, +) == 5050)
  }

  /// The second field of /proc/self/statm.
  private func residentPages() -> Int? {
    let descriptor = clibrary_open("/proc/self/statm", O_RDONLY)
    defer { close(descriptor) }
    var buffer = [UInt8](repeating: 0, count: 200)
    let count = read(descriptor, &buffer, buffer.count)
    guard count > 0 else { return nil }
    let fields = String(decoding: buffer[..<count], as: UTF8.self).split(separator: " ")
    return fields.count > 1 ? Int(fields[1]) : nil
  }
}
