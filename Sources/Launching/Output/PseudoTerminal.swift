internal import CSystem

/// A pseudo-terminal (pts(4)), both ends open here.
package final class PseudoTerminal {
  /// The end that shows what is written to the terminal.
  private var master: FileDescriptor?
  private var peer: FileDescriptor?
  /// The number of the terminal, for `ProcessSetup.terminal`.
  package let terminal: Int32

  /// Has the modes (termios(3)) of the terminal of `keyboard`; or, without one, leaves what is written to
  /// it unchanged. `owner` is the user it belongs to, if that is to be another one.
  package init(for keyboard: Keyboard?, owner: UInt32?) throws(LaunchError) {
    let opened = try launchStep(.open) { () throws(Errno) in
      try FileDescriptor.open("/dev/ptmx", O_RDWR | O_NOCTTY)
    }
    let number = opened.number
    let peer = FileDescriptor(
      taking: try launchStep(.ioctl) { () throws(Errno) in
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
    terminal = peer.number
    self.peer = .some(peer)
    master = .some(opened)
  }

  /// Gives it the size of the terminal `model`.
  func copySize(of model: Int32) {
    if let number = master?.number { copyWindowSize(from: model, to: number) }
  }

  /// In the relay, once each.
  func takeMaster() -> FileDescriptor? { master.take() }
  func takeTerminal() -> FileDescriptor? { peer.take() }

  /// Once the command is started: as long as this process has the terminal open, its end is not seen.
  package func close() {
    master = nil
    peer = nil
  }
}
