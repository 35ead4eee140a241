#if !hasFeature(Embedded)
  internal import CSystem
  internal import SystemInterface

  /// Copies of descriptors that others take the place of, for good only if an exec succeeds, which closes the copies.
  struct KeptDescriptors: ~Copyable {
    /// Negative: there was none.
    private var copies: [(number: Int32, copy: Int32)] = []

    init(_ numbers: Range<Int32>) throws(LaunchError) {
      for number in numbers {
        do throws(Errno) {
          copies.append((number, try FileDescriptor.duplicate(number).leak()))
        } catch {
          if error != .badDescriptor { throw LaunchError(step: .fcntl, errno: error) }
          copies.append((number, -1))
        }
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
