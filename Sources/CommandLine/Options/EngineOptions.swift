internal import Locking

// What options mean to a lock that an engine takes, and which of them mean nothing.

extension Arguments {
  func engineTerms(_ name: EngineName) throws(Failure) -> EngineTerms {
    var terms = EngineTerms(name)
    if let lifetime {
      let whole = Span.seconds(lifetime.wholeSeconds)
      if lifetime < EngineTerms.shortestLifetime || lifetime > EngineTerms.longestLifetime
        || whole != lifetime
      {
        throw usage(
          "with --mode \(name.text), --lifetime is whole seconds, 5s to 3650d; default 15s")
      }
      terms.lifetime = lifetime
    }
    for path in paths where path.count > EngineTerms.longestName {
      let most = Int64(EngineTerms.longestName)
      throw usage(
        "the name of the lock is too long: with --mode \(name.text) at most \(most) bytes")
    }
    if queue != nil {
      throw usage("--mode \(name.text) lets in by order of arrival anyway: no --queue")
    }
    if has(.noFork) {
      throw usage(
        "--no-fork leaves no swlock behind that could watch a lock of --mode \(name.text)")
    }
    if leftovers == .keep {
      throw usage(
        "what the command leaves cannot keep a lock of --mode \(name.text): --leftovers=kill (default), wait or release"
      )
    }
    switch subcommand {
    case .wait:
      throw usage(
        "invalid mode '\(name.text)' of wait, which looks at locks of this machine; for an engine's: swlock run -m \(name.text) \(quoted: paths.first ?? "NAME") -- true"
      )
    case .refresh, .transfer:
      throw Failure(
        .unsupported,
        .unable(
          to: subcommand == .refresh ? "refresh" : "transfer",
          paths.first ?? "", "a process keeps a lock of --mode \(name.text), and refreshes it"))
    case .cleanup:
      throw Failure(
        .unsupported,
        .unable(
          to: "clean up", paths.first ?? "",
          "--mode \(name.text) leaves nothing: its locks end with their lifetime"))
    case .break where kill != nil:
      throw usage(
        "the holder may be on another machine: no --kill with --mode \(name.text), but --force")
    case .status where paths.isEmpty && !probe:
      throw usage("with --mode \(name.text), status needs the name of a lock")
    case .status where probe:
      throw usage("--probe tries locks in a folder: no --mode \(name.text)")
    case .run, .acquire, .release, .status, .break, .as, .help, .version: return terms
    }
  }

  private var probe: Bool { has(.probe) }
}
