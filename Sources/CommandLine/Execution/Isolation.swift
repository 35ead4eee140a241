internal import CSystem
internal import Launching
internal import SystemInterface

// Namespaces and the control group of a command.

extension ExecutionEnvironment {
  /// What the command is to have, and of the optional namespaces those that it can have.
  func chooseNamespaces(_ setup: ProcessSetup, _ name: ByteString) -> Namespaces {
    var chosen = options.namespaces
    var all = chosen
    for kind in options.optionalNamespaces { all.insert(kind) }
    if all == chosen || setup.failure(of: all) == nil { return all }
    // The start says that better.
    if !chosen.isEmpty, setup.failure(of: chosen) != nil { return chosen }
    for kind in Namespaces.Kind.allCases where options.optionalNamespaces.contains(kind) {
      var candidate = chosen
      candidate.insert(kind)
      if let error = setup.failure(of: candidate) {
        Output.say(
          "running \(name) without --unshare \(kind.name): \(error.text)")
      } else {
        chosen = candidate
      }
    }
    return chosen
  }

  static func namespaceFailure(
    _ error: LaunchError, _ name: ByteString, _ options: LaunchOptions
  ) -> Failure? {
    switch error.step {
    case .unshareMount, .unshareIPC, .unshareUTS, .unshareNet, .unsharePID: break
    default: return nil
    }
    guard error.errno == .permissionNotGranted, !options.namespaces.contains(.user) else {
      return nil
    }
    return Failure(
      Failure.status(error),
      .unable(to: "run", name, "\(error.text); without privileges that takes user as well"))
  }

  // MARK: - The control group

  var makesControlGroup: Bool { options.newControlGroup != nil }

  private func controlGroupName(of process: Int32) -> ByteString {
    guard let name = options.newControlGroup, !name.isEmpty else {
      return "swlock-" + ByteString(decimal: process)
    }
    return name
  }

  /// - Returns: where the command writes to be in it.
  func makeControlGroup() throws(Failure) -> [Int32] {
    do throws(ControlGroup.Refusal) {
      let group = try ControlGroup(
        controlGroupName(of: getpid()), below: options.controlGroup)
      controlGroup = group
      hasControlGroup?.value = 1
      return group.processLists
    } catch {
      let lacksRight = error.errno == .accessDenied && geteuid() != 0
      let hint: Literal = lacksRight ? rootHint : ""
      throw Failure(
        error.errno == .notImplemented ? .unsupported : lacksRight ? .notPermitted : .systemCall,
        .unable(to: "make the control group", error.path, "\(error.errno.text)\(hint)"))
    }
  }

  /// Kills what is left in the group, says what it has used, and removes it.
  ///
  /// - Returns: false if something is still there.
  @discardableResult
  func endControlGroup(_ lock: LockOptions) -> Bool {
    guard let group = controlGroup else { return true }
    controlGroup = nil
    return end(group, lock)
  }

  /// The same with the group of a process that was killed.
  func endControlGroup(ofHolder holder: Int32, _ lock: LockOptions) {
    guard hasControlGroup?.value == 1 else { return }
    _ = end(
      ControlGroup(madeElsewhere: controlGroupName(of: holder), below: options.controlGroup), lock)
  }

  private func end(_ group: ControlGroup, _ lock: LockOptions) -> Bool {
    let isEmpty = group.kill()
    lock.say(description(group))
    let refusal = group.remove()
    if isEmpty, refusal == nil {
      hasControlGroup?.value = 0
      return true
    }
    let path = refusal?.path ?? group.name
    let reason: Message =
      isEmpty ? "\((refusal?.errno ?? Errno(EBUSY)).text)" : "something in it does not end"
    Output.say(.unable(to: "remove the control group", path, reason))
    return false
  }

  /// `control group NAME: cpu time 1.234s, memory peak 4.0 MiB, pids peak 3`
  private func description(_ group: ControlGroup) -> Message {
    let usage = group.usage
    var text: Message = "control group \(group.name):"
    if let time = usage.time {
      text.append(" cpu time \(time / 1_000_000).\(thousandths(time / 1000 % 1000))s,")
    }
    if let memory = usage.memoryPeak { text.append(" memory peak \(memory / 1024) KiB,") }
    if let processes = usage.processPeak { text.append(" pids peak \(processes),") }
    text.append(" removed")
    return text
  }

  private func thousandths(_ number: Int64) -> ByteString {
    ByteString(ByteString(decimal: number + 1000).bytes.dropFirst())
  }
}
