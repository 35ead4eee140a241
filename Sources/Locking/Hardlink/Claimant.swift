internal import CSystem

/// In whose name claims are made, and from where other claims are judged.
struct Claimant {
  let hosts: HostNames
  let realm: Realm
  let owner: ProcessMark
  /// A second process; the owner counts as dead only when both are.
  let partner: ProcessMark?

  /// - Throws: `system(.owner, .noProcess)` where the owner does not run.
  static func current(
    for owner: LockOwner = .thisProcess, partner: Int32? = nil
  ) throws(LockError) -> Claimant {
    let mark: ProcessMark
    switch owner {
    case .thisProcess: mark = .ofThisProcess()
    case .nobody: mark = ProcessMark(0, start: 0)
    case .process(let identifier):
      mark = try step(.owner) { () throws(Errno) in try ProcessMark(identifier) }
    }
    var second: ProcessMark?
    if let partner {
      second = try step(.owner) { () throws(Errno) in try ProcessMark(partner) }
    }
    let realm = try step(.owner) { () throws(Errno) in try Realm.current() }
    return Claimant(hosts: .current(), realm: realm, owner: mark, partner: second)
  }

  /// For who only looks, and owns nothing.
  static func nobody() -> Claimant {
    Claimant(
      hosts: .current(), realm: (try? .current()) ?? .unknown, owner: ProcessMark(0, start: 0),
      partner: nil)
  }

  /// The same place, in the name of another owner.
  func acting(for owner: ProcessMark, _ partner: ProcessMark? = nil) -> Claimant {
    Claimant(hosts: hosts, realm: realm, owner: owner, partner: partner)
  }

  /// The same place, in the name of the process that acts: its right ends with it, and not with the
  /// owner that it acts for.
  func actingForItself() -> Claimant {
    acting(for: owner.identifier == getpid() ? owner : .ofThisProcess())
  }

  /// Whether that claim is held for this owner, here.
  func owns(_ name: ClaimName) -> Bool {
    guard name.process == owner.identifier else { return false }
    guard let details = name.details else { return hosts.isUnique(name.host) }
    if owner.identifier == 0 { return isHere(details.realm) || hosts.contains(name.host) }
    guard isHere(details.realm) || details.realm == realm && hosts.contains(name.host) else {
      return false
    }
    return details.start == 0 || owner.start == 0 || details.start == owner.start
  }

  /// Whether process numbers mean the same there as here. The host's name does not matter: it may change
  /// while a lock is held.
  func isHere(_ other: Realm) -> Bool { other.isKnown && other == realm }
}
