package import Testing

/// Has tests run one after another, across suites and test targets.
///
/// For tests that start processes, and for those that look at locks: until its exec a new process
/// has all descriptors of this one, and with them the locks that another test has just released.
package struct TakingTurns: SuiteTrait, TestTrait, TestScoping {
  package var isRecursive: Bool { true }

  package func scopeProvider(for test: Test, testCase: Test.Case?) -> TakingTurns? {
    testCase == nil ? nil : self
  }

  package func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    await Turns.shared.begin()
    do {
      try await function()
    } catch {
      await Turns.shared.end()
      throw error
    }
    await Turns.shared.end()
  }
}

extension Trait where Self == TakingTurns {
  package static var takingTurns: TakingTurns { TakingTurns() }
}

private actor Turns {
  static let shared = Turns()

  private var isTaken = false
  private var waiting: [CheckedContinuation<Void, Never>] = []

  func begin() async {
    guard isTaken else {
      isTaken = true
      return
    }
    await withCheckedContinuation { waiting.append($0) }
  }

  func end() {
    if waiting.isEmpty {
      isTaken = false
    } else {
      waiting.removeFirst().resume()
    }
  }
}
