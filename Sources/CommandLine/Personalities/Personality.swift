/// Another lock program that this binary can be: called by that program's name, or by
/// `swlock as NAME`, it reads that program's command line and keeps that program's contract.
package enum Personality: CaseIterable {
  case flock, lockrun

  package var name: Literal {
    switch self {
    case .flock: "flock"
    case .lockrun: "lockrun"
    }
  }

  /// The one that `path` names with its last component.
  init?(called path: ByteString) {
    let name = path.bytes.split(separator: ascii("/"), omittingEmptySubsequences: false).last
    guard let name, let called = Self.allCases.first(where: { name == $0.name }) else { return nil }
    self = called
  }

  /// Does what the program would do; `arguments` begin with its name. Returns its exit status.
  func run(_ arguments: ArgumentVector, count: Int) -> Int32 {
    switch self {
    case .flock: runFlock(arguments, count: count)
    case .lockrun: runLockrun(arguments, count: count)
    }
  }
}
