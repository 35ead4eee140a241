internal import CSystem

/// Hears of what becomes of one open file (inotify(7)).
package final class FileNotifier {
  private let descriptor: FileDescriptor
  private var watch: Int32?

  package init?() {
    let number = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
    if number < 0 { return nil }
    descriptor = FileDescriptor(taking: number)
  }

  /// For poll(2): it can be read once there was an event.
  package var number: Int32 { descriptor.number }

  /// The file itself, not the folder, where much happens that is none of our business. False where there may be
  /// no more watches.
  @discardableResult
  package func begin(_ file: Int32, _ events: UInt32) -> Bool {
    let path: ByteString = "/proc/self/fd/" + ByteString(decimal: file)
    let added = path.withCString { inotify_add_watch(number, $0, events) }
    watch = added < 0 ? nil : added
    return watch != nil
  }

  package func end() {
    if let watch { inotify_rm_watch(number, watch) }
    watch = nil
  }

  package func drain() {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while read(number, &buffer, buffer.count) > 0 {}
  }
}
