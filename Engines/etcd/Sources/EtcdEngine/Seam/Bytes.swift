/// Names and values are bytes, not text: what is no UTF-8 stays what it is.
typealias Bytes = [UInt8]

extension Array where Element == UInt8 {
  init(text: String) { self = Array(text.utf8) }

  /// For messages: what is no UTF-8, or no printable character, becomes `?`.
  var text: String {
    String(decoding: map { $0 < 0x20 || $0 == 0x7f ? 0x3f : $0 }, as: UTF8.self)
  }

  func hasPrefix(_ text: String) -> Bool { starts(with: text.utf8) }

  /// What comes after `prefix`; nil if it does not begin so.
  func after(_ prefix: String) -> Bytes? {
    hasPrefix(prefix) ? Array(dropFirst(prefix.utf8.count)) : nil
  }
}

/// A whole number in decimal digits, without a sign; nil if it is none, or greater than `limit`.
func number(_ digits: some Sequence<UInt8>, upTo limit: Int64) -> Int64? {
  var value: Int64 = 0
  var any = false
  for digit in digits {
    guard (0x30...0x39).contains(digit) else { return nil }
    value = value * 10 + Int64(digit - 0x30)
    any = true
    if value > limit { return nil }
  }
  return any ? value : nil
}

/// Lower-case hex without leading zeros, as etcdctl writes leases.
func hex(_ value: Int64) -> String { String(UInt64(bitPattern: value), radix: 16) }
