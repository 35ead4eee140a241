/// Every option there is. The parser, help, the man page and the completions are made from it.
///
/// A name that means something else elsewhere has one row a meaning; it takes a value in all of them or
/// in none.
package let optionTable: [OptionSpecification] = [
  .init(
    .mode, "m", "mode", .mode, .lock, .lockers,
    "kind of lock: flock (default), posix (fcntl F_SETLK), ofd (fcntl F_OFD_SETLK), hardlink (link(2)), or auto: flock if that excludes at PATH, else hardlink"
  ),
  .init(
    .shared, "s", "shared", .none, .lock, .lockers, "share the lock with other shared holders"),
  .init(.exclusive, "x", "exclusive", .none, .lock, .lockers, "share it with nobody (default)"),
  .init(.nonblock, "n", "nonblock", .none, .lock, .lockers, "do not wait for the lock"),
  .init(
    .timeout, "w", "timeout", .duration, .lock, .lockers,
    "wait for the lock at most that long; 0 is --nonblock"),
  .init(
    .conflictExitCode, "E", "conflict-exit-code", .number, .lock, .lockers,
    "exit status when the lock is busy or not free in time, 0 to 255; default 75"),
  .init(
    .range, nil, "range", .range, .lock, .lockers,
    "lock only these bytes, in the modes posix and ofd; without LENGTH or with 0, to the end"),
  .init(
    .permissions, nil, "perm", .permissions, .lock, .lockers,
    "octal permissions of a lock file that is created, whatever the umask; default 0600"),
  .init(
    .group, nil, "group", .group, .lock, .lockers, "group of a lock file that is created"),
  .init(.noCreate, nil, "no-create", .none, .lock, .lockers, "the lock file must exist"),
  .init(
    .unlink, nil, "unlink", .none, .lock, .lockers,
    "remove the lock file when releasing it, if it is empty and nobody else has locked it"),
  .init(
    .sidecar, nil, "sidecar", .optionalSidecar, .lock, .lockers + .holders + .viewers,
    "lock .NAME.swlock beside PATH instead of PATH itself; with =portage, .NAME.portage_lockfile"
  ),
  .init(
    .quiet, "q", "quiet", .none, .lock, .lockers,
    "say nothing but errors, and nothing while waiting"),
  .init(
    .verbose, "v", "verbose", .none, .lock, .lockers + .holders + .break,
    "say each step on standard error"),
  .init(
    .progress, nil, "progress", .none, .lock, .lockers,
    "say after a second of waiting who has the lock, also where standard error is no terminal"),
  .init(
    .message, nil, "message", .text, .lock, .lockers, "say TEXT instead while waiting"),
  .init(
    .reentrant, nil, "reentrant", .none, .lock, .lockers,
    "if an ancestor of this process has the lock, go on without locking again"),
  .init(
    .lifetime, nil, "lifetime", .duration, .hardlink, .lockers + .refresh + .transfer,
    "how long the lock is valid without a refresh; 0: until it is released; default 15s, under run 60s, and run refreshes it"
  ),
  .init(
    .style, nil, "style", .style, .hardlink, .lockers + .holders + .viewers,
    "whom the lock excludes: flufl.lock (flufl, the default) or portage"),
  .init(
    .clockSlop, nil, "clock-slop", .duration, .hardlink, .lockers + .holders + .viewers,
    "how long after its lifetime a lock is still respected; default 10s"),
  .init(
    .poll, nil, "poll", .poll, .hardlink, .lockers,
    "shortest and longest pause between two looks at a lock of another host; default 10ms:2s"),
  .init(
    .settle, nil, "settle", .duration, .hardlink,
    .lockers + .holders + .break + .cleanup,
    "how long other programs than swlock may need from a look at the lock to its removal; default 2s"
  ),
  .init(
    .retriedError, nil, "retry-errno", .error, .hardlink,
    .lockers + .holders + .break + .cleanup,
    "an error of reading the lock that is waited out, such as EIO; may be repeated"),
  .init(
    .command, "c", "command", .shellCommand, .own, .run,
    "run $SHELL -c STRING (default /bin/sh) instead of COMMAND"),
  .init(
    .noFork, "F", "no-fork", .none, .own, .run,
    "take the lock, then become the command instead of starting it"),
  .init(
    .close, "o", "close", .none, .own, .run,
    "do not give the lock to the command: the same as --leftovers=release"),
  .init(
    .leftovers, nil, "leftovers", .leftovers, .own, .run,
    "processes that outlive the command: keep the lock (default), wait for them, kill them, or release the lock without regard to them"
  ),
  .init(
    .maximumRuntime, nil, "max-runtime", .duration, .own, .run,
    "after that long, send SIGTERM to the command's process group, and exit with 124"),
  .init(
    .killAfter, nil, "kill-after", .duration, .own, .run,
    "send SIGKILL that long after SIGTERM; default 10s"),
  .init(.folder, nil, "chdir", .directory, .launch, .run, "work in that folder"),
  .init(
    .creationMask, nil, "umask", .permissions, .launch, .run,
    "file mode creation mask of the command"),
  .init(.setVariable, nil, "env", .variable, .launch, .run, "set a variable of the environment"),
  .init(
    .unsetVariable, nil, "unset", .variableName, .launch, .run,
    "remove a variable from the environment"),
  .init(
    .clearEnvironment, nil, "clear-env", .none, .launch, .run,
    "start with an empty environment, but for what follows and SWLOCK_*"),
  .init(
    .argumentZero, nil, "argv0", .text, .launch, .run,
    "what the command is told that it is called"),
  .init(
    .user, nil, "user", .user, .launch, .run,
    "run as that user, with its primary and supplementary groups; or with that primary group"),
  .init(
    .groups, nil, "groups", .groups, .launch, .run,
    "supplementary groups instead of the user's; empty for none"),
  .init(
    .mapping, nil, "fd", .descriptor, .launch, .run,
    "descriptor N of the command is swlock's M, or a file (<FILE, >FILE, >>FILE), or closed"),
  .init(.standardInput, nil, "stdin", .null, .launch, .run, "standard input is /dev/null"),
  .init(
    .closeDescriptors, nil, "close-fds", .none, .launch, .run,
    "close all descriptors above 2 but those of --fd, and the lock's"),
  .init(
    .pathLookup, nil, "path-lookup", .yesOrNo, .launch, .run,
    "whether COMMAND is looked up in $PATH; no: it is a path"),
  .init(
    .shell, nil, "shell", .none, .launch, .run,
    "have bash -c run COMMAND as a shell command, or the one of -c"),
  .init(
    .trace, nil, "trace", .none, .launch, .run,
    "the same, and have bash show each command (bash -x)"),
  .init(
    .sandbox, nil, "sandbox", .none, .launch, .run,
    "run the command by sandbox(1); by bash, with a warning, where there is none"),
  .init(
    .fakeroot, nil, "fakeroot", .optionalState, .launch, .run,
    "run the command by fakeroot(1), which loads and saves its state in FILE"),
  .init(.niceness, nil, "nice", .niceness, .launch, .run, "add N to the nice value"),
  .init(
    .ioPriority, nil, "ionice", .ioPriority, .launch, .run,
    "priority of input and output: realtime, best-effort or idle, and a level 0 to 7"),
  .init(
    .limit, nil, "rlimit", .limit, .launch, .run,
    "resource limit: cpu, fsize, nofile and so on (prlimit(1)); a number, with K, M or G, or unlimited"
  ),
  .init(
    .controlGroup, nil, "cgroup", .directory, .launch, .run,
    "run in that control group, a folder of the cgroup file system"),
  .init(
    .newControlGroup, nil, "cgroup-new", .optionalName, .launch, .run,
    "run in a new control group, below swlock's own or that of --cgroup; at the end kill what is in it, and remove it"
  ),
  .init(
    .namespaces, nil, "unshare", .namespaces, .launch, .run,
    "new namespaces: net, ipc, mount, pid, uts, user, with commas between"),
  .init(
    .optionalNamespaces, nil, "unshare-optional", .optionalNamespaces, .launch, .run,
    "the same where they can be had, with a warning where not; without LIST: all of --unshare"),
  .init(
    .propagation, nil, "propagation", .propagation, .launch, .run,
    "in a new mount namespace: slave (default), later mounts of the outside appear; private, they do not"
  ),
  .init(
    .onExit, nil, "on-exit", .shellCommand, .launch, .run,
    "after the command, still under the lock, run a shell command; several run last-first"),
  .init(
    .sync, nil, "sync", .optionalPath, .launch, .run,
    "have the file system of PATH on disk before the lock is released; default: that of the command's folder"
  ),
  .init(
    .warnLargeEnvironment, nil, "warn-large-env", .none, .launch, .run,
    "warn if the environment has more than 96 KiB"),
  .init(
    .log, nil, "log", .file, .launch, .run,
    "append what the command writes to FILE, and show it all the same; a FILE.gz by gzip(1)"),
  .init(.logOnly, nil, "log-only", .none, .launch, .run, "do not show it"),
  .init(
    .logFilter, nil, "log-filter", .shellCommand, .launch, .run,
    "what goes to FILE goes through sh -c STRING first"),
  .init(
    .logTimestamps, nil, "log-timestamps", .none, .launch, .run,
    "begin each line in FILE with the time, in UTC"),
  .init(
    .pseudoTerminal, nil, "pty", .none, .launch, .run,
    "give the command a terminal of its own, of the size of this one"),
  .init(
    .mode, "m", "mode", .mode, .own, .release,
    "release only a lock of this kind; default: whatever kind is held"),
  .init(
    .mode, "m", "mode", .mode, .own, .refresh + .transfer,
    "kind of lock: hardlink (default), the only one with a lifetime"),
  .init(
    .descriptor, nil, "fd", .number, .own, .acquire + .release,
    "lock an open file of the calling process, by its descriptor, instead of PATH"),
  .init(
    .owner, nil, "owner", .owner, .own, .acquire + .holders,
    "the process that holds the lock, or none; default: the calling script"),
  .init(
    .take, nil, "take", .none, .own, .acquire,
    "take over a lock that was transferred to the owner"),
  .init(.any, nil, "any", .none, .own, .release, "release the lock whoever holds it"),
  .init(
    .heir, nil, "to", .owner, .own, .transfer,
    "the process that is to hold the lock, or none"),
  .init(
    .quiet, "q", "quiet", .none, .own, .status,
    "show nothing: exit with 0 if every PATH is locked, with 1 if one is free"),
  .init(.json, nil, "json", .none, .own, .status, "show one JSON object a lock, one line each"),
  .init(
    .watch, nil, "watch", .optionalDuration, .own, .status,
    "go on, and look again each second, or each DURATION"),
  .init(
    .probe, nil, "probe", .none, .own, .status,
    "show which kinds of lock exclude each other in the folder PATH, by trying them there"),
  .init(.force, nil, "force", .none, .own, .break, "break a lock whose owner is alive, too"),
  .init(
    .kill, nil, "kill", .optionalSignal, .own, .break,
    "end the processes that hold a lock of the kernel's, or for which it is kept: with SIGTERM, or SIGNAL"
  ),
  .init(
    .killAfter, nil, "kill-after", .duration, .own, .break,
    "send SIGKILL that long after the signal of --kill; default 10s"),
  .init(
    .strangers, nil, "strangers", .none, .own, .break,
    "with --kill, also end those who were only handed the lock's descriptor"),
  .init(.dryRun, nil, "dry-run", .none, .own, .cleanup, "only show what would be removed"),
  .init(
    .all, nil, "all", .none, .own, .cleanup,
    "remove live locks as well; asks on a terminal, and needs --force elsewhere"),
  .init(.force, nil, "force", .none, .own, .cleanup, "do not ask"),
  .init(
    .unused, nil, "unused", .none, .own, .cleanup,
    "remove lock files as well that nobody holds and that are empty; in a folder, those of --sidecar"
  ),
  .init(
    .olderThan, nil, "older-than", .duration, .own, .cleanup,
    "leave alone what was changed later than that long ago"),
  .init(.json, nil, "json", .none, .own, .cleanup, "show one JSON object a file, one line each"),
  .init(.help, "h", "help", .none, .general, .all, "show this help"),
  .init(.version, "V", "version", .none, .general, .all, "show the version"),
]
