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
    guard let path else { throw usage("no lock file given: \(subcommand.synopses[0])") }
    options.path = path
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

  /// Locks of the kernel do not stay, and cannot be handed around.
  private func checkMode() throws(Failure) {
    if lock.mode == .hardlink { return }
    if subcommand == .acquire {
      throw usage(
        "acquire needs --mode hardlink; the kernel's locks end with the process that takes them")
    }
    throw usage("\(subcommand.name) needs --mode hardlink")
  }

}
