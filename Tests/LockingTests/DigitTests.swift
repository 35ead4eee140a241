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

  @Test func readsOtherBases() {
    #expect(Array("fffffffffffffff0".utf8).number(radix: 16) == UInt64.max - 15)
    #expect(Array("777".utf8).number(radix: 8) == 0o777)
    #expect(Array("778".utf8).number(radix: 8) as Int? == nil)
    #expect(Array("FF".utf8).number(radix: 16) as Int? == nil)
  }
}
