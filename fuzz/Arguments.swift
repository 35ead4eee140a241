import CSystem
import SystemInterface

@testable import CommandLine
@testable import Locking

/// One word a line, the program's name first: parsed as that program does it, and never performed.
func complaintAboutArguments(_ bytes: [UInt8]) -> String? {
  let words = bytes.split(separator: ascii("\n"), omittingEmptySubsequences: false).prefix(200)
  var arguments = words.map { ByteString($0).withCString { strdup($0) } } + [nil]
  defer { arguments.forEach { free($0) } }
  return arguments.withUnsafeMutableBufferPointer { buffer in
    complaint(aboutWords: buffer.baseAddress!, count: words.count)
  }
}

private func complaint(aboutWords arguments: ArgumentVector, count: Int) -> String? {
  if let personality = Personality(called: ByteString(cString: arguments[0]!)) {
    return complaint(about: personality, arguments, count: count)
  }
  do throws(Failure) {
    switch try Parser(arguments, count: count).parse() {
    case .run(let options):
      return complaint(about: options.lock)
        ?? complaint(about: options.command)
        ?? complaint(aboutDurations: [options.maximumRuntime, options.killAfter])
    case .acquire(let options), .release(let options), .refresh(let options),
      .transfer(let options):
      return complaint(about: options.lock) ?? complaint(aboutDurations: [options.lifetime])
    case .wait(let options):
      return complaint(about: options.lock)
    case .status(let options), .break(let options), .cleanup(let options):
      return complaint(about: options.lock)
        ?? complaint(aboutDurations: [options.watch, options.killAfter])
    case .personality(let personality, let name):
      return complaint(about: personality, arguments + name, count: count - name)
    case .help(let topic):
      return Help.text(topic).count > 0 ? nil : "there is no help"
    case .summary(let topic):
      return Help.summary(topic).count > 0 ? nil : "there is no short help"
    case .topic(let topic):
      return topic.text.count > 0 ? nil : "there is no help on a topic"
    case .version:
      return nil
    }
  } catch {
    // Every option may be unsupported beside another; nothing but the words is known yet.
    if error.status != ExitStatus.usage.rawValue { return "status \(error.status)" }
    if error.message.count == 0 { return "no message" }
    if error.message.bytes.contains(where: { $0 < 0x20 || $0 == 0x7f }) { return "several lines" }
    return nil
  }
}

private func complaint(
  about personality: Personality, _ arguments: ArgumentVector, count: Int
) -> String? {
  do throws(Failure) {
    switch personality {
    case .flock:
      var parser = FlockParser(arguments, count: count)
      guard case .lock(let options) = try parser.parse() else { return nil }
      return options.command.flatMap { complaint(about: $0) }
    case .lockrun:
      var parser = LockrunParser(arguments, count: count)
      guard case .run(let options) = try parser.parse() else { return nil }
      return complaint(about: options.command)
        ?? complaint(aboutNumbers: [options.sleep, options.maximumAttempts, options.maximumTime])
    }
  } catch {
    return error.status == 0 || error.message.count == 0 ? "an error that is none" : nil
  }
}

private func complaint(about lock: LockOptions) -> String? {
  if lock.nonblock, lock.timeout != nil { return "a wait that is none" }
  if lock.range.start < 0 || lock.range.length < 0 { return "range \(lock.range)" }
  if let code = lock.conflictExitCode, !(0...255).contains(code) { return "exit status \(code)" }
  if let permissions = lock.permissions, permissions > 0o7777 { return "mode \(permissions)" }
  let policy = lock.hardlink.hardlink
  return complaint(aboutDurations: [lock.timeout, policy.settle])
}

private func complaint(about command: CommandWords) -> String? {
  if case .process(_, let count) = command, count < 1 { return "no command" }
  return command.shellCommand.isEmpty && !command.arguments.allSatisfy(\.isEmpty)
    ? "the shell would run nothing" : nil
}

private func complaint(aboutDurations durations: [Span?]) -> String? {
  durations.contains { ($0 ?? .zero) < .zero } ? "durations \(durations)" : nil
}

private func complaint(aboutNumbers numbers: [Int64?]) -> String? {
  numbers.contains { ($0 ?? 0) < 0 } ? "numbers \(numbers)" : nil
}
