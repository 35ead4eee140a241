internal import CSystem

/// `2026-11-25T16:29:30.123Z ` (RFC 3339): the time now, in UTC.
func timestamp() -> [UInt8] {
  var now = timespec()
  clock_gettime(CLOCK_REALTIME, &now)
  return timestamp(seconds: Int64(now.tv_sec), milliseconds: Int64(now.tv_nsec) / 1_000_000)
}

/// The same of a time since 1970 that is not before that.
func timestamp(seconds: Int64, milliseconds: Int64) -> [UInt8] {
  // Years that begin with March have their leap day at their end, and every 400 of them have as many
  // days; the first of these began with March 1 of the year 0, which is so many days before 1970.
  let days = max(0, seconds) / 86400 + 719468
  let second = max(0, seconds) % 86400
  let era = days / 146097
  let dayOfEra = days % 146097
  let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365
  let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
  let monthFromMarch = (5 * dayOfYear + 2) / 153
  let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  let year = era * 400 + yearOfEra + (month < 3 ? 1 : 0)

  var text: [UInt8] = []
  func append(_ number: Int64, _ width: Int, _ separator: Unicode.Scalar) {
    let digits = decimalDigits(UInt64(number))
    for _ in digits.count..<max(width, digits.count) { text.append(ascii("0")) }
    text += digits
    text.append(ascii(separator))
  }
  append(year, 4, "-")
  append(month, 2, "-")
  append(dayOfYear - (153 * monthFromMarch + 2) / 5 + 1, 2, "T")
  append(second / 3600, 2, ":")
  append(second / 60 % 60, 2, ":")
  append(second % 60, 2, ".")
  append(milliseconds, 3, "Z")
  text.append(ascii(" "))
  return text
}
