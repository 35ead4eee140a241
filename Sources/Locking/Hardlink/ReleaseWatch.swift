internal import CSystem

/// Sleeps until a lock may have become free: its claim's file was changed or moved on this host, or a
/// process of this host that holds it has ended. Other hosts are not heard of; the caller looks
/// again from time to time.
final class HolderWatch {
  private let judge: Judge
  private let interruption: Int32?
  /// Number -1, which is none, before it is needed, or where too many are in use: then the caller's
  /// looking has to do.
  private var notifier = FileDescriptor(taking: -1)
  private var watched: ByteString?
  private var watch: Int32 = -1
  private var owners: [Owner] = []

  private final class Owner {
    let handle: FileDescriptor

    init(_ handle: consuming FileDescriptor) {
      self.handle = handle
    }
  }

  init(_ judge: Judge, interruption: Int32?) {
    self.judge = judge
    self.interruption = interruption
  }

  /// Whether `claim` was watched already, so that nothing about it can have been missed. If not, it is
  /// from here on, and has to be looked at once more.
  func begin(_ claim: BoundClaim) -> Bool {
    if watched == claim.token { return true }
    end()
    watched = claim.token
    watchFile(claim.descriptor.number)
    if judge.liveness(of: claim.name) == .alive {
      watchProcess(claim.name.process)
      if let partner = claim.name.details?.partner { watchProcess(partner.identifier) }
    }
    return false
  }

  /// The same for a file that is not a claim, and the process that holds it.
  func begin(_ descriptor: Int32, _ identity: FileIdentity, _ process: Int32?) -> Bool {
    let key = ByteString(decimal: identity.inode) + "." + ByteString(decimal: process ?? 0)
    if watched == key { return true }
    end()
    watched = key
    watchFile(descriptor)
    if let process { watchProcess(process) }
    return false
  }

  /// The file itself, not the folder, where much happens that is none of our business. A rename of it
  /// moves it; a new link and an unlink change its link count.
  private func watchFile(_ descriptor: Int32) {
    if notifier.number < 0 {
      notifier = FileDescriptor(taking: inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK)))
      if notifier.number < 0 { return }
    }
    let file: ByteString = "/proc/self/fd/" + ByteString(decimal: descriptor)
    watch = file.withCString {
      inotify_add_watch(
        notifier.number, $0, UInt32(IN_MOVE_SELF) | UInt32(IN_ATTRIB) | UInt32(IN_DELETE_SELF))
    }
  }

  private func watchProcess(_ identifier: Int32) {
    let handle = csystem_open_process(identifier)
    if handle >= 0 { owners.append(Owner(FileDescriptor(taking: handle))) }
  }

  /// Forgets what was watched.
  func end() {
    if watched == nil { return }
    if watch >= 0 { inotify_rm_watch(notifier.number, watch) }
    watch = -1
    watched = nil
    owners = []
  }

  /// Sleeps for `span` at most (ppoll(2)).
  ///
  /// - Throws: `interrupted` once the caller's descriptor can be read.
  func sleep(_ span: Span) throws(LockError) {
    var numbers = [interruption ?? -1, notifier.number]
    for owner in owners { numbers.append(owner.handle.number) }
    let readable = try poll(numbers, span)
    if readable.contains(notifier.number) { drain() }
    // Not to be woken by it again, also where nobody may see that it is a zombie.
    owners.removeAll { readable.contains($0.handle.number) }
  }

  /// Sleeps for `span`, whatever becomes of the lock meanwhile.
  func pause(_ span: Span) throws(LockError) {
    _ = try poll([interruption ?? -1], span)
  }

  /// Returns those of `descriptors` that can be read; the first of them is the interruption.
  private func poll(_ descriptors: [Int32], _ span: Span) throws(LockError) -> [Int32] {
    var polled: [pollfd] = []
    for number in descriptors {
      polled.append(pollfd(fd: number, events: Int16(POLLIN), revents: 0))
    }
    let time = span.timeSpecification
    var timeout = timespec(tv_sec: time.seconds, tv_nsec: time.nanoseconds)
    let count = ppoll(&polled, nfds_t(polled.count), &timeout, nil)
    // Interrupted: the caller looks again, which does no harm.
    if count < 0 { return [] }
    if polled[0].revents != 0 { throw .interrupted }
    var readable: [Int32] = []
    for entry in polled where entry.revents != 0 { readable.append(entry.fd) }
    return readable
  }

  private func drain() {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while read(notifier.number, &buffer, buffer.count) > 0 {}
  }
}
