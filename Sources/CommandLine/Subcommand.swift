/// The first word after `swlock`.
package enum Subcommand: UInt16, CaseIterable, Sendable {
  case run, acquire, release, refresh, transfer, wait, status, `break`, cleanup, `as`, help, version

  package var name: Literal {
    switch self {
    case .run: "run"
    case .acquire: "acquire"
    case .release: "release"
    case .refresh: "refresh"
    case .transfer: "transfer"
    case .wait: "wait"
    case .status: "status"
    case .break: "break"
    case .cleanup: "cleanup"
    case .as: "as"
    case .help: "help"
    case .version: "version"
    }
  }

  package var summary: Literal {
    switch self {
    case .run: "run a command while holding a lock"
    case .acquire: "take a lock that stays when swlock has ended"
    case .release: "release a lock that was acquired"
    case .refresh: "make the lifetime of a lock begin anew"
    case .transfer: "hand a lock over to another process"
    case .wait: "wait until a lock is free, without taking it"
    case .status: "show who holds a lock, and who waits for it"
    case .break: "end a lock whose owner is dead or overdue"
    case .cleanup: "remove what dead processes left of their locks"
    case .as: "be another lock program: flock(1) or lockrun"
    case .help: "show help, also of one command"
    case .version: "show the version"
    }
  }

  package var synopses: [Literal] {
    switch self {
    case .run:
      [
        "swlock run [OPTION...] PATH [--] COMMAND [ARG...]",
        "swlock run [OPTION...] PATH -c 'SHELL COMMAND'",
      ]
    case .acquire: ["swlock acquire [OPTION...] PATH", "swlock acquire [OPTION...] --fd N"]
    case .release: ["swlock release [OPTION...] PATH", "swlock release [OPTION...] --fd N"]
    case .refresh: ["swlock refresh [OPTION...] PATH"]
    case .transfer: ["swlock transfer [OPTION...] --to PID|none PATH"]
    case .wait: ["swlock wait [OPTION...] PATH..."]
    case .status: ["swlock status [OPTION...] [PATH...]", "swlock status --probe [--json] DIR..."]
    case .break: ["swlock break [OPTION...] PATH..."]
    case .cleanup: ["swlock cleanup [OPTION...] PATH|DIR..."]
    case .as: ["swlock as flock|lockrun [ARG...]"]
    case .help: ["swlock help [COMMAND|TOPIC]"]
    case .version: ["swlock version"]
    }
  }

  /// The words that are no options.
  package enum Operands {
    case none
    case path, paths
    /// A path, and a command line behind it.
    case pathAndCommand
  }

  package var operands: Operands {
    switch self {
    case .run: .pathAndCommand
    case .acquire, .release, .refresh, .transfer: .path
    case .wait, .status, .break, .cleanup: .paths
    case .as, .help, .version: .none
    }
  }

  package func takes(_ option: OptionSpecification) -> Bool {
    option.takers.contains(self)
  }

  /// How help heads a section of options.
  func title(_ section: OptionSection) -> Message {
    switch section {
    case .lock: "Lock options"
    case .hardlink: "Options of --mode hardlink"
    case .launch: "How the command is started"
    case .own: "Options of \(name)"
    case .general: "General options"
    }
  }

  /// Why `refresh`, `transfer` and `acquire --take` do nothing to a lock of the kernel's.
  var isForClaims: Message {
    self == .refresh
      ? "only hardlink locks have a lifetime to refresh" : "only hardlink locks can be transferred"
  }

  /// What it exits with otherwise than when all is well, in the order of the numbers.
  package var failures: [ExitStatus] { ExitStatus.allCases.filter(exits(with:)) }

  private func exits(with status: ExitStatus) -> Bool {
    if operands == .none { return false }
    switch status {
    case .done: return false
    case .free: return self == .status
    case .usage, .notALock, .unsupported, .systemCall, .cannotCreate, .inputOutput, .notPermitted:
      return true
    case .engineDied:
      return self == .run || self == .acquire || self == .status || self == .break
    case .missing: return self == .run || self == .acquire || self == .status || self == .break
    case .busy: return self == .run || self == .acquire || self == .wait || self == .break
    case .notHeld:
      return SubcommandSet.lockers.contains(self) || SubcommandSet.holders.contains(self)
    case .outOfTime, .cannotExecute, .notFound: return self == .run
    }
  }
}

/// Which subcommands take an option. Inlined, so that the compiler makes the option table.
struct SubcommandSet: Sendable {
  private let bits: UInt16

  @inline(__always)
  private init(bits: UInt16) {
    self.bits = bits
  }

  @inline(__always)
  private init(_ subcommand: Subcommand) {
    bits = 1 << subcommand.rawValue
  }

  @inline(__always)
  static func + (left: SubcommandSet, right: SubcommandSet) -> SubcommandSet {
    SubcommandSet(bits: left.bits | right.bits)
  }

  @inline(__always)
  func contains(_ subcommand: Subcommand) -> Bool {
    bits & SubcommandSet(subcommand).bits != 0
  }

  static var all: SubcommandSet { @inline(__always) get { SubcommandSet(bits: .max) } }
  /// They take locks.
  static var lockers: SubcommandSet { @inline(__always) get { run + acquire } }
  /// They act on a lock that somebody holds, as its owner.
  static var holders: SubcommandSet { @inline(__always) get { release + refresh + transfer } }
  /// They act on any lock.
  static var viewers: SubcommandSet { @inline(__always) get { status + `break` + cleanup } }

  static var run: SubcommandSet { @inline(__always) get { SubcommandSet(.run) } }
  static var acquire: SubcommandSet { @inline(__always) get { SubcommandSet(.acquire) } }
  static var release: SubcommandSet { @inline(__always) get { SubcommandSet(.release) } }
  static var refresh: SubcommandSet { @inline(__always) get { SubcommandSet(.refresh) } }
  static var transfer: SubcommandSet { @inline(__always) get { SubcommandSet(.transfer) } }
  static var wait: SubcommandSet { @inline(__always) get { SubcommandSet(.wait) } }
  static var status: SubcommandSet { @inline(__always) get { SubcommandSet(.status) } }
  static var `break`: SubcommandSet { @inline(__always) get { SubcommandSet(.break) } }
  static var cleanup: SubcommandSet { @inline(__always) get { SubcommandSet(.cleanup) } }
}
