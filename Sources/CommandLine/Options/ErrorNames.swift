internal import CSystem
internal import SystemInterface

/// The errors that a network file system may have for a while, by the names of errno(3).
let errorNames: [(name: Literal, code: Int32)] = [
  ("EACCES", EACCES), ("EAGAIN", EAGAIN), ("EBADF", EBADF), ("EBUSY", EBUSY), ("ECOMM", ECOMM),
  ("ECONNABORTED", ECONNABORTED), ("ECONNREFUSED", ECONNREFUSED), ("ECONNRESET", ECONNRESET),
  ("EHOSTDOWN", EHOSTDOWN), ("EHOSTUNREACH", EHOSTUNREACH), ("EINVAL", EINVAL), ("EIO", EIO),
  ("ELOOP", ELOOP), ("EMFILE", EMFILE), ("ENETDOWN", ENETDOWN), ("ENETRESET", ENETRESET),
  ("ENETUNREACH", ENETUNREACH), ("ENFILE", ENFILE), ("ENOBUFS", ENOBUFS), ("ENODEV", ENODEV),
  ("ENOENT", ENOENT), ("ENOLCK", ENOLCK), ("ENOLINK", ENOLINK), ("ENOMEM", ENOMEM),
  ("ENOTCONN", ENOTCONN), ("ENOTDIR", ENOTDIR), ("ENXIO", ENXIO), ("EPERM", EPERM),
  ("EPIPE", EPIPE), ("EPROTO", EPROTO), ("EREMOTEIO", EREMOTEIO), ("ESHUTDOWN", ESHUTDOWN),
  ("ESTALE", ESTALE), ("ETIME", ETIME), ("ETIMEDOUT", ETIMEDOUT),
]

/// The error of that name.
func parseErrorName(_ text: ByteString) -> Errno? {
  errorNames.first { text == $0.name }.map { Errno($0.code) }
}
