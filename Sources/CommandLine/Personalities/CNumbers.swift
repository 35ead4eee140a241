internal import CSystem
internal import SystemInterface

// Numbers as programs in C read them: every word that they accept is accepted, and means the same.

enum NumberError: Error {
  case invalid, outOfRange
}

/// A whole number of 32 bits in base 10 (strtol(3)). Like util-linux, it looks at the size of what is
/// read before it looks at what follows.
func wholeNumber(_ text: ByteString) throws(NumberError) -> Int32 {
  guard let value = Int32(exactly: try longNumber(text)) else { throw .outOfRange }
  return value
}

/// The same of 64 bits.
private func longNumber(_ text: ByteString) throws(NumberError) -> Int64 {
  try text.withCString { (start) throws(NumberError) in
    var end: UnsafeMutablePointer<CChar>?
    csystem_clear_errno()
    let value = strtoll(start, &end, 10)
    if Errno.current == .outOfRange { throw .outOfRange }
    guard let end, end != start, end.pointee == 0 else { throw .invalid }
    return Int64(value)
  }
}

/// A time as util-linux reads it, whose numbers have more digits than a `Double`.
struct Seconds {
  let value: Double
  /// The same, if it was written as a whole number of 64 bits.
  let whole: Int64?

  init(_ text: ByteString) throws(NumberError) {
    value = try realNumber(text)
    whole = try? longNumber(text)
  }
}

/// A number with a decimal point or an exponent, in every form that strtod(3) takes; that function
/// itself would make the binary 4 % larger. Good to 15 digits, and to exponents below 308.
func realNumber(_ text: ByteString) throws(NumberError) -> Double {
  var rest = text.bytes.drop(while: isSpace)
  var isNegative = false
  if let sign = rest.first, sign == ascii("-") || sign == ascii("+") {
    isNegative = sign == ascii("-")
    rest = rest.dropFirst()
  }
  let magnitude: Double
  if let special = special(rest) {
    magnitude = special
  } else if let digits = hexadecimalDigits(rest) {
    magnitude = try scaled(digits, radix: 16, exponentLetter: ascii("p"), exponentBase: 2)
  } else {
    magnitude = try scaled(rest, radix: 10, exponentLetter: ascii("e"), exponentBase: 10)
  }
  return isNegative ? -magnitude : magnitude
}

/// `inf`, `infinity`, `nan` and `nan(WORD)`, in any case.
private func special(_ text: ArraySlice<UInt8>) -> Double? {
  let lower = ByteString(text.map { $0 | 0x20 })
  switch lower {
  case "inf", "infinity": return .infinity
  case "nan": return .nan
  default:
    guard lower.hasPrefix("nan("), text.last == ascii(")") else { return nil }
    return text.dropFirst(4).dropLast().allSatisfy(isOfWord) ? .nan : nil
  }
}

private func isOfWord(_ byte: UInt8) -> Bool {
  byte == ascii("_") || (ascii("0")...ascii("9")).contains(byte)
    || (ascii("a")...ascii("z")).contains(byte | 0x20)
}

/// What stands behind `0x`.
private func hexadecimalDigits(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
  guard text.count > 2, text.first == ascii("0"), text.dropFirst().first! | 0x20 == ascii("x")
  else { return nil }
  return text.dropFirst(2)
}

/// DIGITS[.DIGITS][LETTER[SIGN]EXPONENT]
private func scaled(
  _ text: ArraySlice<UInt8>, radix: Double, exponentLetter: UInt8, exponentBase: Double
) throws(NumberError) -> Double {
  var value = 0.0
  // Digits behind those that are in `value`, less those that are in it behind the point.
  var shift = 0
  var hasDigits = false
  var isFraction = false
  var rest = text
  while let byte = rest.first {
    if let digit = digitValue(isUpperCase(byte) ? byte | 0x20 : byte), Double(digit) < radix {
      hasDigits = true
      let isInValue = value < 1e30
      if isInValue { value = value * radix + Double(digit) }
      if isInValue == isFraction { shift += isInValue ? -1 : 1 }
    } else if byte == ascii("."), !isFraction {
      isFraction = true
    } else {
      break
    }
    rest = rest.dropFirst()
  }
  guard hasDigits else { throw .invalid }
  let exponent = takeExponent(&rest, letter: exponentLetter)
  if value != 0 {
    // The exponents that util-linux's long double has.
    let power = exponentBase == 2 ? Double(exponent) : Double(exponent + Int64(shift)) * 3.3219
    guard (-16445...16384).contains(power) else { throw .outOfRange }
  }
  guard rest.isEmpty else { throw .invalid }
  if value == 0 { return 0 }
  guard radix != exponentBase else { return powered(value, radix, Int(exponent) + shift) }
  return powered(powered(value, radix, shift), exponentBase, Int(exponent))
}

