internal import CSystem
internal import Locking
internal import SystemInterface

/// For whom swlock was called, where `--owner` does not say it: the script.
///
/// swlock's parent may be about to end, although the script goes on: a part of a shell that was forked for
/// a command substitution, a pipeline or a subshell, or a program that only runs one command. So one goes
/// up from it to the script itself. A forked part may go on with work of its own, and counts as well.
struct Caller {
  /// The script first, then parts of it. Empty: nobody.
  private(set) var processes: [Int32] = []
  /// Why the script is not known.
  private(set) var doubt: Message?

  /// What this process was called with, without its options: `swlock acquire`.
  private let name: ByteString
  private let subcommand: ByteString

  init() {
    let arguments = csystem_arguments()!
    name = csystem_argument_count() > 0 ? ByteString(cString: arguments[0]!).splitPath.name : ""
    subcommand = csystem_argument_count() > 1 ? ByteString(cString: arguments[1]!) : ""
    let parent = getppid()
    if !procShowsThisNamespace() {
      processes = [parent]
      doubt = "/proc is that of another pid namespace"
      return
    }
    guard var process = ObservedProcess(parent) else {
      // A /proc that hides it, or is none.
      processes = [parent]
      return
    }
    // An adopted orphan's parent is the first process, unless that is a shell itself, in a container.
    if parent == 1, getsid(0) != getsid(1) {
      doubt = "the calling process is pid 1, or has ended"
      return
    }
    while true {
      let program = Program(process)
      if program.isAmong(Self.services) {
        doubt = "\(process.phrase) runs the commands of others"
        return
      }
      let runsOne = runsOnlyThis(program)
      // A script that calls what it was given may go on when that has ended.
      if !runsOne || program.isShell { processes.insert(process.identifier, at: 0) }
      guard let above = ObservedProcess(process.parent), above.startTicks <= process.startTicks
      else {
        if runsOne { doubt = "whoever called \(process.phrase) cannot be seen" }
        return
      }
      if runsOne {
        if above.identifier == 1 {
          doubt = "\(process.phrase) was called by pid 1, or its caller has ended"
          return
        }
      } else {
        switch process.descent(from: above) {
        case .executed: return
        case .unknown:
          doubt = "\(process.phrase) may be about to end, as a part of another process"
          return
        case .forked:
          // One worker of a service, and no part of a script.
          if !program.isShell, above.parent <= 1, !Program(above).isAmong(Self.services) { return }
        }
      }
      process = above
    }
  }

  /// Whether a program was started to run this command, and has nothing to do after that: `timeout 5
  /// swlock acquire ...`, `sh -c 'swlock acquire ... || echo busy'`.
  private func runsOnlyThis(_ program: Program) -> Bool {
    if program.isShell {
      if let text = program.shellCommand, ShellText(text).ends(with: subcommand) { return true }
    } else if program.isAmong(Self.runners) {
      return true
    }
    let words = program.words
    return words.indices.dropFirst().contains {
      words[$0] == subcommand && words[$0 - 1].splitPath.name == name
    }
  }

  /// Programs that run one command, and may be called without it in their arguments, or with it as a text.
  private static let runners: [Literal] = [
    "sudo", "su", "runuser", "doas", "pkexec", "sg", "timeout", "xargs", "parallel", "strace",
    "ltrace",
    "script", "watch", "setsid", "unshare", "nsenter", "time", "flock", "setlock", "lockrun",
    "lckdo",
    "fakeroot", "find", "env", "nice", "nohup", "stdbuf",
  ]

  /// Service managers, and those that run jobs and sessions for others: none of them is a script.
  private static let services: [Literal] = [
    "systemd", "init", "cron", "crond", "fcron", "anacron", "atd", "sshd", "sshd-session",
    "dropbear",
    "inetd", "xinetd", "login", "agetty", "getty", "runsv", "runsvdir", "s6-supervise", "s6-svscan",
    "supervise", "svscan", "supervisord", "supervise-daemon", "start-stop-daemon", "openrc-run",
    "launchd", "dbus-daemon", "containerd-shim", "containerd-shim-runc-v2", "conmon", "dockerd",
    "docker-init", "tini", "dumb-init", "catatonit",
  ]
}

/// What a process runs.
private struct Program {
  /// Its arguments.
  let words: [ByteString]
  /// What it is called by, as a file and in its first argument.
  private let names: [ByteString]
  let isShell: Bool

  init(_ process: ObservedProcess) {
    words = process.arguments()
    // `cron: ...`, and `-bash`.
    let word = ByteString((words.first ?? "").bytes.prefix { $0 != ascii(":") })
    let called = ByteString(word.splitPath.name.bytes.drop { $0 == ascii("-") })
    var file = process.program()?.splitPath.name.withoutDeletionMark ?? called
    // Many programs in one.
    if file == "busybox" || file == "toybox" {
      file = called == file && words.count > 1 ? words[1] : called
    }
    names = [file, called]
    isShell = Self.isAmong(Self.shells, file)
  }

  func isAmong(_ list: [Literal]) -> Bool {
    !isShell && names.contains { Self.isAmong(list, $0) }
  }

  private static func isAmong(_ list: [Literal], _ name: ByteString) -> Bool {
    list.contains { name == $0 }
  }

  /// The text of a shell's `-c`, if it was called with that.
  var shellCommand: ByteString? {
    var isCommand = false
    for word in words.dropFirst() {
      guard let first = word.bytes.first, first == ascii("-") || first == ascii("+"), word.count > 1
      else {
        if !isCommand, Self.isAmong(Self.shells, word) { continue }  // busybox sh -c
        return isCommand ? word : nil
      }
      if word.bytes.dropFirst().first != ascii("-"), word.contains(ascii("c")) { isCommand = true }
    }
    return nil
  }

  private static let shells: [Literal] = [
    "sh", "bash", "rbash", "dash", "ash", "zsh", "ksh", "ksh93", "mksh", "lksh", "pdksh", "oksh",
    "posh", "yash", "bosh", "osh", "fish", "csh", "tcsh", "rc", "es", "elvish", "nu",
  ]
}
