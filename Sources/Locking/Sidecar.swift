/// How the lock file that stands for another file or folder is named.
package enum SidecarNaming: Equatable, Sendable {
  /// `.NAME.swlock`
  case swlock
  /// `.NAME.portage_lockfile`, which portage's lockfile(wantnewlockfile) uses.
  case portage
}

extension ByteString {
  /// The path of the lock file beside this file or folder, in the same folder; nil for a path
  /// without a name of its own (`/`, `.`, `..`).
  package func sidecar(_ naming: SidecarNaming) -> ByteString? {
    let (_, name) = splitPath
    if name.isEmpty || name == "." || name == ".." { return nil }
    let folder = ByteString(withoutTrailingSlashes.bytes.dropLast(name.count))
    return folder + "." + name + (naming == .swlock ? ".swlock" : ".portage_lockfile")
  }

  /// Whether it is a name that `sidecar` gives to what only swlock locks.
  package var isSidecar: Bool {
    bytes.first == ascii(".") && bytes.dropFirst(2).suffix(7) == ".swlock"
  }
}