/// LETTER[SIGN]DIGITS, where that stands in front; what is longer than 32 bits is cut.
private func takeExponent(_ text: inout ArraySlice<UInt8>, letter: UInt8) -> Int64 {
  guard let first = text.first, first | 0x20 == letter else { return 0 }
  var rest = text.dropFirst()
  var isNegative = false
  if let sign = rest.first, sign == ascii("-") || sign == ascii("+") {
    isNegative = sign == ascii("-")
    rest = rest.dropFirst()
  }
  let digits = rest.prefix(while: isDigit)
  if digits.isEmpty { return 0 }
  text = rest.dropFirst(digits.count)
  let value = Int64(digits.number() ?? Int32.max)
  return isNegative ? -value : value
}

/// `value` times `base` to the power of `exponent`.
private func powered(_ value: Double, _ base: Double, _ exponent: Int) -> Double {
  var result = value
  // Step by step, and not by one power, which might be infinite.
  for _ in 0..<min(5000, abs(exponent)) {
    if exponent > 0 { result *= base } else { result /= base }
  }
  return result
}

private func isUpperCase(_ byte: UInt8) -> Bool { (ascii("A")...ascii("Z")).contains(byte) }

/// isspace(3), in the C locale.
private func isSpace(_ byte: UInt8) -> Bool {
  byte == ascii(" ") || (9...13).contains(byte)
}

/// A number of bytes as util-linux reads it: in C's notation, with a suffix such as `K` or `KiB`
/// (powers of 1024) or `KB` (powers of 1000), and then perhaps with a fraction.
func byteCount(_ text: ByteString) throws(NumberError) -> UInt64 {
  let (whole, rest) = try leadingCount(text)
  if rest.isEmpty { return whole }
  var suffix = rest
  var fraction: ArraySlice<UInt8> = []
  if rest.first == ascii("."), rest.count > 1 {
    fraction = rest.dropFirst().prefix(while: isDigit)
    suffix = rest.dropFirst(1 + fraction.count)
  }
  let (product, unit) = try product(whole, suffix)
  return product &+ (try part(fraction, of: unit))
}

private func leadingCount(
  _ text: ByteString
) throws(NumberError) -> (value: UInt64, rest: ArraySlice<UInt8>) {
  // strtoull takes a minus, and wraps around.
  if text.bytes.drop(while: isSpace).first == ascii("-") { throw .invalid }
  return try text.withCString { (start) throws(NumberError) in
    var end: UnsafeMutablePointer<CChar>?
    csystem_clear_errno()
    let value = strtoull(start, &end, 0)
    guard let end, end != start else { throw .invalid }
    if Errno.current == .outOfRange { throw .outOfRange }
    return (value, text.bytes.dropFirst(UnsafePointer(end) - start))
  }
}

/// `count` times what a suffix stands for, which may be more than 64 bits have.
private func product(
  _ count: UInt64, _ suffix: ArraySlice<UInt8>
) throws(NumberError) -> (value: UInt64, unit: UInt64) {
  let letters: Literal = "KMGTPEZY"
  guard let letter = suffix.first,
    let power = letters.utf8.firstIndex(where: { $0 == letter || $0 + 32 == letter })
  else { throw .invalid }
  let base: UInt64
  switch ByteString(suffix.dropFirst()) {
  case "", "iB", "ib": base = 1024
  case "B", "b": base = 1000
  default: throw .invalid
  }
  var value = count
  var unit: UInt64 = 1
  for _ in 0...power {
    if value > UInt64.max / base { throw .outOfRange }
    value *= base
    if unit <= UInt64.max / base { unit *= base }
  }
  return (value, unit)
}

/// `0.DIGITS` of a unit, rounded as util-linux rounds it: each digit for itself, by whole divisors.
/// Ranges that differed by a byte would not exclude each other as theirs do.
private func part(_ digits: ArraySlice<UInt8>, of unit: UInt64) throws(NumberError) -> UInt64 {
  let significant = digits.drop { $0 == ascii("0") }
  let zeros = digits.count - significant.count
  guard var value: UInt64 = significant.isEmpty ? 0 : significant.number() else {
    throw .outOfRange
  }
  var divisor: UInt64 = 10
  while divisor < value { lengthen(&divisor, &value) }
  for _ in 0..<zeros { lengthen(&divisor, &value) }
  var part: UInt64 = 0
  while value > 0 {
    let digit = value % 10
    if digit > 0, divisor >= digit { part &+= unit / (divisor / digit) }
    divisor /= 10
    value /= 10
  }
  return part
}

/// Ten times the divisor; or, where that is too large, one digit less.
private func lengthen(_ divisor: inout UInt64, _ value: inout UInt64) {
  if divisor <= UInt64.max / 10 { divisor *= 10 } else { value /= 10 }
}
