internal import Launching

/// The command that is to run under a lock, as a command line names it.
enum CommandWords {
  /// The last `count` of the process's own arguments.
  case process(ArgumentVector, count: Int)
  /// A string for the shell.
  case shell(ByteString)

  var vector: CStringVector {
    switch self {
    case .process(let first, let count): CStringVector(processArguments: first, count: count)
    case .shell(let string): CStringVector([shell, "-c", string])
    }
  }

  /// What messages call it.
  var name: ByteString {
    switch self {
    case .process(let first, _): ByteString(cString: first.pointee!)
    case .shell: shell
    }
  }

  /// $SHELL, or else /bin/sh.
  private var shell: ByteString {
    guard let shell = CStringVector.environmentValue("SHELL"), !shell.isEmpty else {
      return "/bin/sh"
    }
    return shell
  }
}
