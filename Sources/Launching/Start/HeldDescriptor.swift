/// A descriptor for a list, which can hold only what can be copied. It is closed with its last reference.
package final class HeldDescriptor {
  private let descriptor: FileDescriptor

  package init(_ descriptor: consuming FileDescriptor) {
    self.descriptor = descriptor
  }

  package var number: Int32 { descriptor.number }
}
