internal import Locking
internal import SystemInterface

/// The number that `digits` spell in `radix`; nil if they are not digits, none, or too many.
func parseNumber(_ digits: ArraySlice<UInt8>, radix: Int64 = 10) -> Int64? {
  if digits.isEmpty { return nil }
  var value: Int64 = 0
  for digit in digits {
    let (worth, isSmaller) = digit.subtractingReportingOverflow(ascii("0"))
    guard !isSmaller, Int64(worth) < radix else { return nil }
    let (product, tooLarge) = value.multipliedReportingOverflow(by: radix)
    let (sum, overflow) = product.addingReportingOverflow(Int64(worth))
    if tooLarge || overflow { return nil }
    value = sum
  }
  return value
}

/// A DURATION, in nanoseconds: `10`, `1.5`, `250ms`, `90s`, `5m`, `2h`, `1d`; `Int64.max`, which is
/// 292 years, for what is longer.
func parseDuration(_ text: ByteString) -> Int64? {
  let bytes = text.bytes
  let whole = bytes.prefix { $0 >= ascii("0") && $0 <= ascii("9") }
  var rest = bytes.dropFirst(whole.count)
  var fraction: ArraySlice<UInt8> = []
  if rest.first == ascii(".") {
    fraction = rest.dropFirst().prefix { $0 >= ascii("0") && $0 <= ascii("9") }
    rest = rest.dropFirst(fraction.count + 1)
  }
  guard !whole.isEmpty || !fraction.isEmpty, var unit = nanoseconds(inUnit: ByteString(rest)) else {
    return nil
  }
  guard let count = whole.isEmpty ? 0 : parseNumber(whole) else { return Int64.max }
  var (span, overflow) = count.multipliedReportingOverflow(by: unit)
  for digit in fraction {
    unit /= 10
    let (sum, sumOverflow) = span.addingReportingOverflow(Int64(digit - ascii("0")) * unit)
    span = sum
    overflow = overflow || sumOverflow
  }
  // Less than a nanosecond is not nothing: 0 means not to wait at all.
  if span == 0, fraction.contains(where: { $0 != ascii("0") }) { span = 1 }
  return overflow ? Int64.max : span
}

private func nanoseconds(inUnit unit: ByteString) -> Int64? {
  let second: Int64 = 1_000_000_000
  return switch unit {
  case "", "s": second
  case "ms": second / 1000
  case "m": 60 * second
  case "h": 3600 * second
  case "d": 86400 * second
  default: nil
  }
}

/// An exit status, 0 to 255.
func parseExitCode(_ text: ByteString) -> Int32? {
  guard let value = parseNumber(text.bytes), value <= 255 else { return nil }
  return Int32(value)
}

/// Octal permission bits, up to 0777.
func parsePermissions(_ text: ByteString) -> UInt32? {
  guard let value = parseNumber(text.bytes, radix: 8), value <= 0o777 else { return nil }
  return UInt32(value)
}

/// START[:LENGTH], in bytes.
func parseRange(_ text: ByteString) -> ByteRange? {
  let parts = text.bytes.split(
    separator: ascii(":"), maxSplits: 1, omittingEmptySubsequences: false)
  guard let start = parseNumber(parts[0]),
    let length = parts.count == 1 ? 0 : parseNumber(parts[1])
  else { return nil }
  return ByteRange(start: start, length: length)
}

/// A group or user number; the largest one means "no change" to chown(2).
func parseIdentifier(_ text: ByteString) -> UInt32? {
  guard let value = parseNumber(text.bytes), value < Int64(UInt32.max) else { return nil }
  return UInt32(value)
}

/// The shortest and the longest pause between two looks, in nanoseconds.
struct PollBounds: Equatable {
  let shortest: Int64
  let longest: Int64
}

/// MIN:MAX, both longer than 0.
func parsePollBounds(_ text: ByteString) -> PollBounds? {
  let parts = text.bytes.split(
    separator: ascii(":"), maxSplits: 1, omittingEmptySubsequences: false)
  guard parts.count == 2, let shortest = parseDuration(ByteString(parts[0])), shortest > 0,
    let longest = parseDuration(ByteString(parts[1])), longest > 0
  else { return nil }
  return PollBounds(shortest: shortest, longest: longest)
}
