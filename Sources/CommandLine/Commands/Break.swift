internal import Locking
internal import SystemInterface

/// `swlock break`: ends locks whose owner is dead or overdue.
struct Break {
  private let options: ViewerOptions

  init(_ options: ViewerOptions) {
    self.options = options
  }

  /// Goes on after a lock that cannot be broken; the first of these makes the status.
  func perform() throws(Failure) -> Int32 {
    var first = FirstFailure()
    for path in options.paths {
      do throws(Failure) {
        try breakLock(try options.lock.lockPath(path))
      } catch {
        first.say(error)
      }
    }
    return first.status
  }

  private func breakLock(_ path: ByteString) throws(Failure) {
    var holder: HardlinkClaim?
    do throws(LockError) {
      let location = try HardlinkLocation(path, options.lock.hardlink)
      do throws(LockError) {
        let broken = try location.breakLock(force: options.force)
        if let broken {
          options.lock.say("broke \(path), which was held \(broken.ownerPhrase)")
        } else {
          options.lock.say("\(path) is free")
        }
      } catch .busy {
        holder = (try? location.report())?.holder
        throw .busy
      }
    } catch {
      throw .hardlink("break", path, error, holder.map(Self.refusal))
    }
  }

  /// Why a live lock is not broken.
  static func refusal(_ holder: HardlinkClaim) -> Message {
    let force: StaticString = "--force breaks it all the same"
    if holder.liveness == .alive {
      return "it is held \(holder.ownerPhrase), which is alive (\(force))"
    }
    return "it is held \(holder.ownerPhrase), which may be alive (\(force))"
  }
}
