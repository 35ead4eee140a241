internal import Locking
internal import SystemInterface

/// A kind of lock by its name, as `--mode` and SWLOCK_MODE have it.
enum LockMode: Equatable {
  case kernel(KernelMode), flockAndOFD, hardlink
  /// Of another program (docs/engines.md), which may be there or not.
  case engine(EngineName)

  static var flock: LockMode { .kernel(.flock) }
  static var posix: LockMode { .kernel(.posix) }
  static var ofd: LockMode { .kernel(.ofd) }

  /// Those that swlock has itself.
  static var all: [LockMode] { [.flock, .posix, .ofd, .flockAndOFD, .hardlink] }

  init?(named name: ByteString) {
    for mode in Self.all where mode.name == name {
      self = mode
      return
    }
    // `auto` is no mode, wherever it has a meaning of its own.
    guard name != "auto", let engine = EngineName(name) else { return nil }
    self = .engine(engine)
  }

  var name: ByteString {
    if case .engine(let engine) = self { engine.text } else { ByteString(literal: ownName) }
  }

  /// Of those that swlock has itself; empty for an engine's.
  var ownName: Literal {
    switch self {
    case .kernel(let mode): mode.name
    case .flockAndOFD: "flock+ofd"
    case .hardlink: "hardlink"
    case .engine: ""
    }
  }

  var engine: EngineName? { if case .engine(let engine) = self { engine } else { nil } }

  /// Whether the kernel knows nothing of such a lock.
  var hasClaim: Bool { self == .hardlink }

  /// Whether the kernel knows of such a lock, and has an order for several.
  var isRecorded: Bool { surestMode != nil }

  /// Of the kernel's, one that is always there where the lock is held; nil for a lock that the kernel knows
  /// nothing of.
  var surestMode: KernelMode? {
    switch self {
    case .kernel(let mode): mode
    case .flockAndOFD: .ofd
    case .hardlink, .engine: nil
    }
  }

  /// Whether it is a lock of bytes, and no more.
  var isRecordLock: Bool { if case .kernel(let mode) = self { mode.isRecordLock } else { false } }

  /// Whether a process that inherits the descriptor holds the lock as well.
  var isInherited: Bool { kind().isInherited }

  func kind(
    _ style: HardlinkStyle = .flufl, _ policy: FluflPolicy = FluflPolicy(),
    range: ByteRange = .wholeFile
  ) -> LockKind {
    switch (self, style) {
    case (.kernel(let mode), _): .kernel(mode, range: range)
    case (.flockAndOFD, _): .flockAndOFD(range: range)
    case (.hardlink, .flufl): .flufl(policy)
    case (.hardlink, .portage): .portage(policy.hardlink)
    case (.engine(let engine), _): .engine(EngineTerms(engine))
    }
  }
}

/// How files of `hardlink` mode are named, as `--style` says: by that, other programs are excluded.
enum HardlinkStyle: Equatable {
  case flufl, portage
}

extension KernelMode {
  var name: Literal {
    switch self {
    case .flock: "flock"
    case .posix: "posix"
    case .ofd: "ofd"
    }
  }
}

extension LockKind {
  var mode: LockMode {
    switch self {
    case .kernel(let mode, _): .kernel(mode)
    case .flockAndOFD: .flockAndOFD
    case .flufl, .portage: .hardlink
    case .engine(let terms): .engine(terms.name)
    }
  }
}

extension LockOptions {
  /// Of `auto`, the kind that is tried first.
  var kind: LockKind {
    if let engine { return .engine(engine) }
    return (mode ?? .flock).kind(style, hardlink, range: range)
  }

  /// The kind of claims that the options are about, whatever the mode.
  var claimKind: LockKind { LockMode.hardlink.kind(style, hardlink) }
}

extension Sharing {
  var name: Literal { self == .shared ? "shared" : "exclusive" }
}
