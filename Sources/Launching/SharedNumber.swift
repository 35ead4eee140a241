internal import CSystem

/// A number in memory that the processes share which are forked after it is made (mmap(2)): any of them
/// sees what one has set. 0 at first.
public final class SharedNumber: @unchecked Sendable {
  private let address: UnsafeMutablePointer<Int64>

  public init() throws(LaunchError) {
    let page = mmap(
      nil, MemoryLayout<Int64>.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
    guard let page, page != UnsafeMutableRawPointer(bitPattern: -1) else {
      throw LaunchError(step: .mmap, errno: .current)
    }
    address = page.bindMemory(to: Int64.self, capacity: 1)
  }

  deinit {
    munmap(address, MemoryLayout<Int64>.size)
  }

  public var value: Int64 {
    get { csystem_load(address) }
    set { csystem_store(address, newValue) }
  }
}
