/// Which of the two processes a supervisor is (`forkHolder`). One that has no front is the holder.
enum Role {
  /// Its child is the command, or the init of the command's pid namespace.
  case holder
  /// Its child is the holder, or another that sees to signals, times and leftovers itself: the front does
  /// what a holder no longer can.
  case front

  /// Whether the child ends by itself once what comes from the command has ended, and so is left alone.
  var sparesChild: Bool { self == .front }

  /// Whether what the child has left is this process's to see to. A holder that was not killed has done so.
  func isHeir(after ended: Termination) -> Bool {
    if case .signalled = ended { return true }
    return self == .holder
  }

  /// Whether leftovers that are to be killed are asked first. What a killed holder leaves runs on without
  /// the lock.
  var asksLeftovers: Bool { self == .holder }
}
