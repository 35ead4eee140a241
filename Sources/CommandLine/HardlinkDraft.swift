internal import Locking

/// The options of hardlink mode while they are being read.
struct HardlinkDraft {
  private let subcommand: Subcommand
  private var policy = HardlinkPolicy()
  private(set) var style = HardlinkStyle.flufl
  /// As it was given: zero for none.
  private(set) var lifetime: Span?
  /// The first of these options that was given.
  private(set) var first: StaticString?

  init(_ subcommand: Subcommand) {
    self.subcommand = subcommand
  }

  /// Whether `given` is one of them.
  mutating func take(_ given: GivenOption) throws(Failure) -> Bool {
    switch given.identity {
    case .lifetime: lifetime = try checkedLifetime(given)
    case .style: style = try given.style()
    case .clockSlop: policy.clockSlop = try given.duration()
    case .poll:
      let bounds = try given.poll()
      policy.shortestPoll = bounds.shortest
      policy.longestPoll = bounds.longest
    case .settle: policy.settle = try given.duration()
    case .retriedError: policy.retriedErrors.append(try given.errorName())
    default: return false
    }
    if first == nil { first = given.option.long }
    return true
  }

  /// An expiry has whole seconds on disk.
  private func checkedLifetime(_ given: GivenOption) throws(Failure) -> Span {
    let span = try given.duration()
    if span > .zero, span < .seconds(1) {
      throw given.invalid("at least 1s, or 0 for a lock that stays until it is released")
    }
    return span
  }

  func finished(defaultLifetime: Span? = HardlinkPolicy().lifetime) throws(Failure)
    -> HardlinkPolicy
  {
    var policy = policy
    if style == .portage, lifetime != nil {
      throw .usage("locks of --style portage have no lifetime", of: subcommand)
    }
    policy.lifetime = defaultLifetime
    if let lifetime { policy.lifetime = lifetime == .zero ? nil : lifetime }
    if style == .portage { policy.lifetime = nil }
    return policy
  }
}
