import CSystem
import Foundation

/// A process that only sleeps, with a copy of `descriptor` as its standard input if there is one; it
/// ends with its object.
final class Child {
  let identifier: Int32
  private var isRunning = true

  init(inheriting descriptor: Int32? = nil) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let descriptor { posix_spawn_file_actions_adddup2(&actions, descriptor, 0) }
    var arguments = [strdup("sleep"), strdup("1000"), nil]
    defer { for argument in arguments { free(argument) } }
    var started: pid_t = 0
    let error = posix_spawn(
      &started, "/bin/sleep", &actions, nil, &arguments, csystem_environment())
    identifier = started
    if error != 0 { throw POSIXError(POSIXErrorCode(rawValue: error) ?? .EINVAL) }
  }

  func end() {
    guard isRunning else { return }
    isRunning = false
    kill(identifier, SIGKILL)
    waitpid(identifier, nil, 0)
  }

  deinit { end() }
}
