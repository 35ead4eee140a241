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

  var arguments: [ByteString] {
    switch self {
    case .process(let first, let count): (0..<count).map { ByteString(cString: first[$0]!) }
    case .shell(let string): [shell, "-c", string]
    }
  }

  /// What follows the -c of a shell: the first word, or the string, is the shell command, and the other
  /// words are its arguments.
  var shellArguments: [ByteString] {
    switch self {
    case .process:
      let words = arguments
      return words.count == 1 ? words : [words[0], "bash"] + words[1...]
    case .shell(let string): return [string]
    }
  }

  /// One word for a shell that means the whole.
  var shellCommand: ByteString {
    if case .shell(let string) = self { return string }
    var text: [UInt8] = []
    for word in arguments {
      if !text.isEmpty { text.append(ascii(" ")) }
      text.append(ascii("'"))
      for byte in word.bytes {
        if byte == ascii("'") { text += ByteString("'\\'").bytes }
        text.append(byte)
      }
      text.append(ascii("'"))
    }
    return ByteString(text)
  }

  /// What messages call it.
  var name: ByteString {
    switch self {
    case .process(let first, _): ByteString(cString: first.pointee!)
    case .shell: shell
    }
  }

  /// Whether only a shell would understand the first word, which is no program: a whole command line in one
  /// word, or what a shell does itself (POSIX, 2.14 and 1.6).
  static func isForAShell(_ word: ByteString) -> Bool {
    let isLine = word.bytes.contains { byte in
      (" \t\n|&;<>()$`*?" as Literal).utf8.contains(byte)
    }
    let names: [Literal] = [
      "cd", ".", "source", "export", "set", "unset", "exec", "eval", "ulimit", "umask", "read",
      "trap",
      "wait", "if", "for", "while", "until", "case", "alias", "exit", "return", ":", "{", "!",
    ]
    return isLine || names.contains { word == $0 }
  }

  /// $SHELL, or else /bin/sh.
  private var shell: ByteString {
    guard let shell = CStringVector.environmentValue("SHELL"), !shell.isEmpty else {
      return "/bin/sh"
    }
    return shell
  }
}
