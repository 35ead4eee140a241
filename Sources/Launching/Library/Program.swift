#if !hasFeature(Embedded)
  internal import CSystem

  /// A program to run, for tasks: a value, of which nothing is started yet.
  ///
  /// Either it runs, or it never began, and the error names the step. It gets the descriptors 0, 1 and 2, those that
  /// are to be inherited and no other, default dispositions of all signals, and a process group of its own. A program
  /// whose file, or folder, is on a server that does not answer takes a thread until it does, and keeps nobody else from
  /// starting one.
  ///
  /// ```swift
  /// let result = try await Program("make", "check").run(output: .collected(limit: 1 << 20), timeout: .seconds(600))
  /// ```
  public struct Program: Sendable {
    /// The first one is looked up in $PATH unless it has a slash (execvp(3)).
    public var arguments: [ByteString]
    /// Changes to this process's environment.
    public var environment: [EnvironmentVariable] = []
    /// Where it runs.
    public var folder: ByteString?
    public var input = Input.null
    /// Descriptors of this process that it has, too, under the same numbers: that of a lock, for example, which lasts
    /// as long as one of the two then.
    public var inherits: [CInt] = []
    /// How long it may take to end after SIGTERM.
    public var grace = Duration.seconds(5)
    /// Whether it is killed when this process dies.
    public var endsWithThisProcess = false
    public var setup = Setup()

    public init(_ name: String, _ arguments: String...) {
      self.init([ByteString(name)] + arguments.map { ByteString($0) })
    }

    public init(_ arguments: [ByteString]) {
      self.arguments = arguments
    }

    /// Where it reads from.
    #if hasAttribute(nonexhaustive)
      @nonexhaustive
    #endif
    public enum Input: Sendable {
      /// /dev/null
      case null
      /// This process's. A terminal stops the program that reads from it, which is in the background (SIGTTIN).
      case inherited
      case file(ByteString)
      case descriptor(CInt)
    }

    /// Where it writes to.
    #if hasAttribute(nonexhaustive)
      @nonexhaustive
    #endif
    public enum Output: Sendable {
      /// This process's.
      case inherited
      case discarded
      /// So many bytes are kept, of what is written until the program ends; more is dropped.
      case collected(limit: Int)
      /// Made, with mode 0666 less the umask, if it is not there; written anew, unless `appending`.
      case file(ByteString, appending: Bool = false)
      case descriptor(CInt)
    }

    /// What is to be different from this process, each step in the order in which it stands here.
    public struct Setup: Sendable {
      /// Added to the nice value (nice(2)).
      public var niceness: CInt?
      public var ioPriority: IOPriority?
      public var namespaces = Namespaces()
      public var limits: [ResourceLimit] = []
      public var credentials = Credentials()
      /// The file mode creation mask (umask(2)).
      public var creationMask: UInt32?

      public init() {}
    }

    /// How it has run.
    public struct Result: Sendable {
      public let termination: Termination
      /// Whether it was ended because its time was over.
      public let timedOut: Bool
      /// What was collected; empty otherwise.
      public let output: [UInt8]
      public let errors: [UInt8]
      /// Whether more was written than was to be collected.
      public let wasCut: Bool

      /// `output` as text.
      public var text: String { String(decoding: output, as: UTF8.self) }
    }
  }

  // MARK: - Running it

  extension Program {
    /// Runs it to its end.
    ///
    /// When the task is cancelled or the time is over its process group is ended: SIGTERM and SIGCONT, and SIGKILL after
    /// `grace`, or to those that are left when it has ended itself.
    ///
    /// - Returns: once it is reaped.
    /// - Throws: `LaunchError`; `CancellationError`, once it is reaped.
    public func run(
      output: Output = .inherited, errors: Output = .inherited, timeout: Duration? = nil
    ) async throws -> Result {
      try Task.checkCancellation()
      let (program, collected, collectedErrors) = try await start(output, errors)
      let isOver = Guarded(false)
      let timer = timeout.map { timeout in
        Task {
          try await Task.sleep(for: timeout)
          isOver.withLock { $0 = true }
          program.beginEnd(grace: grace)
        }
      }
      defer { timer?.cancel() }
      let termination = try await withTaskCancellationHandler {
        try await program.unconditionalTermination()
      } onCancel: {
        program.beginEnd(grace: grace)
      }
      let kept = collected?.finish()
      let keptErrors = collectedErrors?.finish()
      try Task.checkCancellation()
      return Result(
        termination: termination, timedOut: isOver.withLock { $0 }, output: kept?.bytes ?? [],
        errors: keptErrors?.bytes ?? [],
        wasCut: kept?.wasCut == true || keptErrors?.wasCut == true)
    }

    /// Starts it, and does not wait for it.
    ///
    /// - Parameters: not `collected`: then it is discarded.
    public func start(
      output: Output = .inherited, errors: Output = .inherited
    ) async throws(LaunchError) -> RunningProgram {
      try await start(output.uncollected, errors.uncollected).program
    }

    /// Becomes the program: returns only if that fails.
    public func replaceProcess() throws(LaunchError) -> Never {
      let files = try Files(input, .inherited, .inherited)
      throw Launching.replaceProcess(with: command(files))
    }

    /// The file that would be executed for `name` (execvp(3)).
    ///
    /// - Throws: an error number: `accessDenied` if there were only such that may not be executed, `missing` if none.
    public static func find(_ name: String, path: String? = nil) throws(Errno) -> ByteString {
      try findExecutable(ByteString(name), path: path.map { ByteString($0) })
    }
  }

  // MARK: - How

  extension Program {
    private typealias Started = (
      program: RunningProgram, output: Collector?, errors: Collector?
    )

    private func start(
      _ output: Output, _ errors: Output
    ) async throws(LaunchError) -> Started {
      // To open a file may take long, and that is no work for the threads below.
      let files = try await WaitingThreads.call { [input] in
        Swift.Result { () throws(LaunchError) in try Files(input, output, errors) }
      }.get()
      let started: Swift.Result<Started, LaunchError>
      do throws(Errno) {
        started = try await LastingThreads.starting.call { [self] in
          Swift.Result { () throws(LaunchError) in try begin(files) }
        }
      } catch {
        throw LaunchError(step: .clone, errno: error)
      }
      return try started.get()
    }

    private func begin(_ files: Files) throws(LaunchError) -> Started {
      let child = try startProcess(command(files), mask: nil)
      let program = try RunningProgram(child)
      do throws(Errno) {
        return (program, try files.collectOutput(), try files.collectErrors())
      } catch {
        program.beginEnd(grace: .zero)
        throw LaunchError(step: .poll, errno: error)
      }
    }

    private func command(_ files: Files) -> Command {
      var command = Command(
        CStringVector(arguments), environment: .environment(setting: environment))
      command.inheritedDescriptors = ascending(inherits)
      command.group = .newInBackground
      if endsWithThisProcess { command.parentDeathSignal = SIGKILL }
      if let own = processSetup {
        own.descriptors = files.standard.enumerated().map { DescriptorMapping(Int32($0), $1) }
        own.closesOtherDescriptors = true
        command.setup = own
      } else {
        command.standardDescriptors = files.standard
        command.closesOtherDescriptors = true
      }
      return command
    }

    /// Nil where there is nothing to be set up: then nothing of this process is copied.
    private var processSetup: ProcessSetup? {
      let isPlain =
        folder == nil && setup.niceness == nil && setup.ioPriority == nil
        && setup.namespaces == Namespaces() && setup.limits.isEmpty
        && setup.credentials == Credentials() && setup.creationMask == nil
      if isPlain { return nil }
      let own = ProcessSetup()
      own.folder = folder
      own.niceness = setup.niceness
      own.ioPriority = setup.ioPriority
      own.namespaces = setup.namespaces
      own.limits = setup.limits
      own.credentials = setup.credentials
      own.creationMask = setup.creationMask
      return own
    }
  }

  extension Program.Output {
    fileprivate var uncollected: Program.Output {
      if case .collected = self { .discarded } else { self }
    }
  }

  extension ResourceLimit {
    /// Seconds of processor time, after which comes SIGXCPU, and SIGKILL at the hard one.
    public static func cpuTime(seconds: UInt64) -> ResourceLimit {
      ResourceLimit(csystem_limit_of_cpu_time(), soft: seconds, hard: seconds)
    }

    /// Bytes of address space.
    public static func addressSpace(bytes: UInt64) -> ResourceLimit {
      ResourceLimit(csystem_limit_of_address_space(), soft: bytes, hard: bytes)
    }

    /// Bytes of the largest file that may be written.
    public static func fileSize(bytes: UInt64) -> ResourceLimit {
      ResourceLimit(csystem_limit_of_file_size(), soft: bytes, hard: bytes)
    }

    /// One more than the highest number of a descriptor.
    public static func openFiles(_ count: UInt64) -> ResourceLimit {
      ResourceLimit(csystem_limit_of_open_files(), soft: count, hard: count)
    }
  }
#endif
