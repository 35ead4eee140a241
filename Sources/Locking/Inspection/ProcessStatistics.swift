/// The text of /proc/PID/stat.
struct ProcessStatistics {
  let name: ArraySlice<UInt8>
  let state: UInt8
  let parent: Int32
  let startTicks: UInt64
  /// Whether it can have descriptors: the kernel's own threads and those that have ended have none.
  let canHaveDescriptors: Bool
  /// Whether any of its threads has not ended.
  let canRun: Bool
  /// Where its memory image begins; nil where that is not told.
  let image: ProcessImage?

  /// Nil for what is no such text. The name may hold anything, `)` included.
  init?(_ text: [UInt8]) {
    guard let start = text.firstIndex(of: ascii("(")), let end = text.lastIndex(of: ascii(")")),
      start < end
    else { return nil }
    name = text[(start + 1)..<end]
    var scanner = ByteScanner(text[(end + 1)...])
    guard let state = scanner.word().first else { return nil }
    self.state = state
    scanner.skipSpaces()
    guard let parent = scanner.int32() else { return nil }
    self.parent = parent
    for _ in 5..<9 { _ = scanner.word() }
    scanner.skipSpaces()
    let flags = scanner.unsigned() ?? 0
    for _ in 10..<20 { _ = scanner.word() }
    scanner.skipSpaces()
    let threads = scanner.unsigned() ?? 0
    _ = scanner.word()
    scanner.skipSpaces()
    guard let ticks = scanner.unsigned() else { return nil }
    startTicks = ticks
    let isKernelThread: UInt64 = 0x20_0000  // PF_KTHREAD
    canRun = state != ascii("X") && (state != ascii("Z") || threads > 1)
    canHaveDescriptors = flags & isKernelThread == 0 && canRun
    image = ProcessImage(&scanner)
  }
}
