internal import Locking
internal import SystemInterface

/// The number that `digits` spell in `radix`; nil if they are not digits, none, or too many.
func parseNumber(_ digits: ArraySlice<UInt8>, radix: UInt64 = 10) -> Int64? {
  digits.number(radix: radix)
}

/// A DURATION, as sleep(1) and systemd.time(7) write them: `10`, `1.5`, `500ms`, `5min`, `1h30m`, `1d 12h`,
/// `infinity`. A number without a unit is of seconds, and stands alone. The longest span, which is 292 years,
/// for what is longer.
func parseDuration(_ text: ByteString) -> Span? {
  if text == "infinity" { return .longest }
  var rest = text.bytes[...]
  var sum = Span.zero
  var isFirst = true
  repeat {
    guard let (span, hasUnit) = takeSpan(from: &rest), hasUnit || (isFirst && rest.isEmpty) else {
      return nil
    }
    sum = sum + span
    isFirst = false
  } while !rest.isEmpty
  return sum
}

/// One number and its unit, and the spaces behind it.
private func takeSpan(from text: inout ArraySlice<UInt8>) -> (Span, hasUnit: Bool)? {
  let whole = text.prefix(while: isDigit)
  text = text.dropFirst(whole.count)
  var fraction: ArraySlice<UInt8> = []
  if text.first == ascii(".") {
    fraction = text.dropFirst().prefix(while: isDigit)
    text = text.dropFirst(fraction.count + 1)
  }
  let name = text.prefix { !isDigit($0) && $0 != ascii(".") && $0 != ascii(" ") }
  text = text.dropFirst(name.count)
  if !name.isEmpty { text = text.drop { $0 == ascii(" ") } }
  guard !whole.isEmpty || !fraction.isEmpty, var unit = unit(ByteString(name)) else { return nil }
  guard let count = whole.isEmpty ? 0 : parseNumber(whole) else {
    return (.longest, !name.isEmpty)
  }
  var span = unit * count
  for digit in fraction {
    unit = unit / 10
    span = span + unit * Int64(digit - ascii("0"))
  }
  // Less than a nanosecond is not nothing: 0 means not to wait at all.
  if span == .zero, fraction.contains(where: { $0 != ascii("0") }) { span = .nanoseconds(1) }
  return (span, !name.isEmpty)
}

private func unit(_ name: ByteString) -> Span? {
  switch name {
  case "us", "usec", "µs": .microseconds(1)
  case "ms", "msec": .milliseconds(1)
  case "", "s", "sec", "second", "seconds": .seconds(1)
  case "m", "min", "minute", "minutes": .seconds(60)
  case "h", "hr", "hour", "hours": .seconds(3600)
  case "d", "day", "days": .seconds(86400)
  case "w", "week", "weeks": .seconds(7 * 86400)
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

/// The shortest and the longest pause between two looks.
struct PollBounds: Equatable {
  let shortest: Span
  let longest: Span
}

/// MIN:MAX, both longer than 0.
func parsePollBounds(_ text: ByteString) -> PollBounds? {
  let parts = text.bytes.split(
    separator: ascii(":"), maxSplits: 1, omittingEmptySubsequences: false)
  guard parts.count == 2, let shortest = parseDuration(ByteString(parts[0])), shortest > .zero,
    let longest = parseDuration(ByteString(parts[1])), longest > .zero
  else { return nil }
  return PollBounds(shortest: shortest, longest: longest)
}
