/// Why a lock was not taken, or not released. Whoever gets one of these from `acquire` holds
/// nothing.
#if hasAttribute(nonexhaustive)
  @nonexhaustive
#endif
public enum LockError: Error, Equatable, Sendable {
  /// Somebody else has a lock that excludes this one, and there was no patience to wait; or as many wait as may.
  case busy
  /// The same, at the end of the patience.
  case timedOut
  /// The same, when only other programs that may be about to remove the lock were still waited for.
  case unsettled
  /// This task runs under the lock already. Or this process has the file open for another lock, beside which it can
  /// have none: the kernel drops POSIX locks, and places in a queue are such, with any descriptor of the file.
  case alreadyHeld
  /// What stands at the path is not used as a lock file.
  case refused(Refusal)
  /// Locks at that path do not exclude, or the range was asked of a mode without ranges.
  case unsupported(Unsupported)
  /// The wait was called off.
  case interrupted
  /// In `hardlink` mode: the lock is not held for this owner, or not any more.
  case notHeld
  /// The lock's lifetime had passed, or somebody broke it, before it was released or refreshed.
  case lost
  /// An engine said why, or nothing at all. On the heap, since this error is thrown in many places.
  indirect case engine(EngineTrouble)
  /// A system call failed.
  case system(LockStep, ErrorNumber)
}

extension LockError {
  /// Whether somebody else has the lock, or may have it.
  package var isLoss: Bool {
    switch self {
    case .lost, .notHeld, .engine(.lost): true
    default: false
    }
  }

  /// Whether the lock is there until its time has passed, and will not be renewed.
  package var endsLock: Bool { self == .engine(.died) }

  /// Whether nothing went wrong, and nothing is new.
  package var isNoNews: Bool { self == .engine(.silent) }

  /// Whether the lock was not free, and not waited for.
  package var isBusy: Bool {
    switch self {
    case .busy, .engine(.busy): true
    default: false
    }
  }
}

/// What stands at the path, and is never used as a lock file.
#if hasAttribute(nonexhaustive)
  @nonexhaustive
#endif
public enum Refusal: Equatable, Sendable {
  /// There is no path.
  case emptyPath
  /// It is one of these.
  case fifo, socket
  /// A character device; block devices can be locked.
  case device
  /// Only `flock` locks directories.
  case directory
  /// A link to nothing; a lock file is never created through a link.
  case danglingLink
  /// A link in a sticky, world-writable folder, put there by somebody who may mislead us
  /// (proc(5), fs.protected_symlinks).
  case untrustedLink
  /// Root does not use another user's file in a sticky, world-writable folder.
  case untrustedOwner
  /// `removesFile` was asked for something that is not an empty regular file of one name.
  case notRemovable
  /// In `hardlink` mode: what is at the path is no claim, but this.
  case notAClaim(Obstacle)
  /// In `hardlink` mode: the path has a `|`, which separates the parts of a claim's name.
  case separatorInPath
  /// In `hardlink` mode: there is no room for the names of what it takes to release the lock.
  case nameTooLong(limit: Int)
  /// In `hardlink` mode: this stands at one of those names, beside the lock.
  case obstructed(name: ByteString, Obstacle)
}

/// What is in the way of a `hardlink` lock.
#if hasAttribute(nonexhaustive)
  @nonexhaustive
#endif
public enum Obstacle: Equatable, Sendable {
  /// As many a lock file of another kind is.
  case emptyFile
  /// Any other file.
  case otherFile
  /// A file in portage's style, with a link that is no placeholder.
  case linkedFile
  /// It is one of these.
  case directory, symbolicLink
  /// A FIFO, a socket or a device.
  case special

  init(_ status: FileStatus) {
    switch status.kind {
    case .regular: self = status.size == 0 ? .emptyFile : .otherFile
    case .directory: self = .directory
    case .symbolicLink: self = .symbolicLink
    case .fifo, .socket, .blockDevice, .characterDevice: self = .special
    }
  }
}

/// What this lock, or this place, does not go with.
#if hasAttribute(nonexhaustive)
  @nonexhaustive
#endif
public enum Unsupported: Equatable, Sendable {
  /// Only the modes `ofd` and `posix` lock ranges.
  case rangeInFlockMode
  /// Slots are whole, exclusive locks of the modes `ofd` and `posix`, 1 to 4096 of them.
  case slots
  /// A lock of the modes `ofd` and `posix` covers the places of a queue as well; one slot does not.
  case queueOfRecordLocks
  /// The file system makes record locks of flock locks, and those would cover the places of a queue.
  case oneKindOfLock
  /// A place in a queue, and a slot, take a file that can be written to.
  case orderInFolders
  /// Several locks are taken at once of the kernel's only, all of one kind, on paths, and in the kernel's order.
  case several
  /// `hardlink` locks are exclusive.
  case sharedHardlink
  /// Locks in portage's style have no lifetime, and are bound to the process that takes them.
  case noLifetime
  /// Its owner is a process that refreshes it, and relies on the lifetime that it has.
  case shorterLifetime
  /// The file system does not allow the names of claims, which have a `|`.
  case noClaimNames
  /// The file system has no hard links, or does not tell which files are the same.
  case noHardLinks
  /// Nobody can tell who has a file open there (fcntl(2), F_SETLEASE), so none is removed.
  case noLeases
  /// Two open files had the lock at the same time.
  case locksDoNothing
  /// The mount table's type of a file system whose locks stay on one host.
  case notSharedBetweenHosts(fileSystem: ByteString)
}

/// The step that failed, by the name of its system call.
#if hasAttribute(nonexhaustive)
  @nonexhaustive
#endif
public enum LockStep: Equatable, Sendable {
  /// These calls; `touch` is futimens(2).
  case lstat, read, write, link, rename, mkdir, touch
  /// Opening the lock's folder.
  case folder
  /// Looking for the process that is to hold the lock.
  case owner
  /// Opening, or making, the lock file.
  case open, create, fchown, fchmod, linkat
  /// Locking, or waiting for that.
  case flock, fcntl, poll
  /// Not thrown any more: a wait without a timer asks again and again.
  case timer
  /// Asking the kernel whether somebody has the file open.
  case lease
  /// Looking at the file; `lockTable` is /proc/locks.
  case fstat, stat, fstatfs, mountTable, lockTable
  /// Removing, or closing, the file.
  case unlink, close
  /// A thread that waits, and what interrupts it.
  case thread, pipe

  package var name: Literal {
    switch self {
    case .lstat: "lstat"
    case .read: "read"
    case .link: "link"
    case .rename: "rename"
    case .mkdir: "mkdir"
    case .touch: "futimens"
    case .write: "write"
    case .folder: "open its folder"
    case .owner: "owner"
    case .open: "open"
    case .create: "create"
    case .fchown: "fchown"
    case .fchmod: "fchmod"
    case .linkat: "linkat"
    case .flock: "flock"
    case .fcntl: "fcntl"
    case .timer: "timer"
    case .poll: "poll"
    case .lease: "lease"
    case .fstat: "fstat"
    case .stat: "stat"
    case .fstatfs: "fstatfs"
    case .mountTable: "mount table"
    case .lockTable: "/proc/locks"
    case .unlink: "unlink"
    case .close: "close"
    case .thread: "pthread_create"
    case .pipe: "pipe"
    }
  }
}

/// Runs `body`, and says of its error which step it was.
@inline(__always)
func step<Value: ~Copyable>(
  _ step: LockStep, _ body: () throws(Errno) -> Value
) throws(LockError) -> Value {
  do {
    return try body()
  } catch {
    throw .system(step, error)
  }
}
