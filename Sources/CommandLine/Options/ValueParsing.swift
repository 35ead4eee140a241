internal import Locking
internal import SystemInterface

/// The number that `digits` spell in `radix`; nil if they are not digits, none, or too many.
func parseNumber(_ digits: ArraySlice<UInt8>, radix: UInt64 = 10) -> Int64? {
  digits.number(radix: radix)
}

/// A DURATION: `10`, `1.5`, `250ms`, `90s`, `5m`, `2h`, `1d`; the longest span, which is 292 years, for
/// what is longer.
func parseDuration(_ text: ByteString) -> Span? {
  let bytes = text.bytes
  let whole = bytes.prefix(while: isDigit)
  var rest = bytes.dropFirst(whole.count)
  var fraction: ArraySlice<UInt8> = []
  if rest.first == ascii(".") {
    fraction = rest.dropFirst().prefix(while: isDigit)
    rest = rest.dropFirst(fraction.count + 1)
  }
  guard !whole.isEmpty || !fraction.isEmpty, var unit = unit(ByteString(rest)) else { return nil }
  guard let count = whole.isEmpty ? 0 : parseNumber(whole) else { return .longest }
  var span = unit * count
  for digit in fraction {
    unit = unit / 10
    span = span + unit * Int64(digit - ascii("0"))
  }
  // Less than a nanosecond is not nothing: 0 means not to wait at all.
  if span == .zero, fraction.contains(where: { $0 != ascii("0") }) { return .nanoseconds(1) }
  return span
}

private func unit(_ name: ByteString) -> Span? {
  switch name {
  case "", "s": .seconds(1)
  case "ms": .milliseconds(1)
  case "m": .seconds(60)
  case "h": .seconds(3600)
  case "d": .seconds(86400)
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
