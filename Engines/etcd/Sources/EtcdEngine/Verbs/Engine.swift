internal import CVariadic
import Glibc

/// The program: `VERB NAME WORD...`, with the socket to swlock as descriptor 0 (etcd.md 4).
public enum Engine {
  private enum Verb: String { case lock, show, `break` }

  /// Returns the exit status, which swlock does not look at: all is said in lines.
  public static func run(_ arguments: [[UInt8]]) -> Int32 {
    cvariadic_forbid_dumps()
    // systemd and terminals signal everybody; the lock ends with what swlock says (etcd.md 4).
    for ignored in [SIGTERM, SIGINT, SIGHUP, SIGPIPE] { signal(ignored, SIG_IGN) }
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
    guard arguments.count >= 3, let verb = Verb(rawValue: arguments[1].text) else {
      throw Failure(.usage, "usage: swlock-etcd lock|show|break NAME WORD..., as swlock calls it")
    }
    let name = arguments[2]
    let words = Array(arguments[3...])
    if name.isEmpty { throw Failure(.usage, "a lock in etcd needs a name") }
    let order = verb == .lock ? try LockOrder(name: name, words: words) : nil
    let client = Client(try Settings.current(), seam)
    switch verb {
    case .lock: if let order { LockSession(order, client, seam).run() }
    case .show: try Show(name, client).run()
    case .break: try Break(name, client).run()
    }
  }
}
