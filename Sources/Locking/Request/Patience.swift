/// How long to wait for a lock that somebody else holds.
package enum Patience: Equatable, Sendable {
  case never, forever
  case until(Deadline)

  /// `span`, or what is left of the patience.
  package func bounding(_ span: Span) -> Span {
    if case .until(let deadline) = self { min(span, deadline.remaining) } else { span }
  }

  /// The same, but not longer than until `end`.
  package func cut(at end: Deadline) -> Patience {
    switch self {
    case .never: .never
    case .forever: .until(end)
    case .until(let deadline): deadline <= end ? self : .until(end)
    }
  }

  package var isOver: Bool {
    switch self {
    case .never: true
    case .forever: false
    case .until(let deadline): deadline.hasPassed
    }
  }
}
