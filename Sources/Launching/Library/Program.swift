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
    /// What is different from this process's environment.
    public var environment: [ByteString: ByteString] = [:]
    /// Where it runs.
    public var folder: ByteString?
    /// Descriptors of this process that it has, too, under the same numbers: that of a lock, for example, which lasts
    /// as long as one of the two then.
    public var inherits: [CInt] = []
    /// Whether it is killed when this process dies.
    public var endsWithThisProcess = false
    /// Added to the nice value (nice(2)).
    public var niceness: CInt?
    /// The scheduling of its input and output (ioprio_set(2)).
    public var ioPriority: IOPriority?
    /// Those that it gets anew; with what they do not go without: `net` names the host, `pid` mounts /proc.
    public var namespaces: Set<Namespace> = []
    /// What it may use at most. With a new user namespace, these and who it is come before all namespaces.
    public var limits: [Limit] = []
    /// As whom it runs (credentials(7)); nil: as this process.
    public var user: UInt32?
    /// Its group; nil: this process's.
    public var group: UInt32?
    /// Its supplementary groups; nil: this process's.
    public var groups: [UInt32]?
    /// The file mode creation mask (umask(2)); nil: this process's.
    public var creationMask: UInt32?

    /// A program by its name or path, and its arguments. Others than text are set as `arguments`.
    public init(_ name: String, _ arguments: String...) {
      self.arguments = ([name] + arguments).map { ByteString($0) }
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
      /// A file, by its path.
      case file(ByteString)
      /// A descriptor of this process.
      case descriptor(CInt)
    }

    /// Where it writes to.
    #if hasAttribute(nonexhaustive)
      @nonexhaustive
    #endif
    public enum Output: Sendable {
      /// This process's.
      case inherited
      /// /dev/null
      case discarded
      /// So many bytes are kept, of what is written until the program ends; more is dropped.
      case collected(limit: Int)
      /// Made, with mode 0666 less the umask, if it is not there; written anew, unless `appending`.
      case file(ByteString, appending: Bool = false)
      /// A descriptor of this process.
      case descriptor(CInt)
    }

    /// How its input and output are scheduled (ioprio_set(2)); levels are 0, the highest, to 7.
    #if hasAttribute(nonexhaustive)
      @nonexhaustive
    #endif
    public enum IOPriority: Equatable, Sendable {
      /// Before all others.
      case realTime(level: CInt)
      /// As most are, beside each other.
      case bestEffort(level: CInt)
      /// Only when nobody else needs the disk.
      case idle
    }

    /// A namespace that it gets anew (namespaces(7), unshare(2)). The user namespace is made first: in that, an
    /// ordinary user may make the others.
    #if hasAttribute(nonexhaustive)
      @nonexhaustive
    #endif
    public enum Namespace: Sendable {
      /// Of users and groups.
      case user
      /// With a loopback interface that is up, and the host name `localhost`.
      case net
      /// With an init of its own and a new /proc; ended when all that is in it has ended.
      case pid
      /// What is mounted outside later on is there as well, but not the other way round.
      case mount
      /// The same, and neither is there.
      case privateMount
      /// Of System V's and POSIX's queues, and of host names.
      case ipc, uts
    }

    /// A limit of what it may use (setrlimit(2)), for good.
    #if hasAttribute(nonexhaustive)
      @nonexhaustive
    #endif
    public enum Limit: Equatable, Sendable {
      /// Of processor time.
      case cpuTime(seconds: UInt64)
      /// Of address space.
      case addressSpace(bytes: UInt64)
      /// Of the largest file that may be written.
      case fileSize(bytes: UInt64)
      /// One more than the highest number of a descriptor.
      case openFiles(UInt64)
      /// RLIMIT_CPU and so on; nil leaves it as it is, and `UInt64.max` is none.
      case resource(CInt, soft: UInt64?, hard: UInt64?)
    }

    /// How it has run.
    public struct Result: Sendable {
      /// How it ended.
      public let termination: Termination
      /// Whether it was ended because its time was over.
      public let timedOut: Bool
      /// What was collected of its standard output; empty otherwise.
      public let output: [UInt8]
      /// The same of its standard error.
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
    /// Neither counts until it has begun: that may take long where its file or folder is on a server that does not
    /// answer.
    ///
    /// - Parameters:
    ///   - input: where it reads from.
    ///   - output: where its standard output goes.
    ///   - errors: where its standard error goes.
    ///   - timeout: how long it may run; nil: for ever.
    ///   - grace: how long it may take to end after SIGTERM.
    /// - Returns: once it is reaped.
    /// - Throws: `LaunchError`; `CancellationError`, once it is reaped.
    public func run(
      input: Input = .null, output: Output = .inherited, errors: Output = .inherited,
      timeout: Duration? = nil, grace: Duration = .seconds(5)
    ) async throws -> Result {
      try Task.checkCancellation()
      let (program, collected, collectedErrors) = try await start(input, output, errors)
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
    /// - Parameters:
    ///   - input: where it reads from.
    ///   - output: where its standard output goes; not `collected`: then it is discarded.
    ///   - errors: the same of its standard error.
    public func start(
      input: Input = .null, output: Output = .inherited, errors: Output = .inherited
    ) async throws(LaunchError) -> RunningProgram {
      try await start(input, output.uncollected, errors.uncollected).program
    }

    /// Becomes the program (execve(2)): returns only if that fails.
    ///
    /// Then this process has its standard descriptors, its signal mask and what it does with each signal as before, and
    /// its handlers were there all the time. What else it was to have for the program (its folder, user, limits, namespaces
    /// and so on) it keeps, and its descriptors are closed by its next exec.
    ///
    /// - Parameter input: where it reads from.
    public func replaceProcess(input: Input = .null) throws(LaunchError) -> Never {
      let files = try Files(input, .inherited, .inherited)
      throw Launching.replaceProcess(with: command(files))
    }

    /// The file that would be executed for `name` (execvp(3)), in the folders of $PATH, or of `path` instead.
    ///
    /// - Throws: the error EACCES if there were only such that may not be executed, ENOENT if none.
    public static func find(_ name: String, path: String? = nil) throws(ErrorNumber) -> ByteString {
      try findExecutable(ByteString(name), path: path.map { ByteString($0) })
    }
  }

  // MARK: - How

  extension Program {
    private typealias Started = (
      program: RunningProgram, output: Collector?, errors: Collector?
    )

    private func start(
      _ input: Input, _ output: Output, _ errors: Output
    ) async throws(LaunchError) -> Started {
      // To open a file may take long, and that is no work for the threads below.
      let files = try await WaitingThreads.call {
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
      let variables = environment.map { EnvironmentVariable($0.key, $0.value) }
      var command = Command(
        CStringVector(arguments), environment: .environment(setting: variables))
      command.inheritedDescriptors = ascending(inherits.filter { $0 > STDERR_FILENO })
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
      let credentials = Credentials(user: user, group: group, groups: groups)
      let isPlain =
        folder == nil && niceness == nil && ioPriority == nil && namespaces.isEmpty
        && limits.isEmpty && credentials == Credentials() && creationMask == nil
      if isPlain { return nil }
      let own = ProcessSetup()
      own.folder = folder
      own.niceness = niceness
      own.ioPriority = ioPriority?.core
      for namespace in namespaces { own.namespaces.insert(namespace.kind) }
      own.namespaces.isPrivate = namespaces.contains(.privateMount)
      own.limits = limits.map(\.core)
      own.credentials = credentials
      own.creationMask = creationMask
      return own
    }
  }

  extension Program.Output {
    fileprivate var uncollected: Program.Output {
      if case .collected = self { .discarded } else { self }
    }
  }

  // MARK: - As the core has it

  extension Program.IOPriority {
    fileprivate var core: Launching.IOPriority {
      switch self {
      case .realTime(let level): .init(.realTime, level: level)
      case .bestEffort(let level): .init(.bestEffort, level: level)
      case .idle: .init(.idle, level: 0)
      }
    }
  }

  extension Program.Namespace {
    fileprivate var kind: Namespaces.Kind {
      switch self {
      case .user: .user
      case .net: .net
      case .pid: .pid
      case .mount, .privateMount: .mount
      case .ipc: .ipc
      case .uts: .uts
      }
    }
  }

  extension Program.Limit {
    fileprivate var core: ResourceLimit {
      switch self {
      case .cpuTime(let seconds): ResourceLimit(both: seconds, csystem_limit_of_cpu_time())
      case .addressSpace(let bytes): ResourceLimit(both: bytes, csystem_limit_of_address_space())
      case .fileSize(let bytes): ResourceLimit(both: bytes, csystem_limit_of_file_size())
      case .openFiles(let count): ResourceLimit(both: count, csystem_limit_of_open_files())
      case .resource(let number, let soft, let hard): ResourceLimit(number, soft: soft, hard: hard)
      }
    }
  }

  extension ResourceLimit {
    fileprivate init(both limit: UInt64, _ resource: CInt) {
      self.init(resource, soft: limit, hard: limit)
    }
  }
#endif
