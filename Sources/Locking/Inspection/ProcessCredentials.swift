/// Two lines of /proc/PID/status.
struct ProcessCredentials {
  /// The effective one.
  private(set) var user: UInt32?
  /// The real and the saved one are the same.
  private(set) var hasOneUser = false
  /// In how many pid namespaces, from that of /proc down, the process has a number.
  private(set) var namespaceDepth = 1

  init(_ text: [UInt8]) {
    for line in Lines(text) {
      if let value = line.value(of: "Uid:") {
        var scanner = ByteScanner(value)
        let real = scanner.word()
        let effective = scanner.word()
        let saved = scanner.word()
        user = effective.number()
        hasOneUser = real.elementsEqual(effective) && saved.elementsEqual(effective)
      } else if let value = line.value(of: "NSpid:") {
        var scanner = ByteScanner(value)
        var count = 0
        while !scanner.word().isEmpty { count += 1 }
        namespaceDepth = max(1, count)
      }
    }
  }
}
