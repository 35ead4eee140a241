internal import CSystem
internal import SystemInterface

/// The signals that end processes, by the names of kill(1).
let signalNames: [(name: Literal, number: Int32)] = [
  ("TERM", SIGTERM), ("KILL", SIGKILL), ("INT", SIGINT), ("HUP", SIGHUP), ("QUIT", SIGQUIT),
  ("USR1", SIGUSR1), ("USR2", SIGUSR2), ("ABRT", SIGABRT), ("ALRM", SIGALRM),
]
