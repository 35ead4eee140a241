#if !hasFeature(Embedded)
  internal import CSystem

  /// Has the file systems of `paths` on disk (syncfs(2)), in a child process: a disk that hangs may keep that one for
  /// ever, but not this process.
  ///
  /// - Parameters:
  ///   - paths: anything on each of them.
  ///   - timeout: how long to wait for all together; nil: for ever.
  /// - Returns: those of `paths` that were not brought to disk, each with the error of open(2) or syncfs(2), ETIMEDOUT
  ///   where that was not known in time; none where all is well.
  /// - Throws: `LaunchError`; `CancellationError`. The child is killed then, which a hanging disk may put off.
  public func synchronizeFileSystems(
    of paths: [ByteString], timeout: Duration? = nil
  ) async throws -> [ByteString: ErrorNumber] {
    if paths.isEmpty { return [:] }
    let (program, words) = try beginSynchronization(of: paths)
    let timer = timeout.map { timeout in
      Task {
        try await Task.sleep(for: timeout)
        program.giveUp()
      }
    }
    defer { timer?.cancel() }
    do {
      _ = try await program.termination()
    } catch is CancellationError where !Task.isCancelled {
      // Out of time.
    } catch {
      try? program.send(SIGKILL)
      throw error
    }
    try? program.send(SIGKILL)
    var errors = [Int32](repeating: ETIMEDOUT, count: paths.count)
    words.finish().bytes.withUnsafeBytes { bytes in
      for start in stride(from: 0, to: bytes.count - 7, by: 8) {
        let place = Int(bytes.loadUnaligned(fromByteOffset: start, as: Int32.self))
        errors[place] = bytes.loadUnaligned(fromByteOffset: start + 4, as: Int32.self)
      }
    }
    let failed = zip(paths, errors).filter { $0.1 != 0 }.map { ($0, Errno($1)) }
    return Dictionary(failed) { first, _ in first }
  }

  private func beginSynchronization(
    of paths: [ByteString]
  ) throws(LaunchError) -> (RunningProgram, Collector) {
    let pipe = try launchStep(.pipe) { () throws(Errno) in try Pipe() }
    let reading = pipe.reading
    let end = pipe.writing
    // Above 2, where the child closes all others.
    let writing = try launchStep(.fcntl) { () throws(Errno) in
      try FileDescriptor.duplicate(end.number)
    }

    let vector = CStringVector(paths)
    let child = withExtendedLifetime(vector) {
      csystem_begin_synchronization(vector.address, Int32(paths.count), writing.number)
    }
    try check(.clone, child)
    let program = try RunningProgram(ChildProcess(identifier: child))
    do throws(Errno) {
      return (program, try Collector(reading, limit: 8 * paths.count))
    } catch {
      try? program.send(SIGKILL)
      throw LaunchError(step: .poll, errno: error)
    }
  }
#endif
