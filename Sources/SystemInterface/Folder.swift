internal import CSystem

/// An open folder, and what can be done with the files in it by name.
///
/// Whatever happens to the working folder or to the path that led here, it stays the same folder.
package struct Folder: ~Copyable {
  private let descriptor: FileDescriptor

  /// open(2) with O_DIRECTORY, links followed.
  package init(_ path: ByteString) throws(Errno) {
    descriptor = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY)
  }

  /// One that is open already.
  package init(taking descriptor: consuming FileDescriptor) {
    self.descriptor = descriptor
  }

  package var number: Int32 { descriptor.number }

  package func status() throws(Errno) -> FileStatus { try FileStatus(of: descriptor.number) }

  /// lstat(2)
  package func status(of name: ByteString) throws(Errno) -> FileStatus {
    try FileStatus(of: name, in: descriptor.number)
  }

  /// openat(2)
  package func open(
    _ name: ByteString, _ flags: Int32, permissions: UInt32 = 0
  ) throws(Errno) -> FileDescriptor {
    try FileDescriptor.open(name, in: descriptor.number, flags, permissions: permissions)
  }

  /// linkat(2): gives the file `name` another name. Links are not followed.
  package func link(_ name: ByteString, to other: ByteString) throws(Errno) {
    try call(name, other) { (folder, name, other) in linkat(folder, name, folder, other, 0) }
  }

  /// renameat(2)
  package func rename(_ name: ByteString, to other: ByteString) throws(Errno) {
    try call(name, other) { (folder, name, other) in renameat(folder, name, folder, other) }
  }

  /// renameat2(2) with RENAME_NOREPLACE: EEXIST where there is such a file.
  package func renameUnlessPresent(_ name: ByteString, to other: ByteString) throws(Errno) {
    try call(name, other) { (folder, name, other) in csystem_rename_new(folder, name, other) }
  }

  /// unlinkat(2)
  package func unlink(_ name: ByteString) throws(Errno) {
    try call(name) { (folder, name) in unlinkat(folder, name, 0) }
  }

  /// unlinkat(2) with AT_REMOVEDIR: rmdir(2)
  package func removeDirectory(_ name: ByteString) throws(Errno) {
    try call(name) { (folder, name) in unlinkat(folder, name, AT_REMOVEDIR) }
  }

  /// mkdirat(2), for nobody but its owner.
  package func makeDirectory(_ name: ByteString) throws(Errno) {
    try call(name) { (folder, name) in mkdirat(folder, name, 0o700) }
  }

  /// The names of the files in the folder.
  package func names() throws(Errno) -> FolderNames { try FolderNames(descriptor.number) }

  @inline(__always)
  private func call(
    _ name: ByteString, _ body: (Int32, UnsafePointer<CChar>) -> Int32
  ) throws(Errno) {
    let folder = descriptor.number
    try name.withCString { (name) throws(Errno) in
      _ = try retryingOnInterrupt { body(folder, name) }
    }
  }

  @inline(__always)
  private func call(
    _ name: ByteString, _ other: ByteString,
    _ body: (Int32, UnsafePointer<CChar>, UnsafePointer<CChar>) -> Int32
  ) throws(Errno) {
    try call(name) { (folder, name) in other.withCString { body(folder, name, $0) } }
  }
}

/// The names of the files in a folder, one after the other, in no order, `.` and `..` left out (readdir(3)).
/// What comes or goes meanwhile may be seen or not.
package struct FolderNames: ~Copyable {
  private let stream: OpaquePointer

  fileprivate init(_ folder: Int32) throws(Errno) {
    // A descriptor of its own: two readers would share one position.
    let copy = try FileDescriptor.open(".", in: folder, O_RDONLY | O_DIRECTORY)
    guard let stream = fdopendir(copy.number) else { throw Errno.current }
    _ = copy.leak()
    self.stream = stream
  }

  deinit {
    closedir(stream)
  }

  /// Nil at the end.
  package func next() throws(Errno) -> ByteString? {
    while true {
      csystem_clear_errno()
      guard let entry = readdir(stream) else {
        if Errno.current.code != 0 { throw Errno.current }
        return nil
      }
      let name = ByteString(cString: csystem_entry_name(entry))
      if name != "." && name != ".." { return name }
    }
  }
}
