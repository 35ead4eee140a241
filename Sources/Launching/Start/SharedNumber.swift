internal import CSystem

/// A number in memory that the processes share which are forked after it is made (mmap(2)): any of them
/// sees what one has set. 0 at first.
package final class SharedNumber: @unchecked Sendable {
  let address: UnsafeMutablePointer<Int64>

  package init() throws(LaunchError) {
    address = try makeSharedMemory(holding: 0)
  }

  deinit { freeSharedMemory(address) }

  package var value: Int64 {
    get { csystem_load(address) }
    set { csystem_store(address, newValue) }
  }
}

/// Memory for a plain value that processes share which are forked afterwards (mmap(2)).
func makeSharedMemory<Value: BitwiseCopyable>(
  holding value: Value
) throws(LaunchError) -> UnsafeMutablePointer<Value> {
  let page = mmap(
    nil, MemoryLayout<Value>.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
  guard let page, page != UnsafeMutableRawPointer(bitPattern: -1) else {
    throw LaunchError(step: .mmap, errno: .current)
  }
  let address = page.bindMemory(to: Value.self, capacity: 1)
  address.initialize(to: value)
  return address
}

func freeSharedMemory<Value: BitwiseCopyable>(_ address: UnsafeMutablePointer<Value>) {
  munmap(address, MemoryLayout<Value>.size)
}
