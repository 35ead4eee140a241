internal import CSystem

/// A pseudo-terminal (pts(4)), both ends open here.
public final class PseudoTerminal {
  /// The end that shows what is written to the terminal.
  let master: Int32
  /// The terminal, for `ProcessSetup.terminal`.
  public private(set) var terminal: Int32

  /// Has the modes (termios(3)) of the terminal of `keyboard`; or, without one, leaves what is written to
  /// it unchanged. `owner` is the user it belongs to, if that is to be another one.
  public init(for keyboard: Keyboard?, owner: UInt32?) throws(LaunchError) {
    let opened = FileDescriptor(
      taking: try step(.open) { () throws(Errno) in
        try FileDescriptor.open("/dev/ptmx", O_RDWR | O_NOCTTY).leak()
      })
    let number = opened.number
    let peer = FileDescriptor(
      taking: try step(.ioctl) { () throws(Errno) in
        try retryingOnInterrupt { csystem_open_peer(number) }
      })
    if let keyboard {
      keyboard.lendModes(to: peer.number)
    } else {
      var modes = termios()
      if tcgetattr(peer.number, &modes) == 0 {
        modes.c_oflag &= ~tcflag_t(OPOST)
        tcsetattr(peer.number, TCSANOW, &modes)
      }
    }
    if let owner { fchown(peer.number, owner, gid_t.max) }
    master = opened.leak()
    terminal = peer.leak()
  }

  /// Once the command is started: as long as this process has the terminal open, its end is not seen.
  public func close() {
    if terminal >= 0 {
      CSystem.close(terminal)
      CSystem.close(master)
    }
    terminal = -1
  }

  deinit { close() }
}
