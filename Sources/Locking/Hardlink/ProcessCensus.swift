internal import CSystem

/// One look at all processes of this host, when it is first needed, for any number of questions: it costs
/// as much as a second or more where there are many.
///
/// What it does not show may have been started since. So it is asked about processes that have left
/// something which was seen before.
final class ProcessCensus {
  /// By number, who has it: see `Bearer`. Nil where not all processes can be seen.
  private lazy var bearers: [UInt8]? = Self.look()

  private enum Bearer {
    /// The process that has this number in this pid namespace.
    static let here: UInt8 = 1
    /// One that has it in another.
    static let elsewhere: UInt8 = 2
  }

  private static func look() -> [UInt8]? {
    guard ProcessMark.seesAll, let folder = try? Folder("/proc") else { return nil }
    var bearers: [UInt8] = []
    do throws(Errno) {
      let names = try folder.names()
      while let name = try names.next() {
        guard let own: UInt64 = name.bytes.number() else { continue }
        for number in ProcessMark.namespaceNumbers(of: name) ?? [] where number < Self.limit {
          let index = Int(number)
          while bearers.count <= index { bearers.append(0) }
          bearers[index] |= number == own ? Bearer.here : Bearer.elsewhere
        }
      }
    } catch {
      return nil
    }
    return bearers
  }

  /// No process has a higher number (proc(5), pid_max).
  private static let limit: UInt64 = 1 << 22

  /// Whether for certain no process on this host calls itself `identifier`, in whatever pid namespace: what
  /// a number without more to it needs to be dead. Only the first namespace sees all the others.
  ///
  /// - Parameter ignoringOwn: leave out the one that has this number in this namespace.
  func lacks(_ identifier: Int32, ignoringOwn: Bool = false) -> Bool {
    guard let bearers else { return false }
    let index = Int(identifier)
    guard index < bearers.count else { return true }
    return bearers[index] & (ignoringOwn ? Bearer.elsewhere : ~0) == 0
  }
}
