internal import CSystem

/// What other hosts have of the kernel's locks on a file: /proc/locks shows only this one's.
package enum LocksElsewhere: Equatable, Sendable {
  /// None; or no other host uses the file.
  case none
  /// One that keeps an exclusive lock away, as the file's server says. Whose it is it does not say.
  case held(Sharing)
  /// There may be some: the server is not asked here, or not more than about one lock.
  case unknown

  package var isHeld: Bool { self != .none && self != .unknown }

  /// - Parameter locks: those of this host, which the server would tell of as well.
  init(at path: ByteString, besides locks: [ObservedLock]) throws(LockError) {
    let file = try step(.open) { () throws(Errno) in try FileDescriptor.open(path, O_PATH) }
    try self.init(ofDescriptor: file.number, besides: locks)
    file.keepOpen()
  }

  /// The same of a file that is open already, in whatever way.
  init(ofDescriptor descriptor: Int32, besides locks: [ObservedLock]) throws(LockError) {
    self = .none
    guard let fileSystem = try SharedFileSystem(of: descriptor) else { return }
    // Nobody else can have one as well.
    if locks.contains(where: { $0.sharing == .exclusive && $0.range == .wholeFile }) { return }
    let status = try step(.fstat) { () throws(Errno) in try FileStatus(of: descriptor) }
    guard status.kind == .regular else { return }
    let staysHere = try fileSystem.typeIfFlockStaysHere() != nil
    self = locks.isEmpty && !staysHere ? Self.ask(descriptor, status.identity) : .unknown
    if self == .none, try !fileSystem.tellsOfSharedLocks() { self = .unknown }
  }

  /// What keeps a record lock of `range` away from a regular file, whoever has it (fcntl(2), F_GETLK): another
  /// host, or a process of another pid namespace.
  static func ask(
    _ descriptor: Int32, _ identity: FileIdentity, _ range: ByteRange = .wholeFile
  ) -> LocksElsewhere {
    let path = "/proc/self/fd/" + ByteString(decimal: descriptor)
    guard !PosixRegistry.isKnown(identity),
      let open = try? FileDescriptor.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
    else { return .unknown }
    let answer: LocksElsewhere
    do throws(Errno) {
      answer =
        try KernelLock(mode: .posix, range: range).sharingOfConflict(on: open.number)
        .map { .held($0) } ?? .none
    } catch {
      answer = .unknown
    }
    PosixRegistry.close(open, of: identity)
    return answer
  }
}
