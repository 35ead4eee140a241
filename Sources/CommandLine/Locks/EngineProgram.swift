internal import CSystem
internal import Launching
internal import Locking
internal import SystemInterface

/// The program of an engine: `../libexec/swlock/engine/NAME`, seen from the folder that swlock's own file is in.
///
/// SWLOCK_ENGINE_PATH names another folder, for tests and engines that are being written. It says what is executed,
/// as PATH does, so it is worth as much as whoever sets it: root takes it only where nobody else can write to the
/// folder or the engine, and swlock does not run at all with the rights of another user (set-user-ID).
struct EngineProgram {
  let path: ByteString

  init(_ name: EngineName, of subcommand: Subcommand) throws(Failure) {
    let named = CStringVector.environmentValue("SWLOCK_ENGINE_PATH") ?? ""
    let folder: ByteString
    if !named.isEmpty {
      folder = named
      try Self.checkTrust(folder)
    } else if let own = ObservedProcess(getpid())?.program() {
      folder = own.splitPath.folder.splitPath.folder + "/libexec/swlock/engine"
    } else {
      throw Failure(
        .unsupported, .unable(to: "find engine", name.text, "/proc does not show where swlock is"))
    }
    path = folder + "/" + name.text
    if !named.isEmpty, (try? FileStatus(at: path, followingLinks: true)) != nil {
      try Self.checkTrust(path)
    }
    do throws(Errno) {
      _ = try findExecutable(path)
    } catch .missing {
      if let meant = suggestion(for: name.text, from: LockMode.all.map { $0.ownName } + ["auto"]) {
        throw .usage("invalid mode '\(name.text)', did you mean \(meant)?", of: subcommand)
      }
      throw Failure(
        .unsupported,
        "no mode or engine '\(name.text)': there is no \(path) ('swlock help modes' has the modes)")
    } catch {
      throw Failure(.unsupported, .unable(to: "use engine", path, "\(error.text)"))
    }
  }

  private static func checkTrust(_ path: ByteString) throws(Failure) {
    if !path.isAbsolute {
      throw Failure(.usage, "SWLOCK_ENGINE_PATH is not absolute: \(path)")
    }
    if geteuid() != 0 { return }
    guard let status = try? FileStatus(at: path, followingLinks: true),
      status.owner != 0 || status.permissions & 0o022 != 0
    else { return }
    throw Failure(
      .notPermitted,
      .unable(to: "use engine", path, "SWLOCK_ENGINE_PATH leads root to what others can write to"))
  }
}
