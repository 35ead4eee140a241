internal import CSystem
internal import Launching
internal import SystemInterface

/// The number of a group given by name or number: from /etc/group, or else from getent(1), which
/// knows the other sources of nsswitch.conf(5); a static binary cannot ask them itself.
func groupNumber(_ name: ByteString, of subcommand: Subcommand) throws(Failure) -> UInt32 {
  if let number = parseIdentifier(name) { return number }
  if let file = try? FileDescriptor.open("/etc/group", O_RDONLY),
    let text = try? file.readAll(limit: 1 << 24),
    let number = findGroup(name, in: text)
  {
    return number
  }
  if let text = captureOutput(of: ["getent", "--", "group", name], limit: 1 << 20),
    let number = findGroup(name, in: text)
  {
    return number
  }
  throw .usage("there is no group '\(name)'", of: subcommand)
}

/// The number in the line `NAME:PASSWORD:NUMBER:MEMBERS` (group(5)).
func findGroup(_ name: ByteString, in text: [UInt8]) -> UInt32? {
  for line in text.split(separator: ascii("\n")) {
    let fields = line.split(separator: ascii(":"), omittingEmptySubsequences: false)
    if fields.count >= 3, fields[0].elementsEqual(name.bytes) {
      return parseIdentifier(ByteString(fields[2]))
    }
  }
  return nil
}
