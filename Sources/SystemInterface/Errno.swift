internal import CSystem

/// An error number of the C library, as a failed system call leaves it in `errno` (errno(3)).
public struct ErrorNumber: Error, Equatable, Sendable {
  /// The number, such as ENOENT.
  public let code: Int32

  package init(_ code: Int32) {
    self.code = code
  }

  /// The number that the last failed call of this thread left.
  package static var current: Errno { Errno(csystem_errno()) }

  package static var permissionNotGranted: Errno { Errno(EPERM) }
  package static var missing: Errno { Errno(ENOENT) }
  package static var interrupted: Errno { Errno(EINTR) }
  package static var badDescriptor: Errno { Errno(EBADF) }
  package static var brokenPipe: Errno { Errno(EPIPE) }
  package static var noMemory: Errno { Errno(ENOMEM) }
  package static var tooManyOpenFiles: Errno { Errno(EMFILE) }
  package static var tooManyOpenFilesOnSystem: Errno { Errno(ENFILE) }
  package static var outOfRange: Errno { Errno(ERANGE) }
  package static var valueTooLarge: Errno { Errno(EOVERFLOW) }
  package static var timedOut: Errno { Errno(ETIMEDOUT) }
  package static var inputOutput: Errno { Errno(EIO) }
  package static var noProcess: Errno { Errno(ESRCH) }
  package static var noChild: Errno { Errno(ECHILD) }
  package static var wouldBlock: Errno { Errno(EAGAIN) }
  package static var accessDenied: Errno { Errno(EACCES) }
  package static var exists: Errno { Errno(EEXIST) }
  package static var notADirectory: Errno { Errno(ENOTDIR) }
  package static var isADirectory: Errno { Errno(EISDIR) }
  package static var invalid: Errno { Errno(EINVAL) }
  package static var noSpace: Errno { Errno(ENOSPC) }
  package static var quotaExceeded: Errno { Errno(EDQUOT) }
  package static var readOnlyFileSystem: Errno { Errno(EROFS) }
  package static var nameTooLong: Errno { Errno(ENAMETOOLONG) }
  package static var noLocks: Errno { Errno(ENOLCK) }
  package static var notImplemented: Errno { Errno(ENOSYS) }
  package static var tooManyLinks: Errno { Errno(ELOOP) }
  package static var notSupported: Errno { Errno(EOPNOTSUPP) }
  package static var linkCountTooLarge: Errno { Errno(EMLINK) }
  package static var argumentsTooLong: Errno { Errno(E2BIG) }
  package static var noDevice: Errno { Errno(ENXIO) }
  package static var staleHandle: Errno { Errno(ESTALE) }

  /// The text for this number (strerror(3)).
  package var text: ByteString {
    guard let text = csystem_error_text(code) else {
      return "Unknown error " + ByteString(decimal: code)
    }
    return ByteString(cString: text)
  }

  /// `ENOLCK`; the number where there is no name (strerrorname_np(3)).
  package var name: ByteString {
    guard let name = csystem_error_name(code) else { return ByteString(decimal: code) }
    return ByteString(cString: name)
  }
}

// SystemPackage has an Errno as well.
package typealias Errno = ErrorNumber

#if !hasFeature(Embedded)
  extension ErrorNumber: CustomStringConvertible {
    /// The text for this number (strerror(3)).
    public var description: String { text.description }
  }
#endif

/// Calls `call` until it is not interrupted by a signal; -1 means failure, as in libc.
///
/// The project's only EINTR loop. close(2) must not go through it: the descriptor is gone even when
/// close says EINTR.
@inline(__always)
@discardableResult
package func retryingOnInterrupt<Value: FixedWidthInteger>(
  _ call: () -> Value
) throws(Errno) -> Value {
  while true {
    let result = call()
    if result != -1 { return result }
    let error = Errno.current
    if error != .interrupted { throw error }
  }
}
