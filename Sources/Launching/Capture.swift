internal import CSystem

/// Runs `arguments` to their end and returns what they wrote to standard output, at most `limit`
/// bytes; nil if they could not be run or did not exit with 0.
public func captureOutput(of arguments: [ByteString], limit: Int) -> [UInt8]? {
  var ends: (Int32, Int32) = (-1, -1)
  let made = withUnsafeMutablePointer(to: &ends) { ends in
    ends.withMemoryRebound(to: Int32.self, capacity: 2) { pipe2($0, O_CLOEXEC) }
  }
  if made != 0 { return nil }
  // Inherited as ignored it would take the status away from us.
  csystem_set_handler(SIGCHLD, csystem_signal_default())
  let reading = FileDescriptor(taking: ends.0)
  let writing = FileDescriptor(taking: ends.1)

  var command = Command(arguments)
  command.standardOutput = writing.number
  guard let child = try? start(command) else { return nil }
  try? writing.close()
  let output = try? reading.readAll(limit: limit)
  try? reading.close()
  guard let ended = try? child.wait(), ended == .exited(code: 0) else { return nil }
  return output
}
