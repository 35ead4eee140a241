internal import CSystem

/// The name of a claim file, and all that it says: `BASE|HOST|PID|RANDOM`, where BASE is the lock's
/// own name in its folder. The content of the file is its path, whose last component this is.
///
/// RANDOM is flufl.lock's word for a number that only keeps names apart. It is the place where
/// swlock tells more of the owner: `TOKEN.LIFETIME.START.NAMESPACE.BOOT`, and `.PID.START` of a
/// second process where there is one, or `.PID.START.a` of the process that makes the claim for the
/// owner. So it is there as soon as the name is, with no write of its
/// own, and flufl.lock, which does not look into RANDOM, reads on as ever.
struct ClaimName: Equatable {
  let fileName: ByteString
  let host: ByteString
  /// 0: held for nobody.
  let process: Int32
  /// What the claim is known by: unique among all claims that there ever are.
  let token: ByteString
  /// What only swlock writes; nil in another program's claim.
  let details: Details?

  struct Details: Equatable {
    /// Nil: no end.
    let lifetime: Span?
    /// 0: not known.
    let start: UInt64
    let realm: Realm
    /// A second process; the owner is dead only when both are.
    let partner: ProcessMark?
    /// The process that uses the claim as a right, where that is not the owner.
    let actor: ProcessMark?
  }

  static let separator = ascii("|")

  /// A new claim's name. Takes 128 random bits for its token (getrandom(2)).
  init(
    base: ByteString, host: ByteString, owner: ProcessMark, partner: ProcessMark?,
    actor: ProcessMark? = nil, realm: Realm, lifetime: Span?
  ) throws(Errno) {
    token = try randomToken()
    process = owner.identifier
    details = Details(
      lifetime: lifetime, start: owner.start, realm: realm, partner: actor == nil ? partner : nil,
      actor: actor)
    var fields: [ByteString] = [
      ByteString(decimal: lifetime.map { max(1, $0.wholeMilliseconds) } ?? 0),
      ByteString(decimal: owner.start), ByteString(decimal: realm.namespace), realm.boot,
    ]
    if let other = actor ?? partner {
      fields.append(ByteString(decimal: other.identifier))
      fields.append(ByteString(decimal: other.start))
    }
    if actor != nil { fields.append("a") }
    var name: ByteString = "|" + ByteString(decimal: owner.identifier) + "|" + token
    for field in fields { name = name + "." + field }
    // It is for people, and need not be whole.
    let room = Int(NAME_MAX) - base.count - 1 - name.count
    self.host = ByteString(host.bytes.prefix(max(1, room)))
    fileName = base + "|" + self.host + name
  }

  /// Reads a name; nil if it is not that of a claim for the lock called `base`.
  init?(_ name: ArraySlice<UInt8>, base: ByteString) {
    guard name.count > base.count + 1, name.starts(with: base.bytes),
      name[name.startIndex + base.count] == Self.separator
    else { return nil }
    var rest: ArraySlice<UInt8>? = name.dropFirst(base.count + 1)
    guard let host = ArraySlice.takeField(of: &rest, before: Self.separator), !host.isEmpty,
      let process: Int32 = ArraySlice.takeField(of: &rest, before: Self.separator)?.number(),
      let last = ArraySlice.takeField(of: &rest, before: Self.separator), rest == nil,
      let random = Self.read(random: last)
    else { return nil }
    fileName = ByteString(name)
    self.host = ByteString(host)
    self.process = process
    (token, details) = random
  }

