import Locking
import Testing

@Suite struct DigitTests {
  @Test(
    arguments: [
      ("0", 0), ("007", 7), ("4294967296", nil), ("4294967295", 4_294_967_295), ("", nil),
      ("-1", nil), ("+1", nil), ("1 ", nil), ("a", nil), ("99999999999999999999", nil),
    ] as [(String, UInt32?)])
  func readsDigitsThatFit(text: String, number: UInt32?) {
    #expect(Array(text.utf8)[...].number() == number)
  }

  @Test(
    arguments: [
      (0, "0"), (1, "0.001"), (10, "0.01"), (120, "0.12"), (1000, "1"), (1001, "1.001"),
      (12500, "12.5"), (-1, "0"), (1_795_780_000_123, "1795780000.123"),
      (Span.longest.wholeMilliseconds, "9223372036.854"),
    ] as [(Int64, String)])
  func writesSecondsWithoutNeedlessDigits(milliseconds: Int64, text: String) {
    var memory = [UInt8](repeating: 0, count: 24)
    let count = memory.withUnsafeMutableBufferPointer {
      Span.milliseconds(milliseconds).writeSeconds(to: $0.baseAddress!)
    }
    #expect(String(decoding: memory[..<count], as: UTF8.self) == text)
  }

  @Test(arguments: [0, 9, 10, 143, UInt64.max])
  func writesDigitsIntoMemory(number: UInt64) {
    var memory = [UInt8](repeating: 0, count: 20)
    let count = memory.withUnsafeMutableBufferPointer {
      writeDigits(number, to: $0.baseAddress!)
    }
    #expect(String(decoding: memory[..<count], as: UTF8.self) == String(number))
  }

  @Test func readsOtherBases() {
    #expect(Array("fffffffffffffff0".utf8).number(radix: 16) == UInt64.max - 15)
    #expect(Array("777".utf8).number(radix: 8) == 0o777)
    #expect(Array("778".utf8).number(radix: 8) as Int? == nil)
    #expect(Array("FF".utf8).number(radix: 16) as Int? == nil)
  }
}
