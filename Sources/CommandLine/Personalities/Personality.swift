internal import SystemInterface

/// Another lock program that this binary can be: called by that program's name, or by
/// `swlock as NAME`, it reads that program's command line and keeps that program's contract.
package enum Personality: CaseIterable {
  case flock, lockrun

  package var name: StaticString {
    switch self {
    case .flock: "flock"
    case .lockrun: "lockrun"
    }
  }

  /// The one that `path` names with its last component.
  init?(called path: ByteString) {
    let name = path.bytes.split(separator: ascii("/"), omittingEmptySubsequences: false).last
    let called = Self.allCases.first { name?.elementsEqual($0.name.utf8) == true }
    guard let called else { return nil }
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
