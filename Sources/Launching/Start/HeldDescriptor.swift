/// A descriptor for a list, which can hold only what can be copied. It is closed with its last reference.
final class HeldDescriptor {
  private let descriptor: FileDescriptor

  init(_ descriptor: consuming FileDescriptor) {
    self.descriptor = descriptor
  }

  var number: Int32 { descriptor.number }
}
