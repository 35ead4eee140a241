#if !hasFeature(Embedded)
  internal import CSystem

  /// What becomes a program's standard input, output and error. One thread after another uses it.
  final class Files: @unchecked Sendable {
    /// Descriptors of this process, above 2.
    private var own: [HeldDescriptor] = []
    private var output: Reading?
    private var errors: Reading?

    /// The end of a pipe that is to be read.
    private struct Reading: ~Copyable {
      let descriptor: FileDescriptor
      let limit: Int
    }

    /// - Throws: the step that failed: `open`, `pipe`, `fcntl`.
    init(
      _ input: Program.Input, _ output: Program.Output, _ errors: Program.Output
    ) throws(LaunchError) {
      switch input {
      case .null: try open("/dev/null", O_RDONLY)
      case .inherited: try duplicate(STDIN_FILENO)
      case .file(let path): try open(path, O_RDONLY)
      case .descriptor(let number): try duplicate(number)
      }
      self.output = try add(output, STDOUT_FILENO)
      self.errors = try add(errors, STDERR_FILENO)
    }

    var standard: [Int32] { own.map(\.number) }

    private func add(
      _ output: Program.Output, _ number: Int32
    ) throws(LaunchError) -> Reading? {
      switch output {
      case .inherited: try duplicate(number)
      case .discarded: try open("/dev/null", O_WRONLY)
      case .descriptor(let number): try duplicate(number)
      case .file(let path, let appending):
        try open(path, O_WRONLY | O_CREAT | (appending ? O_APPEND : O_TRUNC))
      case .collected(let limit):
        let pipe = try launchStep(.pipe) { () throws(Errno) in try Pipe() }
        try duplicate(pipe.writing.number)
        return Reading(descriptor: pipe.reading, limit: limit)
      }
      return nil
    }

    private func open(_ path: ByteString, _ flags: Int32) throws(LaunchError) {
      let number = path.withCString { csystem_open($0, flags | O_CLOEXEC | O_NOCTTY, 0o666) }
      try check(.open, number)
      let file = FileDescriptor(taking: number)
      try duplicate(file.number)
    }

    /// Above 2, so that none of the three is written over before it is used.
    private func duplicate(_ number: Int32) throws(LaunchError) {
      do throws(Errno) {
        own.append(HeldDescriptor(try FileDescriptor.duplicate(number)))
      } catch {
        // Of the three, this process may have none.
        guard error == .badDescriptor, number <= STDERR_FILENO else {
          throw LaunchError(step: .fcntl, errno: error)
        }
        try open("/dev/null", O_RDWR)
      }
    }

    /// Call these once the program runs: it alone writes then.
    func collectOutput() throws(Errno) -> Collector? {
      own = []
      guard let reading = output.take() else { return nil }
      return try Collector(reading.descriptor, limit: reading.limit)
    }

    func collectErrors() throws(Errno) -> Collector? {
      guard let reading = errors.take() else { return nil }
      return try Collector(reading.descriptor, limit: reading.limit)
    }
  }
#endif
