import CSystem
import SystemInterface
import Testing

@testable import CommandLine

@Suite struct MessageTests {
  private func escaped(_ bytes: [UInt8]) -> String {
    let message: Message = "\(ByteString(bytes))"
    return String(decoding: message.bytes, as: UTF8.self)
  }

  @Test func namesAreEscapedWhereATerminalWouldObeyThem() {
    #expect(escaped(Array("a b".utf8)) == "a b")
    #expect(escaped([0x0a, 0x1b, 0x07, 0xff, 0x5c]) == "\\n\\x1b\\x07\\xff\\\\")
  }

  @Test func textInUTF8StaysReadable() {
    #expect(escaped(Array("schön 鍵".utf8)) == "schön 鍵")
  }

  @Test func controlsOfUnicodeAreEscaped() {
    #expect(escaped([0xc2, 0x9b]) == "\\xc2\\x9b")
    #expect(escaped(Array("\u{202e}".utf8)) == "\\xe2\\x80\\xae")
  }

  @Test(arguments: [
    ("a/b-c_1.lock", "a/b-c_1.lock"), ("a b", "'a b'"), ("$(id);x", "'$(id);x'"), ("", "''"),
    ("it's", "'it'\\''s'"), ("a\n'\\", "$'a\\x0a\\'\\\\'"), ("schön", "'schön'"),
  ])
  func wordsThatMayBePastedAreQuoted(_ word: String, _ quoted: String) {
    let message: Message = "\(quoted: ByteString(word))"
    #expect(String(decoding: message.bytes, as: UTF8.self) == quoted)
  }

  @Test(arguments: [[0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x82]])
  func malformedUTF8IsEscaped(_ bytes: [UInt8]) {
    #expect(escaped(bytes).allSatisfy { $0.isASCII })
  }
}

@Suite struct SuggestionTests {
  @Test(arguments: [
    ("timout", "timeout"), ("exlusive", "exclusive"), ("nonblcok", "nonblock"),
    ("time", "timeout"), ("max-run-time", "max-runtime"),
  ])
  func misspeltNameIsRecognized(_ word: String, _ meant: String) {
    let found = suggestion(for: ByteString(word), from: optionTable.map { $0.long })
    #expect(found == ByteString(meant))
  }

  @Test(arguments: [("etc", "etcd"), ("etdc", "etcd"), ("redsi", "redis")])
  func namesThatAreFoundAreSuggestedAsWell(_ word: String, _ meant: String) {
    let names = ["flock", "redis", "etcd"].map { ByteString($0) }
    #expect(suggestion(for: ByteString(word), among: names) == ByteString(meant))
  }

  @Test(arguments: ["zzz", "x", "frobnicate"])
  func somethingElseIsNot(_ word: String) {
    #expect(suggestion(for: ByteString(word), from: optionTable.map { $0.long }) == nil)
  }
}

/// What the options put into the record, as text.
private func values(_ arguments: Arguments) -> String {
  Mirror(reflecting: arguments).children.filter { $0.label != "given" && $0.label != "last" }
    .map { "\($0.label ?? ""): \($0.value)" }.joined(separator: "\n")
}

/// Such a value, and none that is the default of an option.
private func sample(_ value: OptionValue) -> String {
  switch value {
  case .none: ""
  case .mode: "posix"
  case .engine: "etcd"
  case .lossAction: "none"
  case .leftovers: "wait"
  case .style, .optionalSidecar: "portage"
  case .error: "EIO"
  case .duration, .number, .optionalNumber, .optionalDuration, .niceness: "7"
  case .text, .group, .groups, .user, .shellCommand, .directory, .file, .variableName,
    .optionalName, .optionalState, .optionalPath, .lockFile:
    "text"
  case .range, .poll: "1:2"
  case .permissions: "0640"
  case .owner: "4711"
  case .variable: "A=b"
  case .descriptor: "3=4"
  case .null: "null"
  case .yesOrNo: "no"
  case .ioPriority: "idle"
  case .limit: "core=0"
  case .namespaces, .optionalNamespaces: "net"
  case .propagation: "private"
  case .optionalSignal: "KILL"
  case .optionalReplaced: "waiting"
  }
}

@Suite struct TableTests {
  @Test(arguments: Subcommand.allCases)
  func namesAreUnique(_ subcommand: Subcommand) {
    let options = optionTable.filter { subcommand.takes($0) }
    let longs = options.map { "\($0.long)" }
    #expect(Set(longs).count == longs.count)
    let shorts = options.map { $0.short }.filter { $0 != 0 }
    #expect(Set(shorts).count == shorts.count)
  }

  /// The completions tell the words that are values by the options' names only.
  @Test func oneNameAlwaysTakesAValueOrNever() {
    for option in optionTable {
      for other in optionTable where "\(other.long)" == "\(option.long)" {
        #expect((other.value == .none) == (option.value == .none))
        #expect(other.short == option.short)
        #expect(other.value.isOptional == option.value.isOptional)
      }
    }
  }

  @Test(arguments: OptionIdentity.allCases)
  func everyOptionHasARow(_ option: OptionIdentity) {
    #expect(optionTable.contains { $0.identity == option })
  }

  @Test(arguments: optionTable.filter { $0.value != .none })
  func everyValueReachesTheRecord(_ row: OptionSpecification) throws {
    for subcommand in Subcommand.allCases where subcommand.takes(row) {
      let arguments = Arguments(subcommand)
      let before = values(arguments)
      try arguments.put(GivenOption(row, ByteString(sample(row.value)), subcommand))
      #expect(arguments.has(row.identity))
      #expect(values(arguments) != before, "\(row.long)")
    }
  }

