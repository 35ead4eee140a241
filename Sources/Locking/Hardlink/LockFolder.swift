/// The open folder of one lock, or of many that are looked after together.
final class LockFolder {
  let folder: Folder
  /// Whether other hosts may use it: then what this one remembers of it may be old, and its clock may be
  /// another.
  let isShared: Bool
  private var listing: KeptListing?
  private var keepsListing = false

  init(_ path: ByteString) throws(LockError) {
    folder = try step(.folder) { () throws(Errno) in try Folder(path) }
    isShared = (try? folder.isSeenByOtherHosts()) != false
  }

  /// From here on its names are listed once for all who ask for claims, where that does as well as a new list
  /// each time. Nobody tells of what other hosts make.
  func keepListing() {
    keepsListing = !isShared
  }

  /// `KeptListing.candidates`; nil where the folder has to be listed.
  func candidates(_ base: ByteString) -> [ByteString]? {
    if !keepsListing { return nil }
    do throws(Errno) {
      if let listing { return try listing.candidates(base, in: folder) }
      let listing = try KeptListing(of: folder)
      self.listing = listing
      return try listing.candidates(base, in: folder)
    } catch {
      keepsListing = false
      listing = nil
      return nil
    }
  }
}
