internal import CSystem

/// Runs `arguments` to their end and returns what they wrote to standard output, at most `limit`
/// bytes; nil if they could not be run or did not exit with 0.
package func captureOutput(of arguments: [ByteString], limit: Int) -> [UInt8]? {
  guard let pipe = try? Pipe() else { return nil }
  // Inherited as ignored it would take the status away from us.
  csystem_set_handler(SIGCHLD, csystem_signal_default())

  var command = Command(arguments)
  command.standardOutput = pipe.writing.number
  guard let child = try? start(command) else { return nil }
  try? pipe.writing.close()
  let output = try? pipe.reading.readAll(limit: limit)
  try? pipe.reading.close()
  guard let ended = try? child.wait(), ended == .exited(code: 0) else { return nil }
  return output
}
