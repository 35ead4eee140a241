import CSystem
import SystemInterface

@testable import Locking

/// The first line is the lock's name. What follows is a name in its folder, and what the lock's file
/// holds.
func complaintAboutClaims(_ bytes: [UInt8]) -> String? {
  let end = bytes.firstIndex(of: ascii("\n")) ?? bytes.endIndex
  let base = ByteString(bytes[..<end])
  let rest = bytes[min(end + 1, bytes.endIndex)...]
  return complaint(aboutName: ByteString(rest), base: base)
    ?? complaint(aboutContent: Array(rest))
}

private func complaint(aboutName name: ByteString, base: ByteString) -> String? {
  if let claim = ClaimName(name.bytes, base: base) {
    if claim.fileName != name { return "the claim has another name" }
    if let complaint = complaint(about: claim, base: base) { return complaint }
  }
  if let holder = Placeholder(name), holder.fileName != name {
    return "the placeholder has another name"
  }
  return nil
}

/// A claim that says the same is made and read again.
private func complaint(about claim: ClaimName, base: ByteString) -> String? {
  if !claim.token.bytes.allSatisfy(isHexadecimal) { return "token \(claim.token)" }
  guard let details = claim.details else { return nil }
  if let lifetime = details.lifetime, lifetime <= .zero { return "lifetime \(lifetime)" }
  let owner = ProcessMark(claim.process, start: details.start)
  let same = try? ClaimName(
    base: base, host: claim.host, owner: owner, partner: details.partner, actor: details.actor,
    realm: details.realm, lifetime: details.lifetime)
  guard let same, let again = ClaimName(same.fileName.bytes, base: base) else {
    return "not read again"
  }
  return again.details == details && again.host == claim.host && again.process == claim.process
    ? nil : "read again it says something else"
}

/// A folder of its own for this process; removed at its end.
private let folder: ByteString = {
  var template = Array("/tmp/swlock-fuzz-XXXXXX".utf8CString)
  let made = ByteString(cString: mkdtemp(&template))
  atexit {
    try? Folder(folder).unlink("lock")
    folder.withCString { _ = rmdir($0) }
  }
  return made
}()

/// The file of a lock `lock` with this content: looked at, and reported on.
private func complaint(aboutContent content: [UInt8]) -> String? {
  let path = folder + "/lock"
  do {
    let file = try FileDescriptor.open(path, O_CREAT | O_TRUNC | O_WRONLY, permissions: 0o600)
    try writeAll(content, to: file.number)
  } catch {
    return "unable to write the lock's file: \(error)"
  }
  do throws(LockError) {
    if let claim = try LockName(path).look("lock") {
      if !claim.name.fileName.hasPrefix("lock|") { return "claim of \(claim.name.fileName)" }
    }
    _ = try LockKind.flufl(FluflPolicy()).location(at: path).report()
  } catch .refused {
    return nil
  } catch {
    return "\(error)"
  }
  return nil
}
