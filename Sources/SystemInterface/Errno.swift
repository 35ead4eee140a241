internal import CSystem

/// An error number of the C library, as a failed system call leaves it in `errno` (errno(3)).
public struct Errno: Error, Equatable, Sendable {
  public let code: Int32

  public init(_ code: Int32) {
    self.code = code
  }

  /// The number that the last failed call of this thread left.
  public static var current: Errno { Errno(csystem_errno()) }

  public static var permissionNotGranted: Errno { Errno(EPERM) }
  public static var missing: Errno { Errno(ENOENT) }
  public static var interrupted: Errno { Errno(EINTR) }
  public static var badDescriptor: Errno { Errno(EBADF) }
  public static var brokenPipe: Errno { Errno(EPIPE) }
  public static var noMemory: Errno { Errno(ENOMEM) }
  public static var tooManyOpenFiles: Errno { Errno(EMFILE) }
  public static var tooManyOpenFilesOnSystem: Errno { Errno(ENFILE) }
  public static var outOfRange: Errno { Errno(ERANGE) }
  public static var valueTooLarge: Errno { Errno(EOVERFLOW) }
  public static var timedOut: Errno { Errno(ETIMEDOUT) }
  public static var inputOutput: Errno { Errno(EIO) }
  public static var noProcess: Errno { Errno(ESRCH) }
  public static var noChild: Errno { Errno(ECHILD) }
  public static var wouldBlock: Errno { Errno(EAGAIN) }
  public static var accessDenied: Errno { Errno(EACCES) }
  public static var exists: Errno { Errno(EEXIST) }
  public static var notADirectory: Errno { Errno(ENOTDIR) }
  public static var isADirectory: Errno { Errno(EISDIR) }
  public static var invalid: Errno { Errno(EINVAL) }
  public static var noSpace: Errno { Errno(ENOSPC) }
  public static var quotaExceeded: Errno { Errno(EDQUOT) }
  public static var readOnlyFileSystem: Errno { Errno(EROFS) }
  public static var nameTooLong: Errno { Errno(ENAMETOOLONG) }
  public static var noLocks: Errno { Errno(ENOLCK) }
  public static var notImplemented: Errno { Errno(ENOSYS) }
  public static var tooManyLinks: Errno { Errno(ELOOP) }
  public static var notSupported: Errno { Errno(EOPNOTSUPP) }
  public static var linkCountTooLarge: Errno { Errno(EMLINK) }
  public static var argumentsTooLong: Errno { Errno(E2BIG) }
  public static var noDevice: Errno { Errno(ENXIO) }
  public static var staleHandle: Errno { Errno(ESTALE) }

  /// The text for this number (strerror(3)).
  public var text: ByteString {
    guard let text = csystem_error_text(code) else {
      return "Unknown error " + ByteString(decimal: code)
    }
    return ByteString(cString: text)
  }

  /// `ENOLCK`; the number where there is no name (strerrorname_np(3)).
  public var name: ByteString {
    guard let name = csystem_error_name(code) else { return ByteString(decimal: code) }
    return ByteString(cString: name)
  }
}

/// Calls `call` until it is not interrupted by a signal; -1 means failure, as in libc.
///
/// The project's only EINTR loop. close(2) must not go through it: the descriptor is gone even when
/// close says EINTR.
@inline(__always)
@discardableResult
public func retryingOnInterrupt<Value: FixedWidthInteger>(
  _ call: () -> Value
) throws(Errno) -> Value {
  while true {
    let result = call()
    if result != -1 { return result }
    let error = Errno.current
    if error != .interrupted { throw error }
  }
}
