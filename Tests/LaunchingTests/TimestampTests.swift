import SystemInterface
import TestSupport
import Testing

@testable import Launching

@Suite struct TimestampTests {
  private func text(_ seconds: Int64, _ milliseconds: Int64 = 0) -> String {
    String(decoding: timestamp(seconds: seconds, milliseconds: milliseconds), as: UTF8.self)
  }

  @Test func datesAreThoseOfTheCalendar() {
    #expect(text(0) == "1970-01-01T00:00:00.000Z ")
    #expect(text(68_169_599, 999) == "1972-02-28T23:59:59.999Z ")
    #expect(text(68_169_600) == "1972-02-29T00:00:00.000Z ")
    #expect(text(951_782_400, 7) == "2000-02-29T00:00:00.007Z ")
    #expect(text(951_868_800) == "2000-03-01T00:00:00.000Z ")
    #expect(text(1_709_164_799) == "2024-02-28T23:59:59.000Z ")
    #expect(text(1_735_689_599) == "2024-12-31T23:59:59.000Z ")
    #expect(text(2_147_483_648) == "2038-01-19T03:14:08.000Z ")
    #expect(text(4_107_542_400) == "2100-03-01T00:00:00.000Z ")
    #expect(text(253_402_300_799) == "9999-12-31T23:59:59.000Z ")
  }
}
