package import CSystem

extension termios {
  /// Whether the modes are those, whatever the special characters are (termios(3)).
  package func hasModes(of other: termios) -> Bool {
    c_iflag == other.c_iflag && c_oflag == other.c_oflag && c_cflag == other.c_cflag
      && c_lflag == other.c_lflag
  }

  /// What a line discipline takes for the end of the input: 0 without lines.
  package var endCharacter: UInt8 {
    if c_lflag & tcflag_t(ICANON) == 0 { return 0 }
    return withUnsafeBytes(of: c_cc) { $0[Int(VEOF)] }
  }
}

/// Gives the terminal `other` the window size of `terminal` (ioctl_tty(2)), if that has one.
package func copyWindowSize(from terminal: Int32, to other: Int32) {
  var size = winsize()
  if csystem_ioctl(terminal, UInt(TIOCGWINSZ), &size) == 0 {
    _ = csystem_ioctl(other, UInt(TIOCSWINSZ), &size)
  }
}
