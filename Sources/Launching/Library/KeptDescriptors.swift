#if !hasFeature(Embedded)
  internal import CSystem
  internal import SystemInterface

  /// Copies of descriptors that others take the place of, for good only if an exec succeeds, which closes the copies.
  struct KeptDescriptors: ~Copyable {
    /// Negative: there was none.
    private var copies: [(number: Int32, copy: Int32)] = []

    init(_ numbers: Range<Int32>) throws(LaunchError) {
      for number in numbers {
        let copy = csystem_fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
        if copy < 0, Errno.current != .badDescriptor {
          throw LaunchError(step: .fcntl, errno: .current)
        }
        copies.append((number, copy))
      }
    }

    func restore() {
      for (number, copy) in copies {
        if copy < 0 { close(number) } else { dup2(copy, number) }
      }
    }

    deinit {
      for (_, copy) in copies where copy >= 0 { close(copy) }
    }
  }
#endif
