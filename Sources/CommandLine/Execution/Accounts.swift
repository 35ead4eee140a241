internal import CSystem
internal import Launching
internal import SystemInterface

/// A line of passwd(5) or group(5), cut at its colons.
private typealias Entry = [ArraySlice<UInt8>]

/// The databases of users and groups: the files, or else getent(1), which knows the other sources of
/// nsswitch.conf(5); a static binary cannot ask them itself.
enum Accounts {
  /// The number of a group given by name or number.
  static func group(_ name: ByteString, of subcommand: Subcommand) throws(Failure) -> UInt32 {
    if let number = parseIdentifier(name) { return number }
    if let entry = find(name, field: 0, in: "group"), let number = identifier(entry, 2) {
      return number
    }
    throw .usage("there is no group '\(name)'", of: subcommand)
  }

  /// The number in the line `NAME:PASSWORD:NUMBER:MEMBERS` of group(5).
  static func findGroup(_ name: ByteString, in text: [UInt8]) -> UInt32? {
    find(name, field: 0, in: text).flatMap { identifier($0, 2) }
  }

  /// A user, and what systemd.exec(5) sets for `User=`: HOME, LOGNAME, SHELL and USER; for one that is a number
  /// without an entry, nothing.
  struct Account {
    var credentials = Credentials()
    var variables: [EnvironmentChange] = []
  }

  /// A user given by name or number, with its own groups.
  static func user(_ name: ByteString) throws(Failure) -> Account {
    let number = parseIdentifier(name)
    guard let entry = find(name, field: number == nil ? 0 : 2, in: "passwd"),
      let user = identifier(entry, 2), let group = identifier(entry, 3)
    else {
      guard let number else { throw .usage("there is no user '\(name)'") }
      return Account(credentials: Credentials(user: number))
    }
    let login = ByteString(entry[0])
    var account = Account()
    account.credentials = Credentials(
      user: user, group: group, groups: groups(of: login, besides: group))
    account.variables = [
      .set(EnvironmentVariable("USER", login)), .set(EnvironmentVariable("LOGNAME", login)),
    ]
    if entry.count > 6 {
      account.variables += [
        .set(EnvironmentVariable("HOME", ByteString(entry[5]))),
        .set(EnvironmentVariable("SHELL", shell(entry[6]))),
      ]
    }
    return account
  }

  /// An empty one is /bin/sh (passwd(5)).
  private static func shell(_ field: ArraySlice<UInt8>) -> ByteString {
    field.isEmpty ? "/bin/sh" : ByteString(field)
  }

  /// The groups that have `login` as a member, and its own.
  private static func groups(of login: ByteString, besides own: UInt32) -> [UInt32] {
    var groups = [own]
    if let text = file("group") {
      for entry in lines(text) where entry.count > 3 {
        let isMember = entry[3].split(separator: ascii(",")).contains {
          $0.elementsEqual(login.bytes)
        }
        if isMember, let number = identifier(entry, 2) { append(number, to: &groups) }
      }
    }
    if hasOtherSources,
      let text = captureOutput(of: ["getent", "--", "initgroups", login], limit: 1 << 20)
    {
      for word in text.split(whereSeparator: { $0 == ascii(" ") || $0 == ascii("\n") }).dropFirst()
      {
        if let number = parseIdentifier(ByteString(word)) { append(number, to: &groups) }
      }
    }
    return groups
  }

  private static func append(_ number: UInt32, to groups: inout [UInt32]) {
    if !groups.contains(number) { groups.append(number) }
  }

  /// Whether nsswitch.conf(5) names a source of groups that is not a file.
  private static var hasOtherSources: Bool {
    guard let text = file("nsswitch.conf") else { return false }
    for line in text.split(separator: ascii("\n")) {
      guard line.hasPrefix("group:") || line.hasPrefix("initgroups:") else { continue }
      for word in line.split(whereSeparator: { $0 == ascii(" ") || $0 == ascii("\t") }).dropFirst()
      {
        let source = ByteString(word)
        if source.bytes.first == ascii("[") || source.bytes.first == ascii("#") { continue }
        if source != "files", source != "compat", source != "systemd" { return true }
      }
    }
    return false
  }

  private static func find(_ name: ByteString, field: Int, in database: ByteString) -> Entry? {
    if let text = file(database), let entry = find(name, field: field, in: text) { return entry }
    guard let text = captureOutput(of: ["getent", "--", database, name], limit: 1 << 20) else {
      return nil
    }
    return find(name, field: field, in: text)
  }

  private static func find(_ name: ByteString, field: Int, in text: [UInt8]) -> Entry? {
    lines(text).first { $0.count > 2 && $0[field].elementsEqual(name.bytes) }
  }

  private static func lines(_ text: [UInt8]) -> [Entry] {
    text.split(separator: ascii("\n")).map {
      $0.split(separator: ascii(":"), omittingEmptySubsequences: false)
    }
  }

  private static func identifier(_ entry: Entry, _ field: Int) -> UInt32? {
    field < entry.count ? parseIdentifier(ByteString(entry[field])) : nil
  }

  private static func file(_ name: ByteString) -> [UInt8]? {
    guard let file = try? FileDescriptor.open("/etc/" + name, O_RDONLY) else { return nil }
    return try? file.readAll(limit: 1 << 24)
  }
}
