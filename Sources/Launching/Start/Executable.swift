internal import CSystem

/// The file that execvp(3) would execute for `name`: `name` itself if there is a slash in it, and
/// otherwise the first in the folders of `path` ($PATH, if nil; an empty folder is the working one)
/// that is a regular file and may be executed. What may not is passed over.
///
/// - Throws: `.accessDenied` if there were only such that may not be executed, `.missing` if none.
package func findExecutable(
  _ name: ByteString, path: ByteString? = nil
) throws(Errno) -> ByteString {
  if name.isEmpty { throw .missing }
  if name.contains(ascii("/")) {
    try checkExecutable(name)
    return name
  }
  // confstr(3)'s _CS_PATH stands in where there is none.
  let path = path ?? CStringVector.environmentValue("PATH") ?? "/bin:/usr/bin"
  var found: Errno = .missing
  for folder in path.bytes.split(separator: ascii(":"), omittingEmptySubsequences: false) {
    let file = folder.isEmpty ? "./" + name : ByteString(folder) + "/" + name
    do throws(Errno) {
      try checkExecutable(file)
      return file
    } catch {
      if error == .accessDenied { found = error }
    }
  }
  throw found
}

private func checkExecutable(_ file: ByteString) throws(Errno) {
  let status = try FileStatus(at: file, followingLinks: true)
  guard status.kind == .regular else { throw .accessDenied }
  try file.withCString { (file) throws(Errno) in
    _ = try retryingOnInterrupt { faccessat(AT_FDCWD, file, X_OK, AT_EACCESS) }
  }
}

/// The numbers of all descriptors that this process has open, in ascending order (/proc/self/fd).
public func openDescriptors() throws(ErrorNumber) -> [Int32] {
  guard let folder = opendir("/proc/self/fd") else { throw .current }
  defer { closedir(folder) }
  let own = dirfd(folder)
  var numbers: [Int32] = []
  while let entry = readdir(folder) {
    if let number: Int32 = CStringBytes(csystem_entry_name(entry)).number(), number != own {
      numbers.append(number)
    }
  }
  return ascending(numbers)
}
