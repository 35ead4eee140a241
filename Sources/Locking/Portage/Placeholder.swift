internal import CSystem

/// `.BASE.hardlock-HOST-PID`. The host's name may have dashes; the number has none. While it is being
/// retired it is called `.BASE.swlock-aside-HOST-PID-TOKEN`, and is to be judged as before. So is L itself while that
/// process, which held it, removes it.
struct Placeholder: Equatable {
  let fileName: ByteString
  let base: ByteString
  let host: ByteString
  let process: Int32

  private static let mark: ByteString = ".hardlock-"
  private static let asideMark: ByteString = ".swlock-aside-"

  init(base: ByteString, host: ByteString, process: Int32) {
    self.base = base
    self.host = host
    self.process = process
    fileName = "." + base + Self.mark + host + "-" + ByteString(decimal: process)
  }

  /// The name that portage gives it.
  var originalName: ByteString {
    Placeholder(base: base, host: host, process: process).fileName
  }

  func aside(_ token: ByteString) -> ByteString {
    "." + base + Self.asideMark + host + "-" + ByteString(decimal: process) + "-" + token
  }

  init?(_ name: ByteString) {
    if let own = Self.read(name.bytes, Self.mark) {
      (base, host, process) = own
    } else if let dash = name.bytes.lastIndex(of: ascii("-")),
      name.count - dash == 33, name.bytes[(dash + 1)...].allSatisfy(isHexadecimal),
      let aside = Self.read(name.bytes[..<dash], Self.asideMark)
    {
      (base, host, process) = aside
    } else {
      return nil
    }
    fileName = name
  }

  func isOf(_ claimant: Claimant) -> Bool {
    host == claimant.hosts.node && process == claimant.owner.identifier
  }

  private static func read(
    _ bytes: ArraySlice<UInt8>, _ mark: ByteString
  ) -> (base: ByteString, host: ByteString, process: Int32)? {
    guard bytes.first == ascii("."), let position = position(of: mark, in: bytes),
      let dash = bytes.lastIndex(of: ascii("-")), dash > position + mark.count,
      let process: Int32 = bytes[(dash + 1)...].number(),
      process > 0
    else { return nil }
    return (
      ByteString(bytes[1..<position]), ByteString(bytes[(position + mark.count)..<dash]), process
    )
  }

  /// Where the mark begins; it must be there once only, as portage wants it.
  private static func position(of mark: ByteString, in bytes: ArraySlice<UInt8>) -> Int? {
    var found: Int?
    var index = 1
    while index + mark.count <= bytes.count {
      if bytes[index...].starts(with: mark.bytes) {
        if found != nil { return nil }
        found = index
      }
      index += 1
    }
    return found.flatMap { $0 > 1 ? $0 : nil }
  }

  /// Whether its process runs. One that was started after the placeholder was made only has the same
  /// number; but it may have made a placeholder of its own under the same name meanwhile, and so nothing
  /// is known then. Except to that process itself.
  func liveness(_ judge: Judge, _ status: FileStatus, _ clock: FolderClock) -> Liveness {
    guard host == judge.claimant.hosts.node, judge.claimant.hosts.isUnique(host) else {
      return .unknown
    }
    let mark: ProcessMark
    do throws(Errno) {
      mark = try ProcessMark(process)
    } catch {
      return error == .noProcess && judge.isNobody(process) ? .dead : .unknown
    }
    guard let age = mark.age, age + .seconds(2) < clock.now - status.changeTime else {
      return .alive
    }
    return process == getpid() && judge.isNobody(process, ignoringOwn: true)
      ? .dead : .unknown
  }
}
