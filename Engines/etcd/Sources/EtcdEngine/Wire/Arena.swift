internal import CMessages

/// The memory of a request: protobuf-c's structures point to each other, and all of them are freed
/// when the request has been packed.
struct Arena: ~Copyable {
  private var allocations: [UnsafeMutableRawPointer] = []

  deinit { for allocation in allocations { allocation.deallocate() } }

  /// A structure at a place of its own, set up by its `init` function.
  mutating func make<Message>(
    _ initialize: (UnsafeMutablePointer<Message>?) -> Void, _ fill: (inout Message) -> Void
  ) -> UnsafeMutablePointer<Message> {
    let place = UnsafeMutablePointer<Message>.allocate(capacity: 1)
    allocations.append(UnsafeMutableRawPointer(place))
    initialize(place)
    fill(&place.pointee)
    return place
  }

  mutating func bytes(_ bytes: Bytes) -> ProtobufCBinaryData {
    let place = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count + 1)
    allocations.append(UnsafeMutableRawPointer(place))
    place.initialize(from: bytes + [0], count: bytes.count + 1)
    return ProtobufCBinaryData(len: bytes.count, data: place)
  }

  /// For fields of text, which protobuf-c reads up to a NUL.
  mutating func text(_ bytes: Bytes) -> UnsafeMutablePointer<CChar> {
    UnsafeMutableRawPointer(self.bytes(bytes).data).assumingMemoryBound(to: CChar.self)
  }

  mutating func list<Element>(_ elements: [Element]) -> UnsafeMutablePointer<Element?> {
    let place = UnsafeMutablePointer<Element?>.allocate(capacity: elements.count)
    allocations.append(UnsafeMutableRawPointer(place))
    for (index, element) in elements.enumerated() { (place + index).initialize(to: element) }
    return place
  }
}

/// The bytes of a message that an arena has.
func pack<Message>(_ message: UnsafeMutablePointer<Message>) -> Bytes {
  let base = UnsafeRawPointer(message).assumingMemoryBound(to: ProtobufCMessage.self)
  let size = protobuf_c_message_get_packed_size(base)
  return Bytes(unsafeUninitializedCapacity: size) { buffer, count in
    count = size == 0 ? 0 : protobuf_c_message_pack(base, buffer.baseAddress)
  }
}
