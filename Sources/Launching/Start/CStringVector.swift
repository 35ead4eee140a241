internal import CSystem
@_exported public import SystemInterface

/// A variable that a command starts with.
package struct EnvironmentVariable: Equatable, Sendable {
  package let name: ByteString
  package let value: ByteString

  package init(_ name: ByteString, _ value: ByteString) {
    self.name = name
    self.value = value
  }
}

/// A change of an environment.
package enum EnvironmentChange: Equatable, Sendable {
  case set(EnvironmentVariable)
  case unset(ByteString)
  /// No variable is left of those before.
  case clear
}

/// A null-terminated array of C strings, as execve(2) takes its arguments and its environment.
package final class CStringVector {
  private let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let capacity: Int
  /// The strings that end with this vector; others live as long as the process.
  private var owned: [UnsafeMutablePointer<CChar>] = []
  package private(set) var count = 0

  private init(capacity: Int) {
    self.capacity = capacity
    pointers = .allocate(capacity: capacity + 1)
    pointers.initialize(repeating: nil, count: capacity + 1)
  }

  deinit {
    for string in owned { free(string) }
    pointers.deallocate()
  }

  package convenience init(_ strings: [ByteString]) {
    self.init(capacity: strings.count)
    for string in strings { append(copying: string) }
  }

  /// The `count` strings at `start`, which must live as long as the process: part of its own
  /// arguments. Nothing is copied but the pointers.
  package convenience init(
    processArguments start: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>, count: Int
  ) {
    self.init(capacity: count)
    for index in 0..<count { append(start[index]!) }
  }

  /// This process's environment with `changes` in it: each sets a variable.
  package static func environment(
    setting changes: [EnvironmentVariable]
  ) -> CStringVector {
    let inherited = csystem_environment()!
    var count = 0
    while inherited[count] != nil { count += 1 }

    let vector = CStringVector(capacity: count + changes.count)
    entries: for index in 0..<count {
      let entry = inherited[index]!
      for change in changes where isVariable(entry, change.name) { continue entries }
      vector.append(entry)
    }
    for change in changes { vector.append(copying: change.name + "=" + change.value) }
    return vector
  }

  /// This process's environment with `changes` made to it one after the other.
  package static func environment(_ changes: [EnvironmentChange]) -> CStringVector {
    var entries: [ByteString] = []
    var next = csystem_environment()!
    while let entry = next.pointee {
      entries.append(ByteString(cString: entry))
      next += 1
    }
    for change in changes {
      switch change {
      case .clear: entries = []
      case .unset(let name): entries.removeAll { $0.hasPrefix(name + "=") }
      case .set(let variable):
        entries.removeAll { $0.hasPrefix(variable.name + "=") }
        entries.append(variable.name + "=" + variable.value)
      }
    }
    return CStringVector(entries)
  }

  /// How many bytes the strings take of what execve(2) allows, and which of them is the largest.
  package var size: (total: Int, largest: ByteString) {
    var total = 0
    var largest: ByteString = ""
    for index in 0..<count {
      let string = self[index]
      total += string.count + 1 + MemoryLayout<UInt>.size
      if string.count > largest.count { largest = string }
    }
    return (total, largest)
  }

  /// The value of a variable of this process's environment (getenv(3)).
  package static func environmentValue(_ name: ByteString) -> ByteString? {
    name.withCString { name in getenv(name).map { ByteString(cString: $0) } }
  }

  private static func isVariable(_ entry: UnsafePointer<CChar>, _ name: ByteString) -> Bool {
    name.withCString { strncmp(entry, $0, name.count) == 0 }
      && entry[name.count] == CChar(truncatingIfNeeded: ascii("="))
  }

  package subscript(index: Int) -> ByteString {
    precondition(index < count)
    return ByteString(cString: pointers[index]!)
  }

  /// The array for execve(2); valid as long as the vector.
  var address: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> { pointers }

  private func append(_ string: UnsafeMutablePointer<CChar>) {
    precondition(count < capacity)
    pointers[count] = string
    count += 1
  }

  private func append(copying string: ByteString) {
    let copy = string.withCString { strdup($0)! }
    owned.append(copy)
    append(copy)
  }
}
