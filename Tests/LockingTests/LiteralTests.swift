import SystemInterface
import Testing

@Suite struct LiteralTests {
  static let texts: [(ByteString, Literal)] = [
    ("", ""), ("a", "a"), ("abc", "abc"), ("a/b c", "a/b c"), ("\u{e4}", "\u{e4}"),
  ]

  @Test func isTheBytesThatStandThere() {
    for (text, literal) in Self.texts {
      #expect(literal.utf8.elementsEqual(text.bytes))
      #expect(literal.isEmpty == text.isEmpty)
      #expect(ByteString(literal: literal) == text)
      #expect("\(literal)".utf8.elementsEqual(text.bytes))
    }
  }

  @Test func isComparedAsAWhole() {
    for (place, (text, _)) in Self.texts.enumerated() {
      for (other, (_, literal)) in Self.texts.enumerated() {
        #expect((text == literal) == (place == other))
        #expect((text != literal) == (place != other))
        #expect((text.bytes == literal) == (place == other))
        #expect((Optional(text) == literal) == (place == other))
        #expect((literal ~= text) == (place == other))
      }
    }
    #expect(!(ByteString?.none == ("" as Literal)))
  }

  /// Bytes after a zero are none of a ByteString's, and are some of what was read from a file.
  @Test func aZeroEndsIt() {
    #expect(ByteString([0x61, 0, 0x62]) == ("a" as Literal))
    #expect(!([0x61, 0][...] == ("a" as Literal)))
    #expect(!([0x61][...] == ("a\u{62}" as Literal)))
  }

  @Test func beginsWhatItStandsAtTheBeginningOf() {
    let line: [UInt8] = Array("SIGTERM".utf8)
    #expect(line[...].hasPrefix("SIG") && line[...].hasPrefix("") && line[...].hasPrefix("SIGTERM"))
    #expect(!line[...].hasPrefix("SIGTERMS") && !line[3...].hasPrefix("SIG"))
    #expect(line[3...].hasPrefix("TERM") && !line[..<2].hasPrefix("SIG"))
  }
}
