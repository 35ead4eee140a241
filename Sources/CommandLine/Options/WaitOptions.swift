internal import Locking

/// What `wait` is to wait for.
final class WaitOptions {
  let lock: LockOptions
  let paths: [ByteString]
  let condition: FreeCondition

  init(_ arguments: Arguments) throws(Failure) {
    paths = arguments.paths
    if paths.isEmpty {
      throw arguments.usage("no lock file given: \(arguments.subcommand.synopses[0])")
    }
    for path in paths where parseNumber(path.bytes) != nil {
      throw arguments.usage(
        "\(path) is a file name here, and no process; for a file: ./\(path)")
    }
    lock = try LockOptions(arguments)
    condition =
      arguments.has(.gone)
      ? .absent : .unlocked(Self.kinds(lock, hasStyle: arguments.has(.style)))
  }

  private static func kinds(_ options: LockOptions, hasStyle: Bool) -> [LockKind] {
    let hardlink = LockMode.hardlink
    let claims =
      hasStyle
      ? [options.claimKind]
      : [hardlink.kind(.flufl, options.hardlink), hardlink.kind(.portage, options.hardlink)]
    switch options.mode {
    case .kernel(let mode): return [.kernel(mode, range: options.range)]
    case .flockAndOFD: return [.kernel(.flock), .kernel(.ofd, range: options.range)]
    case .hardlink: return claims
    case .engine: return []
    // Record locks of both kinds exclude each other.
    case nil: return (hasStyle ? [] : [.kernel(.flock), .kernel(.posix)]) + claims
    }
  }
}
