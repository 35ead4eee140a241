internal import CSystem

/// Who does nothing but wait for one of its children. All processes, as they are at one moment.
///
/// A shell makes the same call for a command in the foreground and for its builtin `wait`, while `sleep`
/// in the foreground is a child beside the others: so another child that lives may be what is waited for,
/// and what ends the wait.
package struct BranchWaits {
  private var pairs: [(child: Int32, parent: Int32)] = []
  private let isHelper: (ObservedProcess, [ObservedProcess]) -> Bool

  /// - Parameter isHelper: whether a child of a process in a chain waits for one of the chain itself, and
  ///   keeps nobody busy.
  /// - Throws: `system` with the step `open`: no /proc.
  package init(
    isHelper: @escaping (ObservedProcess, [ObservedProcess]) -> Bool
  ) throws(LockError) {
    self.isHelper = isHelper
    for process in try ProcessFolder.all() {
      guard let folder = try? ProcessFolder(process), let text = folder.read("stat"),
        let facts = ProcessStatistics(text), facts.canRun
      else { continue }
      pairs.append((process, facts.parent))
    }
  }

  /// How many processes in a row above `chain[0]` cannot go on before it has ended: each does nothing but
  /// wait for its child in the chain, and has no other child that lives. Where that cannot be told, it can.
  ///
  /// - Parameter chain: a process, its parent, that one's parent and so on, as `ancestry(of:)` gives them.
  @inline(never)
  package func height(of chain: [ObservedProcess]) -> Int {
    var height = 0
    while height + 1 < chain.count {
      let process = chain[height + 1]
      let branch = chain[...height]
      guard process.runsThisProgram() || Self.waits(process, for: branch) else { return height }
      for child in children(of: process.identifier) where child != branch.last?.identifier {
        guard let child = ObservedProcess(child), child.parent == process.identifier else {
          continue
        }
        if !isHelper(child, chain), !reads(child, from: branch) { return height }
      }
      height += 1
    }
    return height
  }

  private func children(of parent: Int32) -> [Int32] {
    pairs.filter { $0.parent == parent }.map { $0.child }
  }

  /// Whether `process`, which has no children, only reads what a process of `branch` writes, as the next
  /// command of a pipeline does.
  private func reads(_ process: ObservedProcess, from branch: ArraySlice<ObservedProcess>) -> Bool {
    children(of: process.identifier).isEmpty
      && Self.waits(process, for: branch, orForChildren: false)
  }

  /// Whether all threads of `process` wait for the end of a child, for a signal, or for what a process of
  /// `branch` writes into a pipe.
  private static func waits(
    _ process: ObservedProcess, for branch: ArraySlice<ObservedProcess>, orForChildren: Bool = true
  ) -> Bool {
    guard let folder = try? ProcessFolder(process.identifier),
      let threads = try? folder.numbers(in: "task"), !threads.isEmpty
    else { return false }
    for thread in threads {
      guard let text = folder.read("task/" + ByteString(decimal: thread) + "/syscall"),
        let call = BlockedCall(text)
      else { return false }
      switch Int(truncatingIfNeeded: call.number) {
      case Int(SYS_wait4), Int(SYS_waitid), Int(SYS_rt_sigsuspend):
        if !orForChildren { return false }
      case Int(SYS_read):
        guard let number = Int32(exactly: call.first),
          let pipe = folder.link("fd/" + ByteString(decimal: number)), pipe.hasPrefix("pipe:["),
          branch.contains(where: { hasOpen(pipe, $0.identifier) })
        else { return false }
      default: return false
      }
    }
    return true
  }

  private static func hasOpen(_ name: ByteString, _ process: Int32) -> Bool {
    guard let folder = try? ProcessFolder(process), let numbers = try? folder.numbers(in: "fd")
    else {
      return false
    }
    return numbers.contains { folder.link("fd/" + ByteString(decimal: $0)) == name }
  }
}
