internal import CSystem

/// From here on SIGTERM, SIGINT, SIGHUP and SIGQUIT end this process at once, with exit status
/// 128+N, whatever dispositions and mask it inherited; only an ignored SIGHUP stays (nohup(1)).
///
/// For the time of waiting, when there is nothing to clean up that the kernel does not.
public func exitOnTerminationSignals() {
  var set = sigset_t()
  sigemptyset(&set)
  for signal in [SIGTERM, SIGINT, SIGHUP, SIGQUIT] {
    if signal == SIGHUP, csystem_is_ignored(signal) != 0 { continue }
    csystem_set_handler(signal) { _exit(128 + $0) }
    sigaddset(&set, signal)
  }
  pthread_sigmask(SIG_UNBLOCK, &set, nil)
}
