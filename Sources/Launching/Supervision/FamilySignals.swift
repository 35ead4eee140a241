internal import CSystem

// How signals reach a family.

extension Family {
  struct Refusal {
    let process: Int32
    /// EPERM; ENOSYS of one that is no child, where there are no pidfds.
    let errno: Errno
  }

  /// What became of a signal.
  struct Reach {
    var reached: [Int32] = []
    var refused: [Refusal] = []
    /// Why not all could be found.
    var blindness: Errno?
  }

  /// Sends `signals`, one after the other, to all but those in `excluded`, or to those of a process group.
  /// Not `isDeep`: to children only, which always can be done.
  func send(
    _ signals: [Int32], isDeep: Bool = true, besides excluded: [Int32] = [],
    inGroup group: Int32? = nil
  ) -> Reach {
    let choice = Choice(excluded: excluded, group: group)
    var reach = Reach()
    do throws(Errno) {
      let children = try children()
      for child in children where choice.contains(child) {
        // Until this process reaps it, nobody else can have its number.
        reach.note(child, kill(child.identifier, signals))
      }
      if isDeep { try sendFurther(signals, children, choice, &reach) }
    } catch {
      reach.blindness = error
    }
    return reach
  }

  private func kill(_ process: Int32, _ signals: [Int32]) -> Errno? {
    for signal in signals where CSystem.kill(process, signal) != 0 { return .current }
    return nil
  }
}

extension Family.Reach {
  fileprivate mutating func note(_ member: Family.Member, _ error: Errno?) {
    switch error {
    case nil: reached.append(member.identifier)
    case Errno.noProcess?: break
    case let error?:
      if error.isShortage {
        blindness = error
      } else {
        refused.append(Family.Refusal(process: member.identifier, errno: error))
      }
    }
  }
}

// MARK: - Below the children

extension Family {
  /// How many processes are held at a time.
  private static let handful = 100

  /// Others may reap these, and their numbers be others' by the time they are used. So each is held by a
  /// pidfd first, and gets the signal if it is then found again.
  private func sendFurther(
    _ signals: [Int32], _ children: [Member], _ choice: Choice, _ reach: inout Reach
  ) throws(Errno) {
    var rest = try members().filter {
      !children.contains($0) && choice.contains($0) && !$0.hasEnded
    }[...]
    while !rest.isEmpty {
      let some = rest.prefix(Self.handful)
      rest = rest.dropFirst(Self.handful)
      var held: [Held] = []
      for member in some {
        do throws(Errno) {
          held.append(Held(member, try ProcessHandle(member.identifier)))
        } catch {
          reach.note(member, error)
        }
      }
      if held.isEmpty { continue }
      let now = try members()
      for one in held {
        let isSame = now.contains {
          $0.identifier == one.member.identifier && $0.group == one.member.group
            && ($0.parent == one.member.parent || $0.parent == getpid())
        }
        if isSame { reach.note(one.member, one.send(signals)) }
      }
    }
  }

  private struct Choice {
    let excluded: [Int32]
    let group: Int32?

    func contains(_ member: Member) -> Bool {
      (group == nil || member.group == group) && !excluded.contains(member.identifier)
    }
  }

  private final class Held {
    let member: Member
    private let handle: ProcessHandle

    init(_ member: Member, _ handle: consuming ProcessHandle) {
      self.member = member
      self.handle = handle
    }

    func send(_ signals: [Int32]) -> Errno? {
      do throws(Errno) {
        for signal in signals { try handle.send(signal) }
        return nil
      } catch {
        return error
      }
    }
  }
}
