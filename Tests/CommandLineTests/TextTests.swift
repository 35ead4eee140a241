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
    #expect(found.map { "\($0)" } == meant)
  }

  @Test(arguments: ["zzz", "x", "frobnicate"])
  func somethingElseIsNot(_ word: String) {
    #expect(suggestion(for: ByteString(word), from: optionTable.map { $0.long }) == nil)
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
    let text = String(decoding: Help.text(topic).bytes, as: UTF8.self)
    for line in text.split(separator: "\n") {
      #expect(line.count <= 80, "\(line)")
      #expect(line.last != " ")
    }
  }

  @Test func helpOfRunNamesEveryOptionAndStatus() {
    let text = String(decoding: Help.text(.run).bytes, as: UTF8.self)
    for option in optionTable where Subcommand.run.takes(option) {
      #expect(text.contains("--\(option.long)"))
    }
    for status in ExitStatus.allCases where status != .done {
      #expect(text.contains("  \(status.rawValue) "))
    }
  }
}
