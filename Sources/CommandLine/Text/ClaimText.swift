internal import Locking
internal import SystemInterface

// How claims are described to people.

extension HardlinkClaim {
  /// `pid 4711 on HOST`, or `nobody, on HOST`; where only the claim is known, its name.
  var ownerName: Message {
    if host.isEmpty { return "the owner of \(fileName)" }
    let remark: StaticString = isHostShared ? ", as other hosts are called too" : ""
    return process == 0 ? "nobody, on \(host)" : "pid \(process) on \(host)\(remark)"
  }

  /// `by pid 4711 on HOST`, or `for nobody, on HOST`.
  var ownerPhrase: Message {
    let preposition: StaticString = process == 0 && !host.isEmpty ? "for" : "by"
    return "\(preposition) \(ownerName)"
  }

  /// `expires in 41s`, `expired 12s ago`, or that this is not known; nil where it never does.
  var expiryPhrase: Message? {
    guard let remaining else { return nil }
    if hasExpired, !isExpiryCertain { return "past its time by this host's clock" }
    // What is known of it is only that it does not fit.
    let span: Message =
      remaining.isLimit ? "more than 200 years" : spanText(remaining.magnitude.wholeSeconds)
    return remaining < .zero ? "expired \(span) ago" : "expires in \(span)"
  }

  /// ` (expires in 41s)`, or nothing.
  var expiryInBrackets: Message {
    expiryPhrase.map { " (\($0))" } ?? ""
  }
}

/// `41s`, `5m 12s`, `2h 5m`, `3d 4h`
func spanText(_ seconds: Int64) -> Message {
  let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400)
  if seconds < 60 { return "\(seconds)s" }
  if minutes < 60 { return "\(minutes)m \(seconds % 60)s" }
  if hours < 24 { return "\(hours)h \(minutes % 60)m" }
  return "\(days)d \(hours % 24)h"
}
