internal import CSystem
internal import Launching
internal import Locking
internal import SystemInterface

/// The program of an engine: `../libexec/swlock/engine/NAME`, seen from the folder that swlock's own file is in.
///
/// SWLOCK_ENGINE_PATH names another folder, for tests and engines that are being written. It says what is executed,
/// as PATH does, so it is worth as much as whoever sets it: swlock does not run at all with the rights of another
/// user (set-user-ID), and root executes only what nobody else can replace.
struct EngineProgram {
  /// All links followed.
  let path: ByteString

  init(_ name: EngineName, of subcommand: Subcommand) throws(Failure) {
    let named = CStringVector.environmentValue("SWLOCK_ENGINE_PATH") ?? ""
    let own = ObservedProcess(getpid())?.program()
    let folder: ByteString
    if !named.isEmpty {
      if !named.isAbsolute { throw Failure(.usage, "SWLOCK_ENGINE_PATH is not absolute: \(named)") }
      folder = named
    } else if let own {
      folder = own.splitPath.folder.splitPath.folder + "/libexec/swlock/engine"
    } else {
      throw Failure(
        .unsupported, .unable(to: "find engine", name.text, "/proc does not show where swlock is"))
    }
    let file = folder + "/" + name.text
    path = file.resolved ?? file
    do throws(Errno) {
      _ = try findExecutable(path)
    } catch .missing {
      let known = LockMode.all.map { $0.name } + ["auto"] + Self.names(in: folder)
      if let meant = suggestion(for: name.text, among: known) {
        throw .usage("invalid mode '\(name.text)', did you mean \(meant)?", of: subcommand)
      }
      throw Failure(
        .unsupported,
        "no mode or engine '\(name.text)': there is no \(file) ('swlock help modes' has the modes)")
    } catch {
      throw Failure(.unsupported, .unable(to: "use engine", path, "\(error.text)"))
    }
    if geteuid() == 0 { try checkTrust(own) }
  }

  /// Engines that are installed in `folder`.
  private static func names(in folder: ByteString) -> [ByteString] {
    var found: [ByteString] = []
    guard let folder = try? Folder(folder), let names = try? folder.names() else { return found }
    while let name = (try? names.next()) ?? nil {
      if EngineName(name) != nil { found.append(name) }
    }
    return found
  }

  /// Throws where others could replace the program, or a folder on the way to it that has not swlock in it as well:
  /// whoever can replace that, can replace swlock, `own`. So whoever owns that counts as root.
  private func checkTrust(_ own: ByteString?) throws(Failure) {
    let owner = (try? FileStatus(at: "/proc/self/exe", followingLinks: true))?.owner ?? 0
    var part = path
    while part != "/", own?.hasPrefix(part + "/") != true {
      let status = try? FileStatus(at: part, followingLinks: false)
      guard let status, status.owner == 0 || status.owner == owner,
        status.permissions & 0o022 == 0
          || status.kind == .directory && status.isStickyAndWorldWritable
      else {
        throw Failure(
          .notPermitted, .unable(to: "use engine", path, "others than root can replace \(part)"))
      }
      part = part.splitPath.folder
    }
  }
}
