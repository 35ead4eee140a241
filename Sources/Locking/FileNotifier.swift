internal import CSystem

/// Hears of what becomes of one open file (inotify(7)).
///
/// To close a descriptor that has watched a file takes the kernel some 10 ms, and whoever was told by it is nearly
/// always the next holder of the lock. So it is not closed: one is left for the next wait of this process.
final class FileNotifier {
  private(set) var number: Int32
  private let events: UInt32
  private var watch: Int32?

  /// A rename of the file moves it; a new link and an unlink change its link count.
  static let ofNames = UInt32(IN_MOVE_SELF) | UInt32(IN_ATTRIB) | UInt32(IN_DELETE_SELF)

  /// Begins with that file. Nil where too many are in use.
  init?(watching file: Int32, for events: UInt32 = ofNames) {
    self.events = events
    if let spare = Self.takeSpare() {
      number = spare
      do throws(Errno) {
        try begin(file)
        return
      } catch .badDescriptor, .invalid {
        // Somebody has closed all that this process had open. It is another's number by now.
      } catch {
        return
      }
    }
    number = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
    if number < 0 { return nil }
    try? begin(file)
  }

  deinit {
    if number < 0 { return }
    end()
    Self.leaveSpare(number)
  }

  /// The file itself, not the folder, where much happens that is none of our business.
  func begin(_ file: Int32) throws(Errno) {
    let path: ByteString = "/proc/self/fd/" + ByteString(decimal: file)
    let added = path.withCString { inotify_add_watch(number, $0, events) }
    if added < 0 { throw .current }
    watch = added
    // What is told of the one before would be taken for news of this one. Nothing is missed: whoever has begun to
    // watch looks once more.
    drain()
  }

  /// Whether anything is watched.
  var isOn: Bool { watch != nil }

  func end() {
    if let watch { inotify_rm_watch(number, watch) }
    watch = nil
  }

  func drain() {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while read(number, &buffer, buffer.count) == buffer.count {}
  }

  /// Nil also after a fork: then it is the parent's as well, which would not be told what is read here.
  private static func takeSpare() -> Int32? {
    let spare = csystem_exchange_spare(0)
    if spare >> 32 != UInt64(UInt32(bitPattern: getpid())) { return nil }
    return Int32(truncatingIfNeeded: spare)
  }

  /// For a process that will not wait again soon. A user may have few of these (inotify(7), max_user_instances).
  static func dropSpare() {
    if let spare = takeSpare() { close(spare) }
  }

  private static func leaveSpare(_ number: Int32) {
    let process = UInt64(UInt32(bitPattern: getpid()))
    let other = csystem_exchange_spare(process << 32 | UInt64(UInt32(bitPattern: number)))
    if other >> 32 == process { close(Int32(truncatingIfNeeded: other)) }
  }
}
