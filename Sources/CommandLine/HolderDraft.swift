internal import Locking
internal import SystemInterface

/// The options of `acquire`, `release`, `refresh` and `transfer` while they are being read.
final class HolderDraft: CommandDraft {
  let subcommand: Subcommand
  private var lock: LockDraft
  private let options: HolderOptions
  private var any = false
  private var path: ByteString?

  init(_ subcommand: Subcommand) {
    self.subcommand = subcommand
    lock = LockDraft(subcommand)
    options = HolderOptions(lock.options)
  }

  func take(_ given: GivenOption) throws(Failure) {
    if try lock.take(given) { return }
    switch given.identity {
    case .owner: options.owner = try given.owner().map { .process($0) } ?? .nobody
    case .take: options.takesOver = true
    case .any: any = true
    case .descriptor: options.descriptor = try given.descriptor()
    case .heir: options.heir = try given.owner().map { .process($0) } ?? .nobody
    default: break
    }
  }

  func take(_ path: ByteString, _ reader: inout OptionReader) throws(Failure) {
    try checkName(path)
    if self.path != nil { throw usage("unexpected word '\(path)', there is a PATH already") }
    self.path = path
  }

  func finished() throws(Failure) -> Invocation {
    if any {
      if options.owner != .caller { throw usage("--any and --owner exclude each other") }
      options.owner = .anybody
    }
    if subcommand == .transfer, options.heir == nil {
      throw usage("no new owner given: \(subcommand.synopses[0])")
    }
    if subcommand == .refresh, lock.style == .portage {
      throw usage("locks of --style portage have no lifetime to refresh")
    }
    options.anyMode = subcommand == .release && !lock.modeIsGiven && lock.style != .portage
    if options.descriptor != nil { try checkDescriptor() }
    if let path {
      options.path = path
    } else if options.descriptor == nil {
      throw usage("no lock file given: \(subcommand.synopses[0])")
    }
    try checkMode()
    try lock.finish()
    options.lifetime = lock.lifetime
    switch subcommand {
    case .release: return .release(options)
    case .refresh: return .refresh(options)
    case .transfer: return .transfer(options)
    default: return .acquire(options)
    }
  }

  private func checkMode() throws(Failure) {
    if lock.mode == .hardlink { return }
    if subcommand == .refresh || subcommand == .transfer {
      throw usage("\(subcommand.name) needs --mode hardlink")
    }
    if options.takesOver { throw usage("--take needs --mode hardlink") }
  }

  private func checkDescriptor() throws(Failure) {
    if path != nil { throw usage("--fd takes the place of PATH") }
    if options.owner != .caller {
      throw usage("a lock stays with the descriptor of --fd: no --owner, no --any")
    }
    if lock.options.unlink || lock.options.sidecar != nil || lock.options.mustExist {
      throw usage("--fd has no path: no --unlink, --sidecar or --no-create")
    }
    // Without a word about it, as `swlock as flock` does.
    if !lock.modeIsGiven { lock.options.mode = .flock }
    if lock.mode == .posix {
      throw usage(
        "a posix lock belongs to a process, and would end with swlock: --fd needs --mode flock or ofd"
      )
    }
    if lock.mode?.isInherited != true { throw usage("--fd needs --mode flock or ofd") }
  }
}
