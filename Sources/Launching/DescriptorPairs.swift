internal import CSystem

// Pairs of descriptors that a process and its child divide between them by number; all close-on-exec.

/// pipe(2)
func makePipe() throws(LaunchError) -> (reader: Int32, writer: Int32) {
  var ends: (reader: Int32, writer: Int32) = (-1, -1)
  try check(.pipe, csystem_pipe(&ends.reader, &ends.writer))
  return ends
}

/// socketpair(2)
func makeSocketPair() throws(LaunchError) -> (Int32, Int32) {
  var ends: (Int32, Int32) = (-1, -1)
  try step(.socketpair) { () throws(Errno) in
    _ = try retryingOnInterrupt {
      withUnsafeMutablePointer(to: &ends) { ends in
        ends.withMemoryRebound(to: Int32.self, capacity: 2) {
          socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, $0)
        }
      }
    }
  }
  return ends
}
