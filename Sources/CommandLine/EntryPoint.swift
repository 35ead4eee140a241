internal import CSystem
@_exported public import SystemInterface

/// swlock's version, as `--version` shows it.
package let version: Literal = "0.2.0"

/// swlock, from argv to exit status: does what the process's arguments say, and returns its exit status.
package func runSwlock() -> Int32 {
  let arguments = csystem_arguments()!
  let count = Int(csystem_argument_count())
  do throws(Failure) {
    if csystem_auxiliary_value(UInt(AT_SECURE)) != 0 {
      throw Failure(.notPermitted, "unable to run with set-user-ID, set-group-ID or capabilities")
    }
    if count > 0, let personality = Personality(called: ByteString(cString: arguments[0]!)) {
      return personality.run(arguments, count: count)
    }
    if let kept = KeptLock(arguments, count: count) { return try Keeper(kept).perform() }
    return try perform(arguments, count: count)
  } catch {
    if error.message.count > 0 { Output.say(error.message) }
    return error.status
  }
}

private func perform(_ arguments: ArgumentVector, count: Int) throws(Failure) -> Int32 {
  switch try Parser(arguments, count: count).parse() {
  case .help(let subcommand): try Results.write(Help.text(subcommand))
  case .summary(let subcommand): try Results.write(Help.summary(subcommand))
  case .topic(let topic): try Results.write(topic.text)
  case .version: try Results.write("swlock \(version)\n")
  case .run(let options): return try Run.perform(options)
  case .acquire(let options): return try Acquire(options).perform()
  case .release(let options): return try Release(options).perform()
  case .refresh(let options): return try Refresh(options).perform()
  case .transfer(let options): return try Transfer(options).perform()
  case .wait(let options): return try Wait(options).perform()
  case .status(let options): return try Status(options).perform()
  case .break(let options): return try Break(options).perform()
  case .cleanup(let options): return try Cleanup(options).perform()
  case .personality(let personality, let name):
    return personality.run(arguments + name, count: count - name)
  }
  return ExitStatus.done.rawValue
}
