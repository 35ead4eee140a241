internal import CSystem

/// The numbers of a relay and of its log's programs, in memory that the processes share which are forked
/// after it is made: a supervisor takes none of them for the command's.
///
/// Whoever reaps one of them takes its number off first: until then it cannot be another's.
package final class RelayProcesses: Sendable {
  private let slots: [SharedNumber]

  package init() throws(LaunchError) {
    var slots: [SharedNumber] = []
    for _ in 0...RelayPlan.maximumPrograms { slots.append(try SharedNumber()) }
    self.slots = slots
  }

  /// The relay itself; 0 for none.
  var relay: Int32 { Int32(slots[0].value) }

  func contains(_ process: Int32) -> Bool {
    slots.contains { $0.value == Int64(process) }
  }

  func setRelay(_ process: Int32) { slots[0].value = Int64(process) }

  func setProgram(_ place: Int, _ process: Int32) { slots[1 + place].value = Int64(process) }

  func remove(_ process: Int32) {
    for slot in slots where slot.value == Int64(process) { slot.value = 0 }
  }

  /// Whether one of them is a child that waitpid(2) sees. The relay is so only once the process that
  /// forked it has ended, and the programs once the relay has.
  var areAmongChildren: Bool {
    slots.contains { $0.value > 0 && childState(Int32($0.value)) != .none }
  }
}
