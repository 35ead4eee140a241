internal import CSystem

/// From here on SIGTERM, SIGINT, SIGHUP and SIGQUIT end this process at once, with exit status
/// 128+N, whatever their dispositions and mask were; only an ignored SIGHUP stays (nohup(1)).
///
/// For the time of waiting, when there is nothing to clean up that the kernel does not; but for a line
/// on the terminal at standard error, with `erasingLine`, and for `LastWords`.
package func exitOnTerminationSignals(erasingLine: Bool = false) {
  let signals = endingSignals()
  for signal in signals {
    if erasingLine {
      csystem_set_handler(signal) {
        _ = write(STDERR_FILENO, "\r\u{1b}[K", 4)
        LastWords.write(128 + $0)
        _exit(128 + $0)
      }
    } else {
      csystem_set_handler(signal) {
        LastWords.write(128 + $0)
        _exit(128 + $0)
      }
    }
  }
  _ = try? SignalSet(signals).unblock()
}

/// From here on they kill this process: for one that has something to clean up, and another process that
/// does so then. Until `holdBackTerminationSignals`.
package func dieOfTerminationSignals() {
  let signals = endingSignals()
  for signal in signals { csystem_set_handler(signal, csystem_signal_default()) }
  _ = try? SignalSet(signals).unblock()
}

/// From here on they are pending.
package func holdBackTerminationSignals() {
  _ = try? SignalSet(endingSignals()).block()
}

private func endingSignals() -> [Int32] {
  [SIGTERM, SIGINT, SIGQUIT] + (csystem_is_ignored(SIGHUP) == 0 ? [SIGHUP] : [])
}

/// Whether this process ignores `signal`, and so will what it executes.
package func isIgnored(_ signal: Int32) -> Bool {
  csystem_is_ignored(signal) != 0
}

/// From here on `signal` does nothing to this process, and has its default disposition in what it
/// executes, even where it was ignored before: a handler ends with an exec, SIG_IGN does not.
package func disregard(_ signal: Int32) {
  csystem_set_handler(signal) { _ in }
}