  /// One that nobody asks for would be taken, and do nothing.
  @Test(arguments: optionTable.filter { $0.section != .general })
  func everyOptionChangesWhatIsToBeDone(_ row: OptionSpecification) {
    for subcommand in Subcommand.allCases where subcommand.takes(row) {
      let before = optionTable.filter {
        subcommand.takes($0)
          && (row.overrides.contains($0.identity) || row.needs == $0.identity)
      }
      let contexts = [
        [], ["-m", "hardlink"], ["-m", "posix"], ["-m", "etcd"], ["--max-runtime", "9"],
        ["--unshare", "mount"],
      ].flatMap { [$0, $0 + ["/lock"]] }
      let changes = contexts.contains { context in
        let words = required(subcommand) + context + before.flatMap { option($0) }
        let without = checked(subcommand, words)
        let with = checked(subcommand, words + option(row))
        // There is but one kind of lock that has what refresh and transfer are for.
        let mayBeRefused = (row.identity == .mode || row.identity == .style) && without != nil
        return with != without && (with != nil || mayBeRefused)
      }
      #expect(changes, "--\(row.long) of \(subcommand.name)")
    }
  }

  private func required(_ subcommand: Subcommand) -> [String] {
    switch subcommand {
    case .run: ["-c", "true"]
    case .transfer: ["--to", "none"]
    default: []
    }
  }

  private func option(_ row: OptionSpecification) -> [String] {
    if row.value == .none { return ["--\(row.long)"] }
    if row.value.isOptional { return ["--\(row.long)=\(sample(row.value))"] }
    return ["--\(row.long)", sample(row.value)]
  }

  /// The checked options as text; nil where they are refused.
  private func checked(_ subcommand: Subcommand, _ words: [String]) -> String? {
    var arguments = (["swlock", "\(subcommand.name)"] + words).map { strdup($0) } + [nil]
    defer { arguments.forEach { free($0) } }
    guard let invocation = try? Parser(&arguments, count: words.count + 2).parse() else {
      return nil
    }
    var text = ""
    dump(invocation, to: &text)
    return text
  }

  /// A rule about an option that no command takes as well would never be broken, or never be kept.
  @Test(arguments: optionTable)
  func rulesAreAboutOptionsOfTheSameCommands(_ row: OptionSpecification) {
    for other in OptionIdentity.allCases
    where row.needs == other || row.excludes.contains(other) || row.overrides.contains(other) {
      let isGivenWithIt = Subcommand.allCases.contains { subcommand in
        subcommand.takes(row)
          && optionTable.contains { $0.identity == other && subcommand.takes($0) }
      }
      #expect(isGivenWithIt, "\(row.long)")
    }
  }

  @Test(arguments: Subcommand.allCases)
  func aScreenfulOfOptionsIsCommon(_ subcommand: Subcommand) {
    let common = optionTable.filter { $0.isCommon && subcommand.takes($0) }
    #expect(common.contains { $0.identity == .help })
    #expect(common.count <= 15)
  }

  @Test(arguments: Subcommand.allCases.filter { $0.operands != .none })
  func helpNamesEveryOptionAndStatusOfACommand(_ subcommand: Subcommand) {
    let text = String(decoding: Help.text(subcommand).bytes, as: UTF8.self)
    for option in optionTable where subcommand.takes(option) {
      #expect(text.contains("--\(option.long)"), "\(option.long)")
    }
    for status in subcommand.failures { #expect(text.contains("  \(status.rawValue) ")) }
  }

  @Test(arguments: [nil] + Subcommand.allCases.map(Optional.some))
  func helpFitsATerminal(_ topic: Subcommand?) {
    expectLinesToFit(Help.text(topic))
    let summary = Help.summary(topic)
    expectLinesToFit(summary)
    #expect(summary.bytes.count { $0 == 0x0A } <= 24)
  }

  @Test(arguments: HelpTopic.allCases)
  func helpOnATopicFitsATerminal(_ topic: HelpTopic) {
    expectLinesToFit(topic.text)
  }

  /// On a line of its own.
  @Test(arguments: optionTable.filter { $0.isCommon })
  func shortHelpOfAnOptionIsOneLine(_ option: OptionSpecification) {
    #expect((option.brief ?? option.summary).utf8.count <= 48)
  }

  private func expectLinesToFit(_ message: Message) {
    for line in String(decoding: message.bytes, as: UTF8.self).split(separator: "\n") {
      #expect(line.count <= 80, "\(line)")
      #expect(line.last != " ")
    }
  }

  @Test func helpOnExitNamesEveryStatus() {
    let text = String(decoding: HelpTopic.exit.text.bytes, as: UTF8.self)
    for status in ExitStatus.allCases where status != .done {
      #expect(text.contains("\n  \(status.rawValue) "))
    }
  }

  @Test func helpOfRunNamesEveryOptionAndStatus() {
    let text = String(decoding: Help.text(.run).bytes, as: UTF8.self)
    for option in optionTable where Subcommand.run.takes(option) {
      #expect(text.contains("--\(option.long)"))
    }
    for status in ExitStatus.allCases where status != .done && status != .free {
      #expect(text.contains("  \(status.rawValue) "))
    }
  }
}
