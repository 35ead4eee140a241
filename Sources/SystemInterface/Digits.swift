/// `value` in base 10, as ASCII.
public func decimalDigits(_ value: UInt64) -> [UInt8] {
  var digits: [UInt8] = []
  var rest = value
  repeat {
    digits.append(ascii("0") + UInt8(rest % 10))
    rest /= 10
  } while rest > 0
  return digits.reversed()
}
