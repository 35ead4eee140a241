internal import CSystem

/// The terminal that this process was started on, while its keys go to a pseudo-terminal: then it is
/// raw, and passes on every key unchanged (cfmakeraw(3)). Only in the foreground: otherwise it is
/// somebody else's, as its modes are.
package final class Keyboard {
  /// What the relay knows, in memory that it has in common with the process that forks it, which is to
  /// put the terminal in order if the relay is killed.
  private struct State {
    var raw = termios()
    /// The modes before.
    var usual = termios()
    var isRaw = false
  }

  let number: Int32
  private let state: UnsafeMutablePointer<State>
  /// The modes that a pseudo-terminal has until those of this one are known.
  private var provisional: termios?

  /// `number` is a descriptor of the terminal.
  package init(_ number: Int32) throws(LaunchError) {
    self.number = number
    state = try makeSharedMemory(holding: State())
  }

  deinit { freeSharedMemory(state) }

  /// A terminal that does not control this session has no foreground for it.
  var isOurs: Bool {
    let group = tcgetpgrp(number)
    return group < 0 || group == getpgrp()
  }

  /// Makes it raw if it is ours and is not.
  ///
  /// - Returns: whether it is ours.
  func take() -> Bool {
    guard isOurs else { return false }
    var now = termios()
    if tcgetattr(number, &now) != 0 || isRaw(now) { return true }
    var raw = now
    cfmakeraw(&raw)
    state.pointee = State(raw: raw, usual: now, isRaw: true)
    tcsetattr(number, TCSANOW, &raw)
    return true
  }

  /// Undoes that, unless somebody else has changed the modes since. SIGTTOU must be blocked.
  func restore() {
    var now = termios()
    if tcgetattr(number, &now) == 0, isRaw(now) {
      tcsetattr(number, TCSANOW, &state.pointee.usual)
    }
    state.pointee.isRaw = false
  }

  private func isRaw(_ now: termios) -> Bool {
    state.pointee.isRaw && now.hasModes(of: state.pointee.raw)
  }

  // MARK: - The modes of the pseudo-terminal

  /// Gives a new pseudo-terminal the modes of this one. In the background that has those of a shell that
  /// edits its next line: then the pseudo-terminal stays as the kernel makes it, until `take`.
  func lendModes(to peer: Int32) {
    var modes = termios()
    if isOurs, tcgetattr(number, &modes) == 0 {
      tcsetattr(peer, TCSANOW, &modes)
    } else if tcgetattr(peer, &modes) == 0 {
      provisional = modes
    }
  }

  /// The same once this one is taken, if it was not ours before and the command has left the modes of
  /// the pseudo-terminal alone.
  func lendModesLate(to master: Int32) {
    guard let provisional else { return }
    self.provisional = nil
    var now = termios()
    if tcgetattr(master, &now) == 0, now.hasModes(of: provisional) {
      tcsetattr(master, TCSANOW, &state.pointee.usual)
    }
  }
}
