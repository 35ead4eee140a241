internal import Locking
internal import SystemInterface

// How claims are described to people.

extension HardlinkClaim {
  /// `pid 4711 on HOST`, or `nobody, on HOST`; where only the claim is known, its name.
  var ownerName: Message {
    if host.isEmpty { return "the owner of \(fileName)" }
    let remark: Literal = isHostShared ? ", as other hosts are called too" : ""
    return process == 0 ? "nobody, on \(host)" : "pid \(process) on \(host)\(remark)"
  }

  /// `by pid 4711 on HOST`, or `for nobody, on HOST`.
  var ownerPhrase: Message {
    let preposition: Literal = process == 0 && !host.isEmpty ? "for" : "by"
    return "\(preposition) \(ownerName)"
  }

  /// `by pid 4711 on HOST, which is alive`, or may be; nobody is neither.
  var livingPhrase: Message {
    if process == 0, !host.isEmpty { return ownerPhrase }
    let verb: Literal = liveness == .alive ? "is" : "may be"
    return "\(ownerPhrase), which \(verb) alive"
  }

  /// `expires in 41s`, `expired 12s ago`, or that this is not known; nil where it never does.
  var expiryPhrase: Message? {
    guard let remaining else { return nil }
    if hasExpired, !isExpiryCertain { return "past its time by this host's clock" }
    // What is known of it is only that it does not fit.
    let span: Message =
      remaining.isLimit
      ? "more than 200 years" : spanText(.seconds(remaining.magnitude.wholeSeconds))
    return remaining < .zero ? "expired \(span) ago" : "expires in \(span)"
  }

  /// ` (expires in 41s)`, or nothing.
  var expiryInBrackets: Message {
    expiryPhrase.map { " (\($0))" } ?? ""
  }
}

/// `250ms`, `1.5s`, `41s`, `5m`, `5m 12s`, `2h 5m`, `3d 4h`: what parseDuration(_:) reads, cut to two units.
func spanText(_ span: Span) -> Message {
  if span > .zero, span < .seconds(1) { return "\(span.wholeMilliseconds)ms" }
  let seconds = span.wholeSeconds
  let tenths = span.wholeMilliseconds / 100 % 10
  if span < .seconds(60), tenths > 0 { return "\(seconds).\(tenths)s" }
  let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400)
  if seconds < 60 { return "\(seconds)s" }
  if minutes < 60 { return pair(minutes, "m", seconds % 60, "s") }
  if hours < 24 { return pair(hours, "h", minutes % 60, "m") }
  return pair(days, "d", hours % 24, "h")
}

private func pair(
  _ large: Int64, _ unit: Literal, _ small: Int64, _ smallUnit: Literal
) -> Message {
  small == 0 ? "\(large)\(unit)" : "\(large)\(unit) \(small)\(smallUnit)"
}
