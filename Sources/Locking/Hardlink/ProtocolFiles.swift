internal import CSystem

/// A file of `hardlink` mode by its name alone: which lock it belongs to, and what it is to it.
struct ProtocolFile {
  enum Kind {
    case claim(ClaimName)
    case placeholder(Placeholder)
    /// With the token that it is for.
    case retireName(ByteString)
    /// An exit or arm name.
    case door(ByteString)
  }

  let name: ByteString
  /// The lock's own name.
  let base: ByteString
  let kind: Kind

  /// Nil for any other file.
  init?(_ name: ByteString) {
    self.name = name
    if let placeholder = Placeholder(name) {
      base = placeholder.base
      kind = .placeholder(placeholder)
    } else if let claim = Self.claim(name) {
      (base, kind) = claim
    } else if let right = Self.right(name) {
      (base, kind) = right
    } else {
      return nil
    }
  }

  private static func claim(_ name: ByteString) -> (ByteString, Kind)? {
    guard let end = name.bytes.firstIndex(of: ClaimName.separator), end > 0 else { return nil }
    let base = ByteString(name.bytes[..<end])
    return ClaimName(name.bytes, base: base).map { (base, .claim($0)) }
  }

  /// `.BASE.swlock-KIND-TOKEN`
  private static func right(_ name: ByteString) -> (ByteString, Kind)? {
    let bytes = name.bytes
    guard bytes.first == ascii("."), let dash = bytes.lastIndex(of: ascii("-")) else { return nil }
    let token = bytes[(dash + 1)...]
    guard !token.isEmpty, token.allSatisfy(isHexadecimal) else { return nil }
    let start = bytes[1..<dash]
    for mark in [".swlock-retire", ".swlock-exit", ".swlock-arm"] as [ByteString] {
      if start.count > mark.count, start.suffix(mark.count).elementsEqual(mark.bytes) {
        let isRetireName = mark == ".swlock-retire"
        return (
          ByteString(start.dropLast(mark.count)),
          isRetireName ? .retireName(ByteString(token)) : .door(ByteString(token))
        )
      }
    }
    return nil
  }
}

/// The files of `hardlink` mode in a folder, by their locks.
struct ProtocolFiles {
  private(set) var files: [ProtocolFile] = []
  /// Everything else.
  private(set) var others: [ByteString] = []

  /// - Parameter base: the only lock that is of interest; nil: all.
  init(in folder: borrowing Folder, of base: ByteString? = nil) throws(Errno) {
    var files: [ProtocolFile] = []
    var others: [ByteString] = []
    let names = try folder.names()
    while let name = try names.next() {
      if let file = ProtocolFile(name) {
        if base == nil || file.base == base { files.append(file) }
      } else if base == nil {
        others.append(name)
      }
    }
    let order = sortedIndices(files.count) {
      files[$0].base.bytes.lexicographicallyPrecedes(files[$1].base.bytes)
    }
    self.files = order.map { files[$0] }
    self.others = others
  }

  /// Those of one lock.
  func files(of base: ByteString) -> ProtocolFiles {
    var low = 0
    var high = files.count
    while low < high {
      let middle = (low + high) / 2
      if files[middle].base.bytes.lexicographicallyPrecedes(base.bytes) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return ProtocolFiles(Array(files[low...].prefix { $0.base == base }))
  }

  private init(_ files: [ProtocolFile]) {
    self.files = files
  }

  /// The files of one lock after the other.
  func forEachLock<Failure: Error>(
    _ body: (ByteString, ProtocolFiles) throws(Failure) -> Void
  ) throws(Failure) {
    var start = 0
    while start < files.count {
      var end = start + 1
      while end < files.count, files[end].base == files[start].base { end += 1 }
      try body(files[start].base, ProtocolFiles(Array(files[start..<end])))
      start = end
    }
  }

  var claims: [ClaimName] {
    files.compactMap { if case .claim(let name) = $0.kind { name } else { nil } }
  }

  var placeholders: [Placeholder] {
    files.compactMap {
      if case .placeholder(let placeholder) = $0.kind { placeholder } else { nil }
    }
  }

  var retireNames: [(name: ByteString, token: ByteString)] {
    files.compactMap { if case .retireName(let token) = $0.kind { ($0.name, token) } else { nil } }
  }

  var doors: [(name: ByteString, token: ByteString)] {
    files.compactMap { if case .door(let token) = $0.kind { ($0.name, token) } else { nil } }
  }
}
