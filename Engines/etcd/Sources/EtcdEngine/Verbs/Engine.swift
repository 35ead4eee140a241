internal import CLibrary

/// The program: `VERB NAME WORD...`, with the socket to swlock as descriptor 0 (etcd.md 4).
public enum Engine {
  /// Names are bytes, which need not be text. The exit status tells nothing: all is said in lines.
  /// Nothing is put in order at the end, which would take libcurl's libraries milliseconds.
  public static func main() -> Never {
    var arguments: [Bytes] = []
    for index in 0..<Int(clibrary_argument_count()) {
      guard let word = clibrary_arguments()[index] else { break }
      arguments.append(Bytes(UnsafeRawBufferPointer(start: word, count: Int(strlen(word)))))
    }
    _exit(run(arguments))
  }

  static func run(_ arguments: [Bytes]) -> CInt {
    clibrary_forbid_dumps()
    // systemd and terminals signal everybody; the lock ends with what swlock says (etcd.md 4).
    for ignored in [SIGTERM, SIGINT, SIGHUP, SIGPIPE] { clibrary_ignore(ignored) }
    let seam = Seam(descriptor: 0)
    do {
      try perform(arguments, seam)
      return 0
    } catch {
      seam.say(error.line)
      return 1
    }
  }

  private static func perform(_ arguments: [Bytes], _ seam: Seam) throws(Failure) {
    let known = ["lock", "show", "break"].map { Bytes(text: $0) }
    guard arguments.count >= 3, let verb = known.firstIndex(of: arguments[1]) else {
      throw Failure(.usage, "usage: swlock-etcd lock|show|break NAME WORD..., as swlock calls it")
    }
    let name = arguments[2]
    let words = Array(arguments[3...])
    if name.isEmpty { throw Failure(.usage, "a lock in etcd needs a name") }
    let order = verb == 0 ? try LockOrder(name: name, words: words) : nil
    let client = Client(try Settings.current(), seam)
    if let order {
      LockSession(order, client, seam).run()
    } else if verb == 1 {
      try Show(name, client).run()
    } else {
      try Break(name, client).run()
    }
  }
}
