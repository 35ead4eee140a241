import CLibrary
import Glibc
import Testing

@testable import EtcdEngine

@Suite struct SeamTests {
  /// Both ends of a socket.
  private func pair() -> (Seam, CInt) {
    var ends: [CInt] = [0, 0]
    #expect(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
    return (Seam(descriptor: ends[0]), ends[1])
  }

  private func everything(_ descriptor: CInt) -> [String] {
    var all = Bytes()
    var buffer = Bytes(repeating: 0, count: 65536)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, CInt(MSG_DONTWAIT))
      if count <= 0 { break }
      all += buffer[..<count]
    }
    return all.text(lines: true)
  }

  @Test func ofRenewalsThatNobodyReadsOnlyTheNewestIsKept() {
    let (seam, other) = pair()
    for number in 0..<100_000 { seam.say(SeamLine("until").with(Int64(number))) }
    seam.say(SeamLine("lost").with("at last"))
    var lines = everything(other)
    while seam.hasMore {
      seam.send()
      lines += everything(other)
    }
    #expect(lines.count < 100_000)
    #expect(lines.suffix(2) == ["until 99999", "lost at%20last"])
    close(other)
    close(seam.descriptor)
  }

  @Test func releaseIsHeardInPiecesAndAmongOthers() {
    let (seam, other) = pair()
    #expect(!seam.hasRelease())
    for piece in ["later\nrel", "ease", "\nmore"] {
      #expect(!seam.hasRelease())
      _ = write(other, piece, piece.utf8.count)
    }
    #expect(seam.hasRelease())
    #expect(!seam.hasRelease())
    #expect(!seam.ended)
    close(other)
    #expect(!seam.hasRelease())
    #expect(seam.ended)
    close(seam.descriptor)
  }

  @Test func wordsStayWords() {
    #expect(
      SeamLine("x").with("a b%\n\u{7f}").with("").with(-1).bytes.text == "x a%20b%25%0A%7F  -1")
    #expect(unescape(Bytes(text: "a%20b%2z%")) == Bytes(text: "a b%2z%"))
    let long = SeamLine("x").with(Bytes(repeating: 1, count: 5000)).bytes
    #expect(long.count < SeamLine.longest && long.suffix(3) == Bytes(text: "%01"))
  }
}

extension Array where Element == UInt8 {
  fileprivate func text(lines: Bool) -> [String] {
    split(separator: 0x0a).map { Array($0).text }
  }
}
