import CSystem
import Foundation
import Locking
import SystemInterface

/// A folder of its own for one test; removed with everything in it.
final class Scratch {
  let folder: String

  init() throws {
    folder = NSTemporaryDirectory() + "swlock-" + UUID().uuidString
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: false,
      attributes: [.posixPermissions: 0o700])
  }

  deinit {
    try? FileManager.default.removeItem(atPath: folder)
  }

  func path(_ name: String = "lock") -> ByteString { ByteString(folder + "/" + name) }

  func exists(_ name: String = "lock") -> Bool {
    FileManager.default.fileExists(atPath: folder + "/" + name)
  }

  func write(_ text: String, to name: String = "lock") throws {
    try text.write(toFile: folder + "/" + name, atomically: false, encoding: .utf8)
  }
}

/// Whether a byte has a record lock of any process, this one included. The descriptor stays open:
/// closing it would drop this process's own lock.
func isRecordLocked(_ path: ByteString, at start: Int) -> Bool {
  let number = path.withCString { csystem_open($0, O_RDWR, 0) }
  precondition(number >= 0)
  var record = flock()
  record.l_type = Int16(F_WRLCK)
  record.l_whence = Int16(SEEK_SET)
  record.l_start = start
  record.l_len = 1
  precondition(csystem_fcntl_lock(number, F_OFD_GETLK, &record) == 0)
  return record.l_type != Int16(F_UNLCK)
}

/// Sets both times of an open file (futimens(2)), in seconds since the beginning of 1970.
func setTimes(of descriptor: Int32, seconds: Int64) throws {
  let time = timespec(tv_sec: Int(seconds), tv_nsec: 0)
  try retryingOnInterrupt { futimens(descriptor, [time, time]) }
}

/// What `acquire` throws; a lock that it gets is released again.
func errorOfAcquiring(_ request: LockRequest) -> LockError? {
  do throws(LockError) {
    try acquire(request).release()
    return nil
  } catch {
    return error
  }
}

/// What `release` throws.
func errorOfReleasing(_ lock: consuming HeldLock) -> LockError? {
  do throws(LockError) {
    try lock.release()
    return nil
  } catch {
    return error
  }
}
