internal import CSystem

/// The terminal that this process was started on, while its keys go to a pseudo-terminal: then it is
/// raw, and passes on every key unchanged (cfmakeraw(3)). Only in the foreground: otherwise it is
/// somebody else's.
public final class Keyboard {
  let number: Int32
  private var raw = termios()
  /// The modes before.
  private var usual = termios()
  private var isRaw = false

  /// `number` is a descriptor of the terminal.
  public init(_ number: Int32) {
    self.number = number
    tcgetattr(number, &usual)
    raw = usual
    cfmakeraw(&raw)
  }

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
    if tcgetattr(number, &now) != 0 || isRaw && csystem_same_modes(&now, &raw) != 0 { return true }
    usual = now
    raw = now
    cfmakeraw(&raw)
    isRaw = true
    tcsetattr(number, TCSANOW, &raw)
    return true
  }

  /// Undoes that, unless somebody else has changed the modes since. SIGTTOU must be blocked.
  func restore() {
    var now = termios()
    if tcgetattr(number, &now) == 0, csystem_same_modes(&now, &raw) != 0 {
      tcsetattr(number, TCSANOW, &usual)
    }
    isRaw = false
  }
}
