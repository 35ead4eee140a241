internal import CSystem
internal import Launching
internal import Locking
internal import SystemInterface

/// Every option there is. The parser, help, the man page and the completions are made from it.
///
/// A name that means something else elsewhere has one row a meaning; it takes a value in all of them or
/// in none.
package let optionTable: [OptionSpecification] = [
  .init(
    .mode, "m", "mode", .mode, .lock, .lockers,
    "kind of lock: flock (default), posix (fcntl F_SETLK), ofd (fcntl F_OFD_SETLK), flock+ofd (both), hardlink (link(2)), auto: flock if that excludes at PATH, else hardlink; or an engine, such as etcd: then PATH is a name on its servers",
    isCommon: true, brief: "flock, posix, ofd, hardlink, auto, etcd ..."
  ) { (record, given) throws(Failure) in record.mode = try given.mode() },
  .init(
    .shared, "s", "shared", .none, .lock, .lockers, "share the lock with other shared holders",
    isCommon: true),
  .init(
    .exclusive, "x", "exclusive", .none, .lock, .lockers, "share it with nobody (default)",
    overrides: .these(.shared)),
  .init(
    .nonblock, "n", "nonblock", .none, .lock, .lockers, "do not wait for the lock", isCommon: true),
  .init(
    .nonblock, "n", "nonblock", .none, .own, .wait, "do not wait: only look", isCommon: true),
  .init(
    .timeout, "w", "timeout", .duration, .lock, .lockers + .wait,
    "wait for the lock at most that long; 0 is --nonblock", isCommon: true,
    brief: "wait for the lock at most that long"
  ) { (record, given) throws(Failure) in record.timeout = try given.duration() },
  .init(
    .conflictExitCode, "E", "conflict-exit-code", .number, .lock, .lockers + .wait,
    "exit status when the lock is busy or not free in time, 0 to 255; default 75", isCommon: true,
    brief: "exit status when it is busy; default 75"
  ) { (record, given) throws(Failure) in record.conflictExitCode = try given.exitCode() },
  .init(
    .range, nil, "range", .range, .lock, .lockers,
    "lock only these bytes, in the modes posix and ofd, and of the record lock of flock+ofd; without LENGTH or with 0, to the end",
    modes: .ofFiles
  ) { (record, given) throws(Failure) in record.range = try given.range() },
  .init(
    .permissions, nil, "perm", .permissions, .lock, .lockers,
    "octal permissions of a lock file that is created, whatever the umask; default 0600",
    modes: .ofFiles
  ) { (record, given) throws(Failure) in record.permissions = try given.permissions() },
  .init(
    .group, nil, "group", .group, .lock, .lockers, "group of a lock file that is created",
    modes: .ofFiles
  ) { (record, given) in record.group = given.value },
  .init(
    .noCreate, nil, "no-create", .none, .lock, .lockers, "the lock file must exist",
    modes: .ofFiles,
    excludes: .these(.permissions, .group),
    because: "--perm and --group are for a file that is created, not with --no-create"),
  .init(
    .unlink, nil, "unlink", .none, .lock, .lockers,
    "remove the lock file when releasing it, if it is empty and nobody else has it open",
    needsFork: true, modes: .ofFiles),
  .init(
    .sidecar, nil, "sidecar", .optionalSidecar, .lock, .lockers + .holders + .viewers + .wait,
    "lock .NAME.swlock beside PATH instead of PATH itself; with =portage, .NAME.portage_lockfile",
    modes: .ofFiles
  ) { (record, given) throws(Failure) in record.sidecar = try given.sidecar() },
  .init(
    .quiet, "q", "quiet", .none, .lock, .lockers + .wait,
    "say nothing while waiting, nor when the lock is busy or not free in time; other errors are said",
    isCommon: true, brief: "say nothing of waiting, nor of a busy lock",
    overrides: .these(.verbose, .progress)),
  .init(
    .quiet, "q", "quiet", .none, .lock, .holders + .break + .cleanup,
    "say nothing of a lock that is not held, or alive, nor what was removed; other errors are said",
    isCommon: true, brief: "say nothing of what is no error to expect", overrides: .these(.verbose)),
  .init(
    .verbose, "v", "verbose", .none, .lock, .lockers + .holders + .viewers + .wait,
    "say on standard error what is done, and why", isCommon: true, overrides: .these(.quiet)),
  .init(
    .progress, nil, "progress", .none, .lock, .lockers + .wait,
    "say after a second of waiting who has the lock, also where standard error is no terminal",
    overrides: .these(.quiet)),
  .init(
    .message, nil, "message", .text, .lock, .lockers + .wait, "say TEXT instead while waiting"
  ) { (record, given) in record.message = given.value },
  .init(
    .reentrant, nil, "reentrant", .none, .lock, .lockers,
    "if an ancestor of this process has the lock, go on without locking again", needsFork: true),
  .init(
    .also, nil, "also", .lockFile, .lock, .run,
    "lock that file as well: all or nothing, and the command inherits all; may be repeated",
    repeats: true, excludes: .these(.reentrant, .queue, .slots, .replace),
    because:
      "--also takes several locks in the kernel's order, each anew: no --reentrant, --queue, --slots or --replace; -n, -w, -s and --range can be"
  ) { (record, given) throws(Failure) in record.also.append(try given.alsoLocked(.exclusive)) },
  .init(
    .alsoShared, nil, "also-shared", .lockFile, .lock, .run,
    "the same, and share it with other shared holders",
    repeats: true, excludes: .these(.reentrant, .queue, .slots, .replace),
    because:
      "--also takes several locks in the kernel's order, each anew: no --reentrant, --queue, --slots or --replace; -n, -w, -s and --range can be"
  ) { (record, given) throws(Failure) in record.also.append(try given.alsoLocked(.shared)) },
  .init(
    .queue, nil, "queue", .optionalNumber, .lock, .lockers,
    "wait in order of arrival, at most N at a time: to a further one the lock is busy; without N, any number",
    isCommon: true, brief: "wait in order of arrival, at most N at a time",
    excludes: .these(.nonblock, .range)
  ) { (record, given) throws(Failure) in record.queue = WaitingQueue(limit: try given.limit()) },
  .init(
    .slots, nil, "slots", .number, .lock, .lockers,
    "up to N can have the lock at once, 1 to 4096, each with a number from 0 (SWLOCK_SLOT; acquire shows it; an engine gives none), always in order of arrival; needs --mode ofd (its default), posix or an engine",
    isCommon: true, brief: "up to N can have the lock at once",
    modes: .withSlots,
    excludes: .these(.shared, .range, .reentrant)
  ) { (record, given) throws(Failure) in
    record.slots = try given.slots()
    if !record.has(.mode) { record.mode = .ofd }
  },
  .init(
    .replace, nil, "replace", .optionalReplaced, .own, .run,
    "the newest wins: end who has the lock and who waits for it by --queue or --replace, and take it; =waiting: end only those who wait",
    isCommon: true, brief: "end who has it or waits, and take it",
    modes: .flock,
    excludes: .these(.nonblock, .shared, .range, .reentrant, .queue, .slots)
  ) { (record, given) throws(Failure) in record.replaced = try given.replaced() },
  .init(
    .lifetime, nil, "lifetime", .duration, .hardlink, .lockers + .refresh + .transfer,
    "how long the lock is valid without a refresh; 0: until it is released; default 15s, under run 60s, and run refreshes it; with an engine 15s, at least 5s",
    modes: .withLifetime
  ) { (record, given) throws(Failure) in record.lifetime = try given.lifetime() },
  .init(
    .style, nil, "style", .style, .hardlink, .lockers + .holders + .viewers,
    "whom the lock excludes: flufl.lock (flufl, the default) or portage", modes: .hardlinkOrAuto
  ) { (record, given) throws(Failure) in record.style = try given.style() },
  .init(
    .clockSlop, nil, "clock-slop", .duration, .hardlink, .lockers + .holders + .viewers + .wait,
    "how long after its lifetime a lock is still respected; default 10s", modes: .hardlinkOrAuto
  ) { (record, given) throws(Failure) in record.hardlink.clockSlop = try given.duration() },
  .init(
    .poll, nil, "poll", .poll, .hardlink, .lockers,
    "shortest and longest pause between two looks at a lock of another host; default 10ms:2s",
    modes: .hardlinkOrAuto
  ) { (record, given) throws(Failure) in
    let bounds = try given.poll()
    record.hardlink.shortestPoll = bounds.shortest
    record.hardlink.longestPoll = bounds.longest
  },
  .init(
    .settle, nil, "settle", .duration, .hardlink,
    .lockers + .holders + .break + .cleanup,
    "how long other programs than swlock may need from a look at the lock to its removal; default 2s",
    modes: .hardlinkOrAuto
  ) { (record, given) throws(Failure) in record.hardlink.settle = try given.duration() },
  .init(
    .retriedError, nil, "retry-errno", .error, .hardlink,
    .lockers + .holders + .break + .cleanup,
    "an error of reading the lock that is waited out, such as EIO; may be repeated", repeats: true,
    modes: .hardlinkOrAuto
  ) { (record, given) throws(Failure) in
    record.retriedErrors.append(try given.errorName())
  },
  .init(
    .command, "c", "command", .shellCommand, .own, .run,
    "run $SHELL -c STRING (default /bin/sh) instead of COMMAND", isCommon: true,
    brief: "run a shell command instead of COMMAND"
  ) { (record, given) in record.shellCommand = given.value },
  .init(
    .noFork, "F", "no-fork", .none, .own, .run,
    "take the lock, then become the command instead of starting it"),
  .init(
    .close, "o", "close", .none, .own, .run,
    "do not give the lock to the command: the same as --leftovers=release", isCommon: true,
    brief: "do not give the lock to the command",
    needsFork: true,
    because: "--no-fork leaves no swlock behind that could do --close or --leftovers"
  ) { (record, _) in record.leftovers = .release },
  .init(
    .leftovers, nil, "leftovers", .leftovers, .own, .run,
    "processes that outlive the command: keep the lock (default), wait for them, kill them (default with an engine), or release the lock without regard to them",
    needsFork: true,
    because: "--no-fork leaves no swlock behind that could do --close or --leftovers"
  ) { (record, given) throws(Failure) in record.leftovers = try given.leftoverPolicy() },
  .init(
    .maximumRuntime, nil, "max-runtime", .duration, .own, .run,
    "after that long, send SIGTERM to the command's process group, and exit with 124",
    isCommon: true, brief: "end the command after that long, exit with 124", needsFork: true
  ) { (record, given) throws(Failure) in record.maximumRuntime = try given.duration() },
  .init(
    .killAfter, nil, "kill-after", .duration, .own, .run,
    "send SIGKILL that long after SIGTERM; default 10s"
  ) { (record, given) throws(Failure) in record.killAfter = try given.duration() },
  .init(
    .record, nil, "record", .file, .own, .run,
    "append a JSON line to FILE about this run, also where nothing ran", needsFork: true
  ) { (record, given) throws(Failure) in record.record = try given.name("the name of a file") },
  .init(.folder, nil, "chdir", .directory, .launch, .run, "work in that folder") {
    (record, given) throws(Failure) in
    record.launch.folder = try given.name("the name of a folder")
  },
  .init(
    .creationMask, nil, "umask", .permissions, .launch, .run,
    "file mode creation mask of the command"
  ) { (record, given) throws(Failure) in record.launch.creationMask = try given.permissions() },
  .init(
    .setVariable, nil, "env", .variable, .launch, .run, "set a variable of the environment",
    repeats: true
  ) { (record, given) throws(Failure) in record.launch.environment.append(try given.variable()) },
  .init(
    .unsetVariable, nil, "unset", .variableName, .launch, .run,
    "remove a variable from the environment", repeats: true
  ) { (record, given) throws(Failure) in
    record.launch.environment.append(.unset(try given.variableName(given.value)))
  },
  .init(
    .clearEnvironment, nil, "clear-env", .none, .launch, .run,
    "start with an empty environment, but for what follows and SWLOCK_*"
  ) { (record, _) in record.launch.environment.append(.clear) },
  .init(
    .argumentZero, nil, "argv0", .text, .launch, .run,
    "what the command is told that it is called",
    excludes: .these(.shell, .trace, .sandbox, .fakeroot),
    because: "--argv0 is for a COMMAND that is executed as it is, not by another program"
  ) { (record, given) in record.launch.argumentZero = given.value },
  .init(
    .user, nil, "user", .user, .launch, .run,
    "run as that user, with its primary and supplementary groups, HOME, USER, LOGNAME and SHELL; or with that primary group"
  ) { (record, given) throws(Failure) in
    record.launch.user = try given.name("USER, USER:GROUP or :GROUP")
  },
  .init(
    .keepEnvironment, nil, "keep-env", .none, .launch, .run,
    "leave HOME, USER, LOGNAME and SHELL as they are", needs: .user),
  .init(
    .groups, nil, "groups", .groups, .launch, .run,
    "supplementary groups instead of the user's; empty for none"
  ) { (record, given) in record.launch.groups = given.value },
  .init(
    .mapping, nil, "fd", .descriptor, .launch, .run,
    "descriptor N of the command is swlock's M, or a file (<FILE, >FILE, >>FILE), or closed",
    repeats: true
  ) { (record, given) throws(Failure) in
    record.launch.mappings.append(try given.descriptorRequest())
  },
  .init(.standardInput, nil, "stdin", .null, .launch, .run, "standard input is /dev/null") {
    (record, given) throws(Failure) in
    record.launch.mappings.append(try given.nullInput())
  },
  .init(
    .closeDescriptors, nil, "close-fds", .none, .launch, .run,
    "close all descriptors above 2 but those of --fd, and the lock's"),
  .init(
    .pathLookup, nil, "path-lookup", .yesOrNo, .launch, .run,
    "whether COMMAND is looked up in $PATH; no: it is a path"
  ) { (record, given) throws(Failure) in record.launch.searchesPath = try given.yesOrNo() },
  .init(
    .shell, nil, "shell", .none, .launch, .run,
    "have bash -c run COMMAND as a shell command, or the one of -c",
    excludes: .these(.sandbox, .fakeroot)),
  .init(
    .trace, nil, "trace", .none, .launch, .run,
    "the same, and have bash show each command (bash -x)", excludes: .these(.sandbox, .fakeroot),
    overrides: .these(.shell)),
  .init(
    .sandbox, nil, "sandbox", .none, .launch, .run,
    "run the command by sandbox(1); by bash, with a warning, where there is none",
    excludes: .these(.shell, .trace, .fakeroot)),
  .init(
    .fakeroot, nil, "fakeroot", .optionalState, .launch, .run,
    "run the command by fakeroot(1), which loads and saves its state in FILE",
    excludes: .these(.shell, .trace, .sandbox)
  ) { (record, given) in record.fakerootState = given.value },
  .init(.niceness, nil, "nice", .niceness, .launch, .run, "add N to the nice value") {
    (record, given) throws(Failure) in
    record.launch.niceness = try given.niceness()
  },
  .init(
    .ioPriority, nil, "ionice", .ioPriority, .launch, .run,
    "priority of input and output: realtime, best-effort or idle, and a level 0 to 7"
  ) { (record, given) throws(Failure) in record.launch.ioPriority = try given.ioPriority() },
  .init(
    .limit, nil, "rlimit", .limit, .launch, .run,
    "resource limit (prlimit(1)): as, core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending or stack; a number, with K, M or G, or unlimited",
    repeats: true
  ) { (record, given) throws(Failure) in record.launch.limits.append(try given.limit()) },
  .init(
    .controlGroup, nil, "cgroup", .directory, .launch, .run,
    "run in that control group, a folder of the cgroup file system"
  ) { (record, given) throws(Failure) in
    record.launch.controlGroup = try given.name("the folder of a control group")
  },
  .init(
    .newControlGroup, nil, "cgroup-new", .optionalName, .launch, .run,
    "run in a new control group, below swlock's own or that of --cgroup; at the end kill what is in it, and remove it",
    needsFork: true
  ) { (record, given) throws(Failure) in record.launch.newControlGroup = try given.fileName() },
  .init(
    .namespaces, nil, "unshare", .namespaces, .launch, .run,
    "new namespaces: net, ipc, mount, pid, uts, user, with commas between", repeats: true
  ) { (record, given) throws(Failure) in record.namespaces += try given.namespaceList() },
  .init(
    .optionalNamespaces, nil, "unshare-optional", .optionalNamespaces, .launch, .run,
    "the same where they can be had, with a warning where not; without LIST: all of --unshare",
    repeats: true
  ) { (record, given) throws(Failure) in
    if given.value.isEmpty {
      record.allNamespacesAreOptional = true
    } else {
      record.optionalNamespaces += try given.namespaceList()
    }
  },
  .init(
    .propagation, nil, "propagation", .propagation, .launch, .run,
    "in a new mount namespace: slave (default), later mounts of the outside appear; private, they do not"
  ) { (record, given) throws(Failure) in record.isPropagationPrivate = try given.propagation() },
  .init(
    .onExit, nil, "on-exit", .shellCommand, .launch, .run,
    "after the command, still under the lock, run a shell command; several run last-first",
    repeats: true, needsFork: true
  ) { (record, given) in record.launch.onExit.append(given.value) },
  .init(
    .sync, nil, "sync", .optionalPath, .launch, .run,
    "have the file system of PATH on disk before the lock is released; default: that of the command's folder",
    repeats: true, needsFork: true
  ) { (record, given) in
    record.launch.synchronized =
      (record.launch.synchronized ?? []) + (given.value.isEmpty ? [] : [given.value])
  },
  .init(
    .warnLargeEnvironment, nil, "warn-large-env", .none, .launch, .run,
    "warn if the environment has more than 96 KiB"),
  .init(
    .log, nil, "log", .file, .launch, .run,
    "append what the command writes to FILE, and show it all the same; a FILE.gz by gzip(1)",
    needsFork: true
  ) { (record, given) throws(Failure) in
    record.launch.output.log = try given.name("the name of a file")
  },
  .init(.logOnly, nil, "log-only", .none, .launch, .run, "do not show it", needs: .log),
  .init(
    .logFilter, nil, "log-filter", .shellCommand, .launch, .run,
    "what goes to FILE goes through sh -c STRING first", needs: .log
  ) { (record, given) throws(Failure) in
    record.launch.output.filter = try given.name("a shell command")
  },
  .init(
    .logTimestamps, nil, "log-timestamps", .none, .launch, .run,
    "begin each line in FILE with the time, in UTC", needs: .log),
  .init(
    .pseudoTerminal, nil, "pty", .none, .launch, .run,
    "give the command a terminal of its own, of the size of this one", needsFork: true),
  .init(
    .mode, "m", "mode", .mode, .own, .release,
    "release only a lock of this kind; default: whatever kind is held"
  ) { (record, given) throws(Failure) in record.mode = try given.mode() },
  .init(
    .mode, "m", "mode", .mode, .own, .refresh + .transfer,
    "kind of lock: hardlink (default), the only one with a lifetime"
  ) { (record, given) throws(Failure) in record.mode = try given.mode() },
  .init(
    .mode, "m", "mode", .mode, .own, .wait,
    "wait only until nobody keeps a lock of this kind away; default, and auto: of any kind",
    isCommon: true, brief: "look only for locks of this kind; default: any"
  ) { (record, given) throws(Failure) in record.mode = try given.mode() },
  .init(
    .range, nil, "range", .range, .own, .wait,
    "with --mode posix or ofd, count only locks of these bytes; without LENGTH or with 0, to the end"
  ) { (record, given) throws(Failure) in record.range = try given.range() },
  .init(
    .mode, "m", "mode", .engine, .own, .viewers,
    "an engine, such as etcd, whose lock of that name is meant; without it, locks of all kinds on this machine"
  ) { (record, given) throws(Failure) in record.mode = try given.engine() },
  .init(
    .onLoss, nil, "on-loss", .lossAction, .own, .acquire,
    "what is done to the owner if an engine's lock is lost: term (default, SIGTERM) or none",
    modes: .engine
  ) { (record, given) throws(Failure) in record.isSilentOnLoss = try given.isNone("term") },
  .init(
    .gone, nil, "gone", .none, .own, .wait,
    "wait until there is no file at PATH, for locks that are held as long as their file is there",
    isCommon: true, brief: "wait until there is no file at PATH",
    excludes: .these(.mode, .style, .range, .clockSlop),
    because: "--gone is about the file itself, whatever locks it has"),
  .init(
    .style, nil, "style", .style, .own, .wait,
    "look only for locks with a claim that have this style: flufl or portage; default: both",
    modes: .hardlinkOrAuto
  ) { (record, given) throws(Failure) in record.style = try given.style() },
  .init(
    .descriptor, nil, "fd", .number, .own, .acquire + .release,
    "lock an open file of the calling process, by its descriptor, instead of PATH", isCommon: true,
    brief: "lock an open file of the caller instead",
    modes: .flockOrOFD
  ) { (record, given) throws(Failure) in
    record.descriptor = try given.descriptor()
    // Without a word about it, as `swlock as flock` does.
    if !record.has(.mode) { record.mode = .flock }
  },
  .init(
    .owner, nil, "owner", .owner, .own, .acquire + .holders,
    "the process that holds the lock, or none; default: the calling script", isCommon: true,
    brief: "who holds it; default: the calling script"
  ) { (record, given) throws(Failure) in
    record.owner = try given.owner().map { .process($0) } ?? .nobody
  },
  .init(
    .take, nil, "take", .none, .own, .acquire,
    "take over a lock that was transferred to the owner", modes: .hardlink),
  .init(
    .any, nil, "any", .none, .own, .release, "release the lock whoever holds it", isCommon: true,
    excludes: .these(.owner)),
  .init(
    .heir, nil, "to", .owner, .own, .transfer,
    "the process that is to hold the lock, or none", isCommon: true
  ) { (record, given) throws(Failure) in
    record.heir = try given.owner().map { .process($0) } ?? .nobody
  },
  .init(
    .quiet, "q", "quiet", .none, .own, .status,
    "show nothing: exit with 0 if every PATH is locked, with 1 if one is free", isCommon: true,
    brief: "only exit: 0 if locked, 1 if a PATH is free",
    excludes: .these(.json, .watch), overrides: .these(.verbose),
    because: "--quiet leaves nothing for --json or --watch to show"
  ),
  .init(
    .json, nil, "json", .none, .own, .status, "show one JSON object a lock, one line each",
    isCommon: true),
  .init(
    .watch, nil, "watch", .optionalDuration, .own, .status,
    "go on, and look again each second, or each DURATION", isCommon: true,
    brief: "go on, and look again each second"
  ) { (record, given) throws(Failure) in record.watch = try given.interval() },
  .init(
    .probe, nil, "probe", .none, .own, .status,
    "show which kinds of lock exclude each other in the folder PATH, by trying them there",
    excludes: .these(.quiet, .watch, .sidecar), because: "--probe is alone, or with --json"),
  .init(
    .force, nil, "force", .none, .own, .break,
    "break a lock whose owner is alive, too; that of an engine's is told to end first",
    isCommon: true, brief: "break a lock whose owner is alive, too"),
  .init(
    .kill, nil, "kill", .optionalSignal, .own, .break,
    "end the processes that hold a lock of the kernel's, or for which it is kept: with SIGTERM, or SIGNAL",
    isCommon: true, brief: "end the processes that hold the lock"
  ) { (record, given) throws(Failure) in
    record.kill = given.value.isEmpty ? SIGTERM : try given.signal()
  },
  .init(
    .killAfter, nil, "kill-after", .duration, .own, .break,
    "send SIGKILL that long after the signal of --kill; default 10s", needs: .kill
  ) { (record, given) throws(Failure) in record.killAfter = try given.duration() },
  .init(
    .strangers, nil, "strangers", .none, .own, .break,
    "with --kill, also end those who were only handed the lock's descriptor", needs: .kill),
  .init(
    .dryRun, nil, "dry-run", .none, .own, .cleanup, "only show what would be removed",
    isCommon: true),
  .init(
    .all, nil, "all", .none, .own, .cleanup,
    "remove live locks as well; asks on a terminal, and needs --force elsewhere", isCommon: true,
    brief: "remove live locks as well"),
  .init(
    .force, nil, "force", .none, .own, .cleanup, "do not ask", needs: .all,
    because: "--force is for --all, which removes live locks"),
  .init(
    .unused, nil, "unused", .none, .own, .cleanup,
    "remove lock files as well that nobody has open and that are empty; in a folder, .NAME.swlock",
    isCommon: true, brief: "remove unused, empty lock files as well"),
  .init(
    .olderThan, nil, "older-than", .duration, .own, .cleanup,
    "leave alone what was changed later than that long ago"
  ) { (record, given) throws(Failure) in record.olderThan = try given.duration() },
  .init(
    .json, nil, "json", .none, .own, .cleanup, "show one JSON object a file, one line each",
    isCommon: true),
  .init(
    .help, "h", "help", .none, .general, .all,
    "show help: as a letter on one screen, as a word all of it", isCommon: true,
    brief: "show this help, or all of it"),
  .init(.version, "V", "version", .none, .general, .all, "show the version", isCommon: true),
]