  /// Letters and digits only, so that nothing but a name in the same folder can be made of it.
  private static func read(
    random: ArraySlice<UInt8>
  ) -> (token: ByteString, details: Details?)? {
    var rest: ArraySlice<UInt8>? = random
    func next() -> ArraySlice<UInt8>? { ArraySlice.takeField(of: &rest, before: ascii(".")) }
    guard let first = next(), !first.isEmpty, first.count <= 40, first.allSatisfy(isHexadecimal)
    else { return nil }
    let token = ByteString(first)
    if rest == nil { return (token, nil) }
    guard let milliseconds: UInt64 = next()?.number(), let start: UInt64 = next()?.number(),
      let namespace: UInt64 = next()?.number(), let boot = next(), boot.allSatisfy(isHexadecimal)
    else { return nil }
    var other: ProcessMark?
    var isActor = false
    if rest != nil {
      guard let identifier: Int32 = next()?.number(), identifier > 0,
        let start: UInt64 = next()?.number()
      else { return nil }
      other = ProcessMark(identifier, start: start)
      if let mark = next() {
        guard rest == nil, mark.count == 1, mark.first == ascii("a") else { return nil }
        isActor = true
      }
    }
    let details = Details(
      lifetime: milliseconds == 0 ? nil : .milliseconds(Int64(clamping: milliseconds)),
      start: start,
      realm: Realm(namespace: namespace, boot: ByteString(boot)),
      partner: isActor ? nil : other, actor: isActor ? other : nil)
    return (token, details)
  }

  /// That of a claim whose parts are separated by something else than `|`, which flufl.lock leaves to its
  /// users: nothing is known of its owner. Its token is made of the name, which is unique as well.
  init(unreadable fileName: ByteString) {
    self.fileName = fileName
    host = ""
    process = 0
    details = nil
    // FNV-1a
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in fileName.bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    token = hexadecimal(hash)
  }

  var isUnreadable: Bool { host.isEmpty }

  /// Whether the name has the parts of a claim for the lock called `base`, with some other separator,
  /// which is taken to have no digits: only then it is worth to be looked at.
  static func mayBeUnreadable(_ name: ByteString, base: ByteString) -> Bool {
    guard name.count > base.count + 5, name.hasPrefix(base) else { return false }
    var rest = name.bytes.dropFirst(base.count)
    func dropNumber() -> Bool {
      let count = rest.count
      while let last = rest.last, isDigit(last) { rest.removeLast() }
      return rest.count < count
    }
    guard dropNumber() else { return false }
    var length = 0
    while let byte = rest.dropLast(length).last, !isDigit(byte) { length += 1 }
    let separator = rest.suffix(length)
    rest.removeLast(length)
    guard !separator.isEmpty, dropNumber() else { return false }
    return rest.count > 2 * length && rest.suffix(length).elementsEqual(separator)
      && rest.prefix(length).elementsEqual(separator)
  }

  /// False for what is no claim for any lock, whatever separates its parts.
  static func mayBeClaim(_ name: ByteString) -> Bool {
    if name.contains(separator) { return true }
    var rest = name.bytes[...]
    guard let last = rest.last, isDigit(last) else { return false }
    while let byte = rest.last, isDigit(byte) { rest.removeLast() }
    while let byte = rest.last, !isDigit(byte) { rest.removeLast() }
    return !rest.isEmpty
  }

  var isForeign: Bool { details == nil }
}

/// 128 random bits in hexadecimal digits (getrandom(2), and before Linux 3.17 random(4)).
package func randomToken() throws(Errno) -> ByteString {
  var random: (UInt64, UInt64) = (0, 0)
  let size = MemoryLayout.size(ofValue: random)
  let count = try withUnsafeMutableBytes(of: &random) { (buffer) throws(Errno) -> Int in
    let address = buffer.baseAddress
    do throws(Errno) {
      return try retryingOnInterrupt { getrandom(address, size, 0) }
    } catch {
      if error != .notImplemented && error != .permissionNotGranted { throw error }
      let device = try FileDescriptor.open("/dev/urandom", O_RDONLY)
      return try retryingOnInterrupt { read(device.number, address, size) }
    }
  }
  guard count == size else { throw .inputOutput }
  return hexadecimal(random.0) + hexadecimal(random.1)
}

/// All 16 digits.
private func hexadecimal(_ word: UInt64) -> ByteString {
  var digits: [UInt8] = []
  for shift in stride(from: 60, through: 0, by: -4) {
    let value = UInt8(truncatingIfNeeded: word >> UInt64(shift)) & 15
    digits.append(value < 10 ? ascii("0") + value : ascii("a") + value - 10)
  }
  return ByteString(digits)
}
