internal import CSystem

extension ObservedProcess {
  /// What the process was called with, word by word, cut after 64 KiB (proc_pid_cmdline(5)).
  package func arguments() -> [ByteString] {
    guard let folder = try? ProcessFolder(identifier), let text = folder.read("cmdline"),
      !text.isEmpty
    else { return [] }
    return text.dropLast().split(separator: 0, omittingEmptySubsequences: false)
      .map { ByteString($0) }
  }

  /// The path of the program's file, as the kernel has it; nil where that may not be looked at
  /// (proc_pid_exe(5)).
  package func program() -> ByteString? { (try? ProcessFolder(identifier))?.link("exe") }

  /// What its first thread calls itself now, 15 bytes at most (prctl(2), PR_SET_NAME).
  package func threadName() -> ByteString? {
    guard let text = (try? ProcessFolder(identifier))?.read("comm") else { return nil }
    return ByteString(text.prefix { $0 != ascii("\n") })
  }

  /// Whether it runs a program of another name than this process, which need not be of the same version;
  /// false where that may not be looked at.
  package var isOtherProgram: Bool {
    guard let other = program(), let own = ObservedProcess(getpid())?.program() else {
      return false
    }
    let name = other.splitPath.name.withoutDeletionMark
    return name != own.splitPath.name.withoutDeletionMark && !runsThisProgram()
  }

  /// Whether it runs the same program as this process.
  package func runsThisProgram() -> Bool {
    let path = "/proc/" + ByteString(decimal: identifier) + "/exe"
    guard let own = try? FileStatus(at: "/proc/self/exe", followingLinks: true),
      let other = try? FileStatus(at: path, followingLinks: true)
    else { return false }
    return own.identity == other.identity
  }
}

extension ByteString {
  /// Without what the kernel adds to the name of a file that was removed (proc_pid_exe(5)).
  package var withoutDeletionMark: ByteString {
    let mark: ByteString = " (deleted)"
    guard bytes.suffix(mark.count).elementsEqual(mark.bytes) else { return self }
    return ByteString(bytes.dropLast(mark.count))
  }
}
