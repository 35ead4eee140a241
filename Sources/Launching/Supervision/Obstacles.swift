/// What goes on although it is to be ended: each is told once.
struct Obstacles {
  private var refused: [Int32] = []
  private var hasSaidBlindness = false
  private var untold: [Supervisor.Obstacle] = []

  /// Some examples are enough.
  private static let maximumTold = 5

  mutating func note(_ reach: Family.Reach) {
    for refusal in reach.refused where !refused.contains(refusal.process) {
      if refused.count < Self.maximumTold {
        untold.append(.refused(process: refusal.process, refusal.errno))
      }
      refused.append(refusal.process)
    }
    if let blindness = reach.blindness { note(blindness) }
  }

  /// Not all could be found.
  mutating func note(_ blindness: Errno) {
    if !hasSaidBlindness { untold.append(.unseen(blindness)) }
    hasSaidBlindness = true
  }

  mutating func take() -> Supervisor.Obstacle? { untold.isEmpty ? nil : untold.removeFirst() }

  /// Whether a process could not be signalled.
  func contain(_ process: Int32) -> Bool { refused.contains(process) }
}
