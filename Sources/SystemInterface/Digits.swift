/// `value` in base 10, as ASCII.
package func decimalDigits(_ value: UInt64) -> [UInt8] {
  var digits: [UInt8] = []
  var rest = value
  repeat {
    digits.append(ascii("0") + UInt8(rest % 10))
    rest /= 10
  } while rest > 0
  return digits.reversed()
}

/// The same into memory that is there already, of 20 bytes: also in a signal handler.
///
/// - Returns: how many digits there are.
package func writeDigits(_ value: UInt64, to text: UnsafeMutablePointer<UInt8>) -> Int {
  var divisor: UInt64 = 1
  while value / divisor >= 10 { divisor *= 10 }
  var count = 0
  while divisor > 0 {
    text[count] = ascii("0") + UInt8(value / divisor % 10)
    divisor /= 10
    count += 1
  }
  return count
}

extension Span {
  /// Into memory of 24 bytes: so many seconds, with up to three digits behind the point. Less than none is none.
  package func writeSeconds(to text: UnsafeMutablePointer<UInt8>) -> Int {
    let milliseconds = UInt64(max(0, wholeMilliseconds))
    var count = writeDigits(milliseconds / 1000, to: text)
    var rest = milliseconds % 1000
    var place: UInt64 = 100
    if rest > 0 {
      text[count] = ascii(".")
      count += 1
    }
    while rest > 0 {
      text[count] = ascii("0") + UInt8(rest / place)
      rest %= place
      place /= 10
      count += 1
    }
    return count
  }
}

extension Sequence where Element == UInt8 {
  /// The number that these ASCII digits spell, `a` to `f` among them; nil for anything else, for nothing,
  /// and for a number that does not fit.
  package func number<Number: FixedWidthInteger>(radix: UInt64 = 10) -> Number? {
    unsigned(radix: radix).flatMap { Number(exactly: $0) }
  }

  @inline(never)
  private func unsigned(radix: UInt64) -> UInt64? {
    var number: UInt64?
    for byte in self {
      guard let digit = digitValue(byte), digit < radix else { return nil }
      let (product, tooLarge) = (number ?? 0).multipliedReportingOverflow(by: radix)
      let (sum, overflow) = product.addingReportingOverflow(digit)
      if tooLarge || overflow { return nil }
      number = sum
    }
    return number
  }
}

extension ArraySlice where Element == UInt8 {
  /// The bytes before the next `separator`, or all that are left, which are taken off with the separator;
  /// nil where there was none behind the last ones.
  @inline(never)
  package static func takeField(of rest: inout ArraySlice?, before separator: UInt8) -> ArraySlice?
  {
    guard let bytes = rest else { return nil }
    guard let end = bytes.firstIndex(of: separator) else {
      rest = nil
      return bytes
    }
    rest = bytes[(end + 1)...]
    return bytes[..<end]
  }
}

/// What an ASCII digit stands for, the lower-case letters of base 16 included.
package func digitValue(_ byte: UInt8) -> UInt64? {
  switch byte {
  case ascii("0")...ascii("9"): UInt64(byte - ascii("0"))
  case ascii("a")...ascii("f"): UInt64(byte - ascii("a") + 10)
  default: nil
  }
}

/// Whether it is a decimal digit.
package func isDigit(_ byte: UInt8) -> Bool { byte &- ascii("0") < 10 }

/// Whether it is one of base 16, in lower case.
package func isHexadecimal(_ byte: UInt8) -> Bool { digitValue(byte) != nil }
