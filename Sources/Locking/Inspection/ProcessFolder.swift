internal import CSystem

/// /proc/PID, held open: once the process has ended, nothing can be read through it any more, even
/// where another process has got its number.
struct ProcessFolder: ~Copyable {
  let identifier: Int32
  private let folder: FileDescriptor

  /// Throws where there is no such process, or none that may be seen.
  init(_ identifier: Int32) throws(Errno) {
    self.identifier = identifier
    folder = try FileDescriptor.open(
      "/proc/" + ByteString(decimal: identifier), O_PATH | O_DIRECTORY)
  }

  /// The first `limit` bytes of one of its files; nil when it cannot be read.
  func read(_ name: ByteString, limit: Int = 1 << 16) -> [UInt8]? {
    guard let file = try? open(name, O_RDONLY) else { return nil }
    return try? file.readAll(limit: limit)
  }

  func open(_ name: ByteString, _ flags: Int32) throws(Errno) -> FileDescriptor {
    FileDescriptor(
      taking: try name.withCString { (name) throws(Errno) in
        try retryingOnInterrupt {
          csystem_openat(folder.number, name, flags | O_CLOEXEC, 0)
        }
      })
  }

  /// Where a link of it leads, as the kernel writes that (readlinkat(2)).
  func link(_ name: ByteString) -> ByteString? {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = name.withCString { name in
      readlinkat(folder.number, name, &buffer, buffer.count)
    }
    return count > 0 ? ByteString(buffer[..<count]) : nil
  }

  /// The processes that can be seen now.
  static func all() throws(LockError) -> [Int32] {
    guard let folder = opendir("/proc") else { throw .system(.open, .current) }
    defer { closedir(folder) }
    return try step(.read) { () throws(Errno) in try numbers(in: folder) }
  }

  /// The names in one of its folders that are numbers: `fd`, `task`.
  func numbers(in name: ByteString) throws(Errno) -> [Int32] {
    let number = try open(name, O_RDONLY | O_DIRECTORY).leak()
    guard let folder = fdopendir(number) else {
      close(number)
      throw .current
    }
    defer { closedir(folder) }
    return try Self.numbers(in: folder)
  }

  private static func numbers(in folder: OpaquePointer) throws(Errno) -> [Int32] {
    var numbers: [Int32] = []
    while true {
      csystem_clear_errno()
      guard let entry = readdir(folder) else {
        let error = Errno.current
        if error.code != 0, error != .missing, error != .noProcess { throw error }
        return numbers
      }
      let name = CStringBytes(csystem_entry_name(entry))
      if let number: Int32 = name.number() { numbers.append(number) }
    }
  }
}
