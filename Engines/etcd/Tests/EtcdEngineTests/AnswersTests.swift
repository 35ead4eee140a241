import Testing

@testable import EtcdEngine

@Suite struct AnswersTests {
  @Test func framesAreWholeMessages() {
    let first = FrameReader.framed(Bytes(text: "one"))
    let second = FrameReader.framed([])
    var reader = FrameReader()
    for byte in (first + second).dropLast() { reader.append([byte]) }
    #expect(reader.next() == Bytes(text: "one"))
    #expect(reader.next() == nil)
    reader.append([second.last!])
    #expect(reader.next() == [])
    #expect(reader.next() == nil && !reader.isBroken)
  }

  @Test(arguments: [[1, 0, 0, 0, 0], [0, 0xff, 0xff, 0xff, 0xff]] as [Bytes])
  func framesThatAreNoneEndTheReading(_ bytes: Bytes) {
    var reader = FrameReader()
    reader.append(bytes)
    #expect(reader.next() == nil && reader.isBroken)
    reader.append(FrameReader.framed([]))
    #expect(reader.next() == nil)
  }

  @Test func statusIsInTheTrailers() {
    var status = GRPCStatus()
    for line in ["HTTP/2 200", "Grpc-Status: 9\r\n", "grpc-message: etcdserver: a%20b%0Ac\r\n"] {
      status.read(header: Bytes(text: line))
    }
    #expect(status.code == 9 && status.reason == "a b?c" && status.says("a b"))
    status.read(header: Bytes(text: "grpc-status: many"))
    #expect(status.code == 2)
  }

  @Test func answersThatCannotBeReadAreNone() {
    let cut: Bytes = [0x0a, 0x05, 0x01]
    #expect(RangeAnswer(cut) == nil && TransactionAnswer(cut) == nil && LeaseAnswer(cut) == nil)
    #expect(WatchAnswer(cut) == nil && AuthenticateAnswer(cut) == nil)
    #expect(LeaseAnswer([])?.ttl == 0)
  }
}
