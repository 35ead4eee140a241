internal import CSystem

/// A literal of the source, as C reads it: the address of its bytes, which a zero byte ends.
///
/// It is one word in a call and in a table, where a StaticString is three.
package struct Literal: ExpressibleByStringLiteral, @unchecked Sendable {
  package let cString: UnsafePointer<CChar>

  /// - Parameter value: has no zero character, unless only `utf8` of what is before that is meant.
  @inline(__always)
  package init(stringLiteral value: StaticString) {
    cString = value.cString
  }

  /// The bytes, without the zero byte.
  package var utf8: UnsafeBufferPointer<UInt8> {
    let count = strlen(cString)
    return cString.withMemoryRebound(to: UInt8.self, capacity: count) {
      UnsafeBufferPointer(start: $0, count: count)
    }
  }

  package var isEmpty: Bool { cString.pointee == 0 }
}

extension ArraySlice<UInt8> {
  @inline(never)
  package static func == (bytes: ArraySlice<UInt8>, literal: Literal) -> Bool {
    bytes.elementsEqual(literal.utf8)
  }

  @inline(never)
  package func hasPrefix(_ literal: Literal) -> Bool {
    starts(with: literal.utf8)
  }

  /// What follows `prefix`; nil where that is not how it begins.
  package func dropping(prefix: Literal) -> ArraySlice<UInt8>? {
    hasPrefix(prefix) ? dropFirst(prefix.utf8.count) : nil
  }
}

extension Literal: CustomStringConvertible {
  package var description: String { String(cString: cString) }
}
