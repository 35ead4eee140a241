/// Pauses that grow, for one who looks again and again.
package struct Backoff {
  private let longest: Span
  private let shortest: Span
  private var current: Span
  private var jitter = Jitter()

  package init(from shortest: Span, to longest: Span) {
    self.shortest = shortest
    self.longest = max(shortest, longest)
    current = shortest
  }

  package mutating func reset() { current = shortest }

  /// Between half and all of a pause that doubles each time.
  package mutating func next() -> Span {
    let pause = current
    current = min(longest, current * 2)
    return pause / 2 + random(upTo: pause / 2)
  }

  package mutating func random(upTo limit: Span) -> Span { jitter.span(upTo: limit) }
}
