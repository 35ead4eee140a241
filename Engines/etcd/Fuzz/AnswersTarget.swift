@testable import EtcdEngine

/// What a server may send, read in every way that the engine reads it: the frames of gRPC, the messages
/// in them, headers, and values of keys. What must never be, apart from a crash: nil if all is well.
func complaint(about bytes: [UInt8]) -> String? {
  for message in messages(bytes, pieces: 1) { readAsEachAnswer(message) }
  readAsEachAnswer(bytes)
  if messages(bytes, pieces: 1) != messages(bytes, pieces: 3) {
    return "other messages where the body comes in pieces"
  }
  return complaint(aboutHeaders: bytes) ?? complaint(aboutValue: bytes)
}

private func messages(_ body: [UInt8], pieces: Int) -> [[UInt8]] {
  var reader = FrameReader()
  var found: [[UInt8]] = []
  let size = body.count / pieces + 1
  for start in stride(from: 0, to: body.count, by: size) {
    reader.append(body[start..<min(start + size, body.count)])
    while let message = reader.next() { found.append(message) }
  }
  return found
}

private func readAsEachAnswer(_ message: [UInt8]) {
  _ = RangeAnswer(message)
  _ = TransactionAnswer(message)
  _ = LeaseAnswer(message)
  _ = AuthenticateAnswer(message)
  _ = WatchAnswer(message)
}

private func complaint(aboutHeaders bytes: [UInt8]) -> String? {
  var status = GRPCStatus()
  for line in bytes.split(separator: 0x0a) { status.read(header: Array(line)) }
  if let code = status.code, !(0...1_000).contains(code) { return "status \(code)" }
  return status.reason.utf8.contains { $0 < 0x20 } ? "a message of several lines" : nil
}

private func complaint(aboutValue bytes: [UInt8]) -> String? {
  let value = ClaimValue(bytes)
  let line = SeamLine("waiting").with(value.text(lease: 1)).with(bytes).bytes
  if line.count >= SeamLine.longest { return "a line that is too long" }
  if line.contains(where: { $0 < 0x20 || $0 == 0x7f }) { return "a line that is two" }
  if line.count(where: { $0 == 0x20 }) != 2 { return "a word that is two" }
  let word = SeamLine("x").with(bytes).bytes.dropFirst(2)
  let whole = unescape(Array(word))
  if !bytes.starts(with: whole) { return "another word" }
  return whole.count < min(bytes.count, 1_000) ? "a word that is cut" : nil
}
