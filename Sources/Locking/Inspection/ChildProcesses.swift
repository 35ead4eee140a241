/// The children of the main thread of `process` (proc_pid_task_pid_children(5)), in the order in which they were
/// started; none where that cannot be seen.
public func childProcesses(of process: Int32) -> [Int32] {
  let number = ByteString(decimal: process)
  guard let folder = try? ProcessFolder(process),
    let text = folder.read("task/" + number + "/children")
  else { return [] }
  return text.split(separator: ascii(" ")).compactMap { $0.number() }
}
