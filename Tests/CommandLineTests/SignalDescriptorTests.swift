import CSystem
import Foundation
import SystemInterface
import Testing

@Suite struct SignalDescriptorTests {
  /// What a wait for a lock of hardlink mode relies on.
  @Test func aPendingSignalMakesTheDescriptorReadableUntilItIsTaken() throws {
    let signals = SignalSet([SIGUSR2])
    let mask = try signals.block()
    defer { _ = try? mask.becomeMask() }
    let descriptor = try signals.makeDescriptor()
    #expect(!isReadable(descriptor.number))
    raise(SIGUSR2)
    #expect(isReadable(descriptor.number))
    #expect(signals.takePending() == SIGUSR2)
    #expect(!isReadable(descriptor.number))
  }

  private func isReadable(_ descriptor: Int32) -> Bool {
    var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return Foundation.poll(&poll, 1, 0) == 1
  }
}
