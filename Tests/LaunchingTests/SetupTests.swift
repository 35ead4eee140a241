import CSystem
import Foundation
import Launching
import SystemInterface
import TestSupport
import Testing

@Suite(.takingTurns) struct SetupTests {
  private func run(_ text: ByteString, _ change: (ProcessSetup) -> Void) throws -> Termination {
    var command = Command(["sh", "-c", text])
    let setup = ProcessSetup()
    change(setup)
    command.setup = setup
    return try start(command).wait()
  }

  @Test func folderMaskAndDescriptors() throws {
    let null = try FileDescriptor.open("/dev/null", O_RDWR)
    let termination = try run(
      "test $(pwd) = / && test $(umask) = 0000 && test -e /proc/self/fd/77 && ! test -e /proc/self/fd/0"
    ) { setup in
      setup.folder = "/"
      setup.creationMask = 0
      setup.descriptors = [DescriptorMapping(77, null.number), DescriptorMapping(0, nil)]
    }
    null.keepOpen()
    #expect(termination == .exited(code: 0))
  }

  @Test func theStepThatFailedIsNamedAndNothingRuns() throws {
    #expect(throws: LaunchError(step: .chdir, errno: .missing)) {
      _ = try run("exit 0") { $0.folder = "/no/such/folder" }
    }
    #expect(throws: LaunchError(step: .fcntl, errno: .badDescriptor)) {
      _ = try run("exit 0") { $0.descriptors = [DescriptorMapping(3, 9999)] }
    }
    #expect(throws: LaunchError(step: .controlGroup, errno: .badDescriptor)) {
      _ = try run("exit 0") { $0.controlGroups = [9999] }
    }
    #expect(throws: LaunchError(step: .exec, errno: .missing)) {
      _ = try run("exit 0") { $0.executable = "swlock-no-such-program" }
    }
    var status: Int32 = 0
    #expect(waitpid(-1, &status, WNOHANG) <= 0)
  }

  @Test func fiveHundredOfThemLeaveNoDescriptorAndNoProcess() throws {
    let before = try openDescriptors()
    for _ in 0..<500 {
      let ended = try run("exit 5") { setup in
        setup.folder = "/"
        setup.descriptors = [DescriptorMapping(9, 2)]
        setup.closesOtherDescriptors = true
      }
      #expect(ended == .exited(code: 5))
    }
    // Others open some meanwhile.
    #expect(try openDescriptors().count < before.count + 100)
    var status: Int32 = 0
    #expect(waitpid(-1, &status, WNOHANG) <= 0)
  }

  /// A child that asked for memory could wait for a lock of another thread for ever.
  @Test func aThousandStartBesideThreadsThatTakeMemory() throws {
    // One memory for all threads (mallopt(3), M_ARENA_MAX), where that can be had.
    if let address = dlsym(nil, "mallopt") {
      _ = unsafeBitCast(address, to: (@convention(c) (Int32, Int32) -> Int32).self)(-8, 1)
    }
    let isOver = Flag()
    let threads = DispatchGroup()
    for _ in 0..<2 {
      threads.enter()
      Thread.detachNewThread {
        defer { threads.leave() }
        while !isOver.isSet {
          for size in 1...64 { free(malloc(1100 + size * 64)) }
        }
      }
    }
    defer {
      isOver.set()
      threads.wait()
    }
    for _ in 0..<1000 {
      let ended = try run(":") { setup in
        setup.folder = "/"
        setup.creationMask = 0o77
        setup.descriptors = [DescriptorMapping(9, 2), DescriptorMapping(8, nil)]
        setup.closesOtherDescriptors = true
        setup.limits = [ResourceLimit(Int32(RLIMIT_CORE.rawValue), soft: 0, hard: nil)]
        setup.credentials = Credentials(user: geteuid(), group: getegid())
      }
      #expect(ended == .exited(code: 0))
    }
  }
}

@Suite struct ExecutableTests {
  @Test func firstOfThePathThatMayBeExecuted() throws {
    #expect(try findExecutable("sh", path: "/no/such:/etc:/bin") == "/bin/sh")
    #expect(try findExecutable("/bin/sh", path: "") == "/bin/sh")
  }

  @Test func foldersAndOtherFilesArePassedOver() throws {
    // /etc/init.d is a folder, /etc/passwd is not executable.
    #expect(throws: Errno.accessDenied) { _ = try findExecutable("passwd", path: "/etc") }
    #expect(throws: Errno.accessDenied) { _ = try findExecutable("etc", path: "/") }
    #expect(throws: Errno.missing) {
      _ = try findExecutable("swlock-no-such-program", path: "/bin:")
    }
    #expect(throws: Errno.missing) { _ = try findExecutable("", path: "/bin") }
  }
}

@Suite(.takingTurns) struct DescriptorListTests {
  @Test func whatIsOpenedIsInTheList() throws {
    let opened = try FileDescriptor.open("/dev/null", O_RDONLY)
    let numbers = try openDescriptors()
    #expect(numbers.contains(opened.number) && numbers.sorted() == numbers)
    let number = opened.number
    try opened.close()
    #expect(try !openDescriptors().contains(number))
  }

  @Test func allAreClosedOnExec() throws {
    let inherited = try FileDescriptor.openInheritable("/dev/null", O_RDONLY)
    let number = inherited.number > 2 ? inherited.number : dup(inherited.number)
    try closeDescriptorsOnExec()
    #expect(csystem_fcntl(number, F_GETFD, 0) & FD_CLOEXEC != 0)
    inherited.keepOpen()
  }
}

private final class Flag: @unchecked Sendable {
  private let mutex = NSLock()
  private var value = false

  var isSet: Bool { mutex.withLock { value } }

  func set() { mutex.withLock { value = true } }
}
