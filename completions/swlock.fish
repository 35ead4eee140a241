# Made by swlock-docs: run make docs.

# Whether swlock's first word is $argv[1] and, if given, the number of words is $argv[2] 2.
function __swlock_command
  set -l words (commandline -opc)
  set -q words[2]; and test "$words[2]" = "$argv[1]"; or return 1
  if set -q argv[2]; test (count $words) "$argv[2]" 2; end
end

# Whether this is a word of run that may be $argv[1]: one of the options, the path, the command or
# one of its words. Sets __swlock_first to the number of the command's first word.
function __swlock_run
  set -l words (commandline -opc)
  set -q words[2]; and test "$words[2]" = run; or return 1
  set -l operands 0
  set -l literal 0
  set -l awaits 0
  set -l index 3
  set -g __swlock_first 0
  while test $index -le (count $words); and test $__swlock_first -eq 0
    set -l word $words[$index]
    if test $awaits -eq 1
      set awaits 0
    else if test $operands -eq 1; and test "$word" = --
      set __swlock_first (math $index + 1)
    else if test "$word" = --; and test $literal -eq 0
      set literal 1
    else if test $literal -eq 1; or not string match -q -- '-?*' "$word"
      set operands (math $operands + 1)
      test $operands -eq 2; and set __swlock_first $index
    else if string match -qr -- '^(--mode|--timeout|--conflict-exit-code|--range|--perm|--group|--message|--also|--also-shared|--slots|--lifetime|--style|--clock-slop|--poll|--settle|--retry-errno|--command|--leftovers|--max-runtime|--kill-after|--record|--chdir|--umask|--env|--unset|--argv0|--user|--groups|--fd|--stdin|--path-lookup|--nice|--ionice|--rlimit|--cgroup|--unshare|--propagation|--on-exit|--log|--log-filter|--on-loss|--owner|--to|--older-than|-[^-mwEc]*[mwEc])$' "$word"
      set awaits 1
    end
    set index (math $index + 1)
  end
  switch $argv[1]
    case options
      test $__swlock_first -eq 0; and test $literal -eq 0
    case path
      test $operands -eq 0; and test $awaits -eq 0
    case command
      test $operands -ge 1; and test $awaits -eq 0; or return 1
      test $__swlock_first -ne 0; and return
      set __swlock_first (math (count $words) + 1)
      not string match -q -- '-*' (commandline -ct)
  end
end

# Whether the program that swlock stands for is $argv[1], and this is one of the words before its command.
# Sets __swlock_first as __swlock_run does.
function __swlock_as
  set -l words (commandline -opc)
  set -g __swlock_first 0
  set -q words[3]; and test "$words[2] $words[3]" = "as $argv[1]"; or return 1
  set -l awaits 0
  set -l path 0
  for index in (seq 4 (count $words))
    set -l word $words[$index]
    if test $awaits -eq 1
      set awaits 0
    else if test "$word" = --; and test $argv[1] = lockrun
      set __swlock_first (math $index + 1)
      return 1
    else if not string match -q -- '-?*' "$word"
      test $path -eq 1; and set __swlock_first $index; and return 1
      set path 1
    else if string match -qr -- '^(-w|--timeout|--wait|-E|--conflict-exit-code|--start|--length|--fd|-c|--command|-L|--lockfile|-S|--sleep|-R|--retries|-T|--maxtime)$' "$word"
      set awaits 1
    end
  end
  test $awaits -eq 1; or test $path -eq 0; and return
  set __swlock_first (math (count $words) + 1)
  return 1
end

# Completes the command of the program that swlock stands for.
function __swlock_complete_as
  for program in flock lockrun
    __swlock_as $program
    test $__swlock_first -ne 0; and __swlock_complete_from $__swlock_first; and return
  end
end

# Completes the words from number $argv[1] on as a command line of their own.
function __swlock_complete_from
  set -l words (commandline -opc)
  set -l line (commandline -ct)
  set -q words[$argv[1]]; and set line (string escape -- $words[$argv[1]..]) "$line"
  complete -C "$line"
end

function __swlock_complete_command
  __swlock_run command; and __swlock_complete_from $__swlock_first
end

# The files that somebody has locked, where nothing is typed yet.
function __swlock_locks
  test -z (commandline -ct); or return
  command swlock status --json 2>/dev/null | string replace -rf '^\{"path":"([^"\\\\]*)".*' '$1'
end

# The user's processes (root: all), with their names.
function __swlock_processes
  echo none
  set -l user (id -u)
  for process in (string match -r '^/proc/[0-9]+$' -- /proc/*)
    test $user -eq 0; or test -O $process; or continue
    set -l name ''
    test -r $process/comm; and read name <$process/comm
    printf '%s\t%s\n' (string replace /proc/ '' $process) "$name"
  end 2>/dev/null
end

complete -c swlock -f
complete -c swlock -n __fish_use_subcommand -s h -l help -d 'show help'
complete -c swlock -n __fish_use_subcommand -s V -l version -d 'show the version'
complete -c swlock -n __fish_use_subcommand -a run -d 'run a command while holding a lock'
complete -c swlock -n __fish_use_subcommand -a acquire -d 'take a lock that stays when swlock has ended'
complete -c swlock -n __fish_use_subcommand -a release -d 'release a lock that was acquired'
complete -c swlock -n __fish_use_subcommand -a refresh -d 'make the lifetime of a lock begin anew'
complete -c swlock -n __fish_use_subcommand -a transfer -d 'hand a lock over to another process'
complete -c swlock -n __fish_use_subcommand -a wait -d 'wait until a lock is free, without taking it'
complete -c swlock -n __fish_use_subcommand -a status -d 'show who holds a lock, and who waits for it'
complete -c swlock -n __fish_use_subcommand -a break -d 'end a lock whose owner is dead or overdue'
complete -c swlock -n __fish_use_subcommand -a cleanup -d 'remove what dead processes left of their locks'
complete -c swlock -n __fish_use_subcommand -a as -d 'be another lock program: flock(1) or lockrun'
complete -c swlock -n __fish_use_subcommand -a help -d 'show help, also of one command'
complete -c swlock -n __fish_use_subcommand -a version -d 'show the version'
complete -c swlock -n '__swlock_command help -eq' -a 'run acquire release refresh transfer wait status break cleanup as help version modes exit durations json'
complete -c swlock -n '__swlock_command as -eq' -a 'flock lockrun'
complete -c swlock -n '__swlock_command as -gt' -F -a '(__swlock_complete_as)'
complete -c swlock -n '__swlock_as flock' -s s -l shared -d 'share the lock with other shared holders'
complete -c swlock -n '__swlock_as flock' -s x -l exclusive -d 'share it with nobody (default; also -e)'
complete -c swlock -n '__swlock_as flock' -s e -d ''
complete -c swlock -n '__swlock_as flock' -s u -l unlock -d 'give the lock back'
complete -c swlock -n '__swlock_as flock' -s n -l nonblocking -d 'do not wait for the lock (also --nb)'
complete -c swlock -n '__swlock_as flock' -l nb -d ''
complete -c swlock -n '__swlock_as flock' -s w -l timeout -r -d 'wait at most that long (also --wait)'
complete -c swlock -n '__swlock_as flock' -l wait -r -d ''
complete -c swlock -n '__swlock_as flock' -s E -l conflict-exit-code -r -d 'exit status when it is busy or timed out (1)'
complete -c swlock -n '__swlock_as flock' -s o -l close -d 'do not give the lock to the command'
complete -c swlock -n '__swlock_as flock' -s F -l no-fork -d 'become the command instead of starting it'
complete -c swlock -n '__swlock_as flock' -l verbose -d 'say what is done'
complete -c swlock -n '__swlock_as flock' -l fcntl -d 'lock by fcntl(F_OFD_SETLK), not flock(2)'
complete -c swlock -n '__swlock_as flock' -l start -r -d 'first byte that is locked; implies --fcntl'
complete -c swlock -n '__swlock_as flock' -l length -r -d 'number of bytes that are; implies --fcntl'
complete -c swlock -n '__swlock_as flock' -l fd -r -d 'lock descriptor N, then run the command'
complete -c swlock -n '__swlock_as flock' -s h -l help -d 'show this help'
complete -c swlock -n '__swlock_as flock' -s V -l version -d 'show the version'
complete -c swlock -n '__swlock_as flock' -s c -l command -r -d 'run a string through $SHELL'
complete -c swlock -n '__swlock_as lockrun' -s L -l lockfile -r -d 'the lock file'
complete -c swlock -n '__swlock_as lockrun' -s W -l wait -d 'wait for the lock'
complete -c swlock -n '__swlock_as lockrun' -s S -l sleep -r -d 'seconds between two attempts'
complete -c swlock -n '__swlock_as lockrun' -s R -l retries -r -d 'number of attempts'
complete -c swlock -n '__swlock_as lockrun' -s T -l maxtime -r -d 'seconds after which the time is reported'
complete -c swlock -n '__swlock_as lockrun' -s V -l verbose -d 'say what is done'
complete -c swlock -n '__swlock_as lockrun' -s q -l quiet -d 'exit without a word if the lock is busy'
complete -c swlock -n '__swlock_as lockrun' -s I -l idempotent -d 'exit with 0 if the lock is busy'
complete -c swlock -n '__swlock_as lockrun' -l help -d 'show help'
complete -c swlock -n '__swlock_as lockrun' -l version -d 'show the version'
complete -c swlock -n '__swlock_run path' -F
complete -c swlock -n '__swlock_run command' -x -a '(__swlock_complete_command)'
complete -c swlock -n '__swlock_run options' -s m -l mode -x -a 'flock posix ofd flock+ofd hardlink auto etcd' -d 'kind of lock: flock (default), posix (fcntl F_SETLK), ofd (fcntl F_OFD_SETLK), flock+ofd (both), hardlink (link(2)), auto: flock if that excludes at PATH, else hardlink; or an engine, such as etcd: then PATH is a name on its servers'
complete -c swlock -n '__swlock_run options' -s s -l shared -d 'share the lock with other shared holders'
complete -c swlock -n '__swlock_run options' -s x -l exclusive -d 'share it with nobody (default)'
complete -c swlock -n '__swlock_run options' -s n -l nonblock -d 'do not wait for the lock'
complete -c swlock -n '__swlock_run options' -s w -l timeout -x -d 'wait for the lock at most that long; 0 is --nonblock'
complete -c swlock -n '__swlock_run options' -s E -l conflict-exit-code -x -d 'exit status when the lock is busy or not free in time, 0 to 255; default 75'
complete -c swlock -n '__swlock_run options' -l range -x -d 'lock only these bytes, in the modes posix and ofd, and of the record lock of flock+ofd; without LENGTH or with 0, to the end'
complete -c swlock -n '__swlock_run options' -l perm -x -d 'octal permissions of a lock file that is created, whatever the umask; default 0600'
complete -c swlock -n '__swlock_run options' -l group -x -a '(__fish_complete_groups)' -d 'group of a lock file that is created'
complete -c swlock -n '__swlock_run options' -l no-create -d 'the lock file must exist'
complete -c swlock -n '__swlock_run options' -l unlink -d 'remove the lock file when releasing it, if it is empty and nobody else has it open'
complete -c swlock -n '__swlock_run options' -l sidecar -a 'portage' -d 'lock .NAME.swlock beside PATH instead of PATH itself; with =portage, .NAME.portage_lockfile'
complete -c swlock -n '__swlock_run options' -s q -l quiet -d 'say nothing while waiting, nor when the lock is busy or not free in time; other errors are said'
complete -c swlock -n '__swlock_run options' -s v -l verbose -d 'say on standard error what is done, and why'
complete -c swlock -n '__swlock_run options' -l progress -d 'say after a second of waiting who has the lock, also where standard error is no terminal'
complete -c swlock -n '__swlock_run options' -l message -x -d 'say TEXT instead while waiting'
complete -c swlock -n '__swlock_run options' -l reentrant -d 'if an ancestor of this process has the lock, go on without locking again'
complete -c swlock -n '__swlock_run options' -l also -r -F -d 'lock that file as well: all or nothing, and the command inherits all; may be repeated'
complete -c swlock -n '__swlock_run options' -l also-shared -r -F -d 'the same, and share it with other shared holders'
complete -c swlock -n '__swlock_run options' -l queue -d 'wait in order of arrival, at most N at a time: to a further one the lock is busy; without N, any number'
complete -c swlock -n '__swlock_run options' -l slots -x -d 'up to N can have the lock at once, 1 to 4096, each with a number from 0 (SWLOCK_SLOT; acquire shows it; an engine gives none), always in order of arrival; needs --mode ofd (its default), posix or an engine'
complete -c swlock -n '__swlock_run options' -l replace -a 'waiting' -d 'the newest wins: end who has the lock and who waits for it by --queue or --replace, and take it; =waiting: end only those who wait'
complete -c swlock -n '__swlock_run options' -l lifetime -x -d 'how long the lock is valid without a refresh; 0: until it is released; default 15s, under run 60s, and run refreshes it; with an engine 15s, at least 5s'
complete -c swlock -n '__swlock_run options' -l style -x -a 'flufl portage' -d 'whom the lock excludes: flufl.lock (flufl, the default) or portage'
complete -c swlock -n '__swlock_run options' -l clock-slop -x -d 'how long after its lifetime a lock is still respected; default 10s'
complete -c swlock -n '__swlock_run options' -l poll -x -d 'shortest and longest pause between two looks at a lock of another host; default 10ms:2s'
complete -c swlock -n '__swlock_run options' -l settle -x -d 'how long other programs than swlock may need from a look at the lock to its removal; default 2s'
complete -c swlock -n '__swlock_run options' -l retry-errno -x -a 'EACCES EAGAIN EBADF EBUSY ECOMM ECONNABORTED ECONNREFUSED ECONNRESET EHOSTDOWN EHOSTUNREACH EINVAL EIO ELOOP EMFILE ENETDOWN ENETRESET ENETUNREACH ENFILE ENOBUFS ENODEV ENOENT ENOLCK ENOLINK ENOMEM ENOTCONN ENOTDIR ENXIO EPERM EPIPE EPROTO EREMOTEIO ESHUTDOWN ESTALE ETIME ETIMEDOUT' -d 'an error of reading the lock that is waited out, such as EIO; may be repeated'
complete -c swlock -n '__swlock_run options' -s c -l command -x -d 'run $SHELL -c STRING (default /bin/sh) instead of COMMAND'
complete -c swlock -n '__swlock_run options' -s F -l no-fork -d 'take the lock, then become the command instead of starting it'
complete -c swlock -n '__swlock_run options' -s o -l close -d 'do not give the lock to the command: the same as --leftovers=release'
complete -c swlock -n '__swlock_run options' -l leftovers -x -a 'keep wait kill release' -d 'processes that outlive the command: keep the lock (default), wait for them, kill them (default with an engine), or release the lock without regard to them'
complete -c swlock -n '__swlock_run options' -l max-runtime -x -d 'after that long, send SIGTERM to the command\'s process group, and exit with 124'
complete -c swlock -n '__swlock_run options' -l kill-after -x -d 'send SIGKILL that long after SIGTERM; default 10s'
complete -c swlock -n '__swlock_run options' -l record -r -F -d 'append a JSON line to FILE about this run, also where nothing ran'
complete -c swlock -n '__swlock_run options' -l chdir -x -a '(__fish_complete_directories)' -d 'work in that folder'
complete -c swlock -n '__swlock_run options' -l umask -x -d 'file mode creation mask of the command'
complete -c swlock -n '__swlock_run options' -l env -x -d 'set a variable of the environment'
complete -c swlock -n '__swlock_run options' -l unset -x -a '(set -nx)' -d 'remove a variable from the environment'
complete -c swlock -n '__swlock_run options' -l clear-env -d 'start with an empty environment, but for what follows and SWLOCK_*'
complete -c swlock -n '__swlock_run options' -l argv0 -x -d 'what the command is told that it is called'
complete -c swlock -n '__swlock_run options' -l user -x -a '(__fish_complete_users)' -d 'run as that user, with its primary and supplementary groups, HOME, USER, LOGNAME and SHELL; or with that primary group'
complete -c swlock -n '__swlock_run options' -l keep-env -d 'leave HOME, USER, LOGNAME and SHELL as they are'
complete -c swlock -n '__swlock_run options' -l groups -x -a '(__fish_complete_groups)' -d 'supplementary groups instead of the user\'s; empty for none'
complete -c swlock -n '__swlock_run options' -l fd -x -d 'descriptor N of the command is swlock\'s M, or a file (<FILE, >FILE, >>FILE), or closed'
complete -c swlock -n '__swlock_run options' -l stdin -x -a 'null' -d 'standard input is /dev/null'
complete -c swlock -n '__swlock_run options' -l close-fds -d 'close all descriptors above 2 but those of --fd, and the lock\'s'
complete -c swlock -n '__swlock_run options' -l path-lookup -x -a 'yes no' -d 'whether COMMAND is looked up in $PATH; no: it is a path'
complete -c swlock -n '__swlock_run options' -l shell -d 'have bash -c run COMMAND as a shell command, or the one of -c'
complete -c swlock -n '__swlock_run options' -l trace -d 'the same, and have bash show each command (bash -x)'
complete -c swlock -n '__swlock_run options' -l sandbox -d 'run the command by sandbox(1); by bash, with a warning, where there is none'
complete -c swlock -n '__swlock_run options' -l fakeroot -F -d 'run the command by fakeroot(1), which loads and saves its state in FILE'
complete -c swlock -n '__swlock_run options' -l nice -x -d 'add N to the nice value'
complete -c swlock -n '__swlock_run options' -l ionice -x -a 'realtime best-effort idle' -d 'priority of input and output: realtime, best-effort or idle, and a level 0 to 7'
complete -c swlock -n '__swlock_run options' -l rlimit -x -a 'cpu= fsize= data= stack= core= rss= nproc= nofile= memlock= as= locks= sigpending= msgqueue= nice= rtprio= rttime=' -d 'resource limit (prlimit(1)): as, core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending or stack; a number, with K, M or G, or unlimited'
complete -c swlock -n '__swlock_run options' -l cgroup -x -a '(__fish_complete_directories)' -d 'run in that control group, a folder of the cgroup file system'
complete -c swlock -n '__swlock_run options' -l cgroup-new -d 'run in a new control group, below swlock\'s own or that of --cgroup; at the end kill what is in it, and remove it'
complete -c swlock -n '__swlock_run options' -l unshare -x -d 'new namespaces: net, ipc, mount, pid, uts, user, with commas between'
complete -c swlock -n '__swlock_run options' -l unshare-optional -d 'the same where they can be had, with a warning where not; without LIST: all of --unshare'
complete -c swlock -n '__swlock_run options' -l propagation -x -a 'slave private' -d 'in a new mount namespace: slave (default), later mounts of the outside appear; private, they do not'
complete -c swlock -n '__swlock_run options' -l on-exit -x -d 'after the command, still under the lock, run a shell command; several run last-first'
complete -c swlock -n '__swlock_run options' -l sync -F -d 'have the file system of PATH on disk before the lock is released; default: that of the command\'s folder'
complete -c swlock -n '__swlock_run options' -l warn-large-env -d 'warn if the environment has more than 96 KiB'
complete -c swlock -n '__swlock_run options' -l log -r -F -d 'append what the command writes to FILE, and show it all the same; a FILE.gz by gzip(1)'
complete -c swlock -n '__swlock_run options' -l log-only -d 'do not show it'
complete -c swlock -n '__swlock_run options' -l log-filter -x -d 'what goes to FILE goes through sh -c STRING first'
complete -c swlock -n '__swlock_run options' -l log-timestamps -d 'begin each line in FILE with the time, in UTC'
complete -c swlock -n '__swlock_run options' -l pty -d 'give the command a terminal of its own, of the size of this one'
complete -c swlock -n '__swlock_run options' -s h -l help -d 'show help: as a letter on one screen, as a word all of it'
complete -c swlock -n '__swlock_run options' -s V -l version -d 'show the version'
complete -c swlock -n '__swlock_command acquire' -F
complete -c swlock -n '__swlock_command acquire' -s m -l mode -x -a 'flock posix ofd flock+ofd hardlink auto etcd' -d 'kind of lock: flock (default), posix (fcntl F_SETLK), ofd (fcntl F_OFD_SETLK), flock+ofd (both), hardlink (link(2)), auto: flock if that excludes at PATH, else hardlink; or an engine, such as etcd: then PATH is a name on its servers'
complete -c swlock -n '__swlock_command acquire' -s s -l shared -d 'share the lock with other shared holders'
complete -c swlock -n '__swlock_command acquire' -s x -l exclusive -d 'share it with nobody (default)'
complete -c swlock -n '__swlock_command acquire' -s n -l nonblock -d 'do not wait for the lock'
complete -c swlock -n '__swlock_command acquire' -s w -l timeout -x -d 'wait for the lock at most that long; 0 is --nonblock'
complete -c swlock -n '__swlock_command acquire' -s E -l conflict-exit-code -x -d 'exit status when the lock is busy or not free in time, 0 to 255; default 75'
complete -c swlock -n '__swlock_command acquire' -l range -x -d 'lock only these bytes, in the modes posix and ofd, and of the record lock of flock+ofd; without LENGTH or with 0, to the end'
complete -c swlock -n '__swlock_command acquire' -l perm -x -d 'octal permissions of a lock file that is created, whatever the umask; default 0600'
complete -c swlock -n '__swlock_command acquire' -l group -x -a '(__fish_complete_groups)' -d 'group of a lock file that is created'
complete -c swlock -n '__swlock_command acquire' -l no-create -d 'the lock file must exist'
complete -c swlock -n '__swlock_command acquire' -l unlink -d 'remove the lock file when releasing it, if it is empty and nobody else has it open'
complete -c swlock -n '__swlock_command acquire' -l sidecar -a 'portage' -d 'lock .NAME.swlock beside PATH instead of PATH itself; with =portage, .NAME.portage_lockfile'
complete -c swlock -n '__swlock_command acquire' -s q -l quiet -d 'say nothing while waiting, nor when the lock is busy or not free in time; other errors are said'
complete -c swlock -n '__swlock_command acquire' -s v -l verbose -d 'say on standard error what is done, and why'
complete -c swlock -n '__swlock_command acquire' -l progress -d 'say after a second of waiting who has the lock, also where standard error is no terminal'
complete -c swlock -n '__swlock_command acquire' -l message -x -d 'say TEXT instead while waiting'
complete -c swlock -n '__swlock_command acquire' -l reentrant -d 'if an ancestor of this process has the lock, go on without locking again'
complete -c swlock -n '__swlock_command acquire' -l queue -d 'wait in order of arrival, at most N at a time: to a further one the lock is busy; without N, any number'
complete -c swlock -n '__swlock_command acquire' -l slots -x -d 'up to N can have the lock at once, 1 to 4096, each with a number from 0 (SWLOCK_SLOT; acquire shows it; an engine gives none), always in order of arrival; needs --mode ofd (its default), posix or an engine'
complete -c swlock -n '__swlock_command acquire' -l lifetime -x -d 'how long the lock is valid without a refresh; 0: until it is released; default 15s, under run 60s, and run refreshes it; with an engine 15s, at least 5s'
complete -c swlock -n '__swlock_command acquire' -l style -x -a 'flufl portage' -d 'whom the lock excludes: flufl.lock (flufl, the default) or portage'
complete -c swlock -n '__swlock_command acquire' -l clock-slop -x -d 'how long after its lifetime a lock is still respected; default 10s'
complete -c swlock -n '__swlock_command acquire' -l poll -x -d 'shortest and longest pause between two looks at a lock of another host; default 10ms:2s'
complete -c swlock -n '__swlock_command acquire' -l settle -x -d 'how long other programs than swlock may need from a look at the lock to its removal; default 2s'
complete -c swlock -n '__swlock_command acquire' -l retry-errno -x -a 'EACCES EAGAIN EBADF EBUSY ECOMM ECONNABORTED ECONNREFUSED ECONNRESET EHOSTDOWN EHOSTUNREACH EINVAL EIO ELOOP EMFILE ENETDOWN ENETRESET ENETUNREACH ENFILE ENOBUFS ENODEV ENOENT ENOLCK ENOLINK ENOMEM ENOTCONN ENOTDIR ENXIO EPERM EPIPE EPROTO EREMOTEIO ESHUTDOWN ESTALE ETIME ETIMEDOUT' -d 'an error of reading the lock that is waited out, such as EIO; may be repeated'
complete -c swlock -n '__swlock_command acquire' -l on-loss -x -a 'term none' -d 'what is done to the owner if an engine\'s lock is lost: term (default, SIGTERM) or none'
complete -c swlock -n '__swlock_command acquire' -l fd -x -a '(command ls /proc/$fish_pid/fd)' -d 'lock an open file of the calling process, by its descriptor, instead of PATH'
complete -c swlock -n '__swlock_command acquire' -l owner -x -a '(__swlock_processes)' -d 'the process that holds the lock, or none; default: the calling script'
complete -c swlock -n '__swlock_command acquire' -l take -d 'take over a lock that was transferred to the owner'
complete -c swlock -n '__swlock_command acquire' -s h -l help -d 'show help: as a letter on one screen, as a word all of it'
complete -c swlock -n '__swlock_command acquire' -s V -l version -d 'show the version'
complete -c swlock -n '__swlock_command release' -F
complete -c swlock -n '__swlock_command release' -a '(__swlock_locks)'
complete -c swlock -n '__swlock_command release' -l sidecar -a 'portage' -d 'lock .NAME.swlock beside PATH instead of PATH itself; with =portage, .NAME.portage_lockfile'
complete -c swlock -n '__swlock_command release' -s q -l quiet -d 'say nothing of a lock that is not held, or alive, nor what was removed; other errors are said'
complete -c swlock -n '__swlock_command release' -s v -l verbose -d 'say on standard error what is done, and why'
complete -c swlock -n '__swlock_command release' -l style -x -a 'flufl portage' -d 'whom the lock excludes: flufl.lock (flufl, the default) or portage'
complete -c swlock -n '__swlock_command release' -l clock-slop -x -d 'how long after its lifetime a lock is still respected; default 10s'
complete -c swlock -n '__swlock_command release' -l settle -x -d 'how long other programs than swlock may need from a look at the lock to its removal; default 2s'
complete -c swlock -n '__swlock_command release' -l retry-errno -x -a 'EACCES EAGAIN EBADF EBUSY ECOMM ECONNABORTED ECONNREFUSED ECONNRESET EHOSTDOWN EHOSTUNREACH EINVAL EIO ELOOP EMFILE ENETDOWN ENETRESET ENETUNREACH ENFILE ENOBUFS ENODEV ENOENT ENOLCK ENOLINK ENOMEM ENOTCONN ENOTDIR ENXIO EPERM EPIPE EPROTO EREMOTEIO ESHUTDOWN ESTALE ETIME ETIMEDOUT' -d 'an error of reading the lock that is waited out, such as EIO; may be repeated'
complete -c swlock -n '__swlock_command release' -s m -l mode -x -a 'flock posix ofd flock+ofd hardlink auto etcd' -d 'release only a lock of this kind; default: whatever kind is held'
complete -c swlock -n '__swlock_command release' -l fd -x -a '(command ls /proc/$fish_pid/fd)' -d 'lock an open file of the calling process, by its descriptor, instead of PATH'
complete -c swlock -n '__swlock_command release' -l owner -x -a '(__swlock_processes)' -d 'the process that holds the lock, or none; default: the calling script'
complete -c swlock -n '__swlock_command release' -l any -d 'release the lock whoever holds it'
complete -c swlock -n '__swlock_command release' -s h -l help -d 'show help: as a letter on one screen, as a word all of it'
complete -c swlock -n '__swlock_command release' -s V -l version -d 'show the version'
complete -c swlock -n '__swlock_command refresh' -F
complete -c swlock -n '__swlock_command refresh' -l sidecar -a 'portage' -d 'lock .NAME.swlock beside PATH instead of PATH itself; with =portage, .NAME.portage_lockfile'
complete -c swlock -n '__swlock_command refresh' -s q -l quiet -d 'say nothing of a lock that is not held, or alive, nor what was removed; other errors are said'
complete -c swlock -n '__swlock_command refresh' -s v -l verbose -d 'say on standard error what is done, and why'
complete -c swlock -n '__swlock_command refresh' -l lifetime -x -d 'how long the lock is valid without a refresh; 0: until it is released; default 15s, under run 60s, and run refreshes it; with an engine 15s, at least 5s'
complete -c swlock -n '__swlock_command refresh' -l style -x -a 'flufl portage' -d 'whom the lock excludes: flufl.lock (flufl, the default) or portage'
complete -c swlock -n '__swlock_command refresh' -l clock-slop -x -d 'how long after its lifetime a lock is still respected; default 10s'
complete -c swlock -n '__swlock_command refresh' -l settle -x -d 'how long other programs than swlock may need from a look at the lock to its removal; default 2s'
complete -c swlock -n '__swlock_command refresh' -l retry-errno -x -a 'EACCES EAGAIN EBADF EBUSY ECOMM ECONNABORTED ECONNREFUSED ECONNRESET EHOSTDOWN EHOSTUNREACH EINVAL EIO ELOOP EMFILE ENETDOWN ENETRESET ENETUNREACH ENFILE ENOBUFS ENODEV ENOENT ENOLCK ENOLINK ENOMEM ENOTCONN ENOTDIR ENXIO EPERM EPIPE EPROTO EREMOTEIO ESHUTDOWN ESTALE ETIME ETIMEDOUT' -d 'an error of reading the lock that is waited out, such as EIO; may be repeated'
complete -c swlock -n '__swlock_command refresh' -s m -l mode -x -a 'flock posix ofd flock+ofd hardlink auto etcd' -d 'kind of lock: hardlink (default), the only one with a lifetime'
complete -c swlock -n '__swlock_command refresh' -l owner -x -a '(__swlock_processes)' -d 'the process that holds the lock, or none; default: the calling script'
complete -c swlock -n '__swlock_command refresh' -s h -l help -d 'show help: as a letter on one screen, as a word all of it'
complete -c swlock -n '__swlock_command refresh' -s V -l version -d 'show the version'
complete -c swlock -n '__swlock_command transfer' -F
complete -c swlock -n '__swlock_command transfer' -l sidecar -a 'portage' -d 'lock .NAME.swlock beside PATH instead of PATH itself; with =portage, .NAME.portage_lockfile'
complete -c swlock -n '__swlock_command transfer' -s q -l quiet -d 'say nothing of a lock that is not held, or alive, nor what was removed; other errors are said'
complete -c swlock -n '__swlock_command transfer' -s v -l verbose -d 'say on standard error what is done, and why'
complete -c swlock -n '__swlock_command transfer' -l lifetime -x -d 'how long the lock is valid without a refresh; 0: until it is released; default 15s, under run 60s, and run refreshes it; with an engine 15s, at least 5s'
complete -c swlock -n '__swlock_command transfer' -l style -x -a 'flufl portage' -d 'whom the lock excludes: flufl.lock (flufl, the default) or portage'
complete -c swlock -n '__swlock_command transfer' -l clock-slop -x -d 'how long after its lifetime a lock is still respected; default 10s'
complete -c swlock -n '__swlock_command transfer' -l settle -x -d 'how long other programs than swlock may need from a look at the lock to its removal; default 2s'
complete -c swlock -n '__swlock_command transfer' -l retry-errno -x -a 'EACCES EAGAIN EBADF EBUSY ECOMM ECONNABORTED ECONNREFUSED ECONNRESET EHOSTDOWN EHOSTUNREACH EINVAL EIO ELOOP EMFILE ENETDOWN ENETRESET ENETUNREACH ENFILE ENOBUFS ENODEV ENOENT ENOLCK ENOLINK ENOMEM ENOTCONN ENOTDIR ENXIO EPERM EPIPE EPROTO EREMOTEIO ESHUTDOWN ESTALE ETIME ETIMEDOUT' -d 'an error of reading the lock that is waited out, such as EIO; may be repeated'
complete -c swlock -n '__swlock_command transfer' -s m -l mode -x -a 'flock posix ofd flock+ofd hardlink auto etcd' -d 'kind of lock: hardlink (default), the only one with a lifetime'
complete -c swlock -n '__swlock_command transfer' -l owner -x -a '(__swlock_processes)' -d 'the process that holds the lock, or none; default: the calling script'
complete -c swlock -n '__swlock_command transfer' -l to -x -a '(__swlock_processes)' -d 'the process that is to hold the lock, or none'
complete -c swlock -n '__swlock_command transfer' -s h -l help -d 'show help: as a letter on one screen, as a word all of it'
complete -c swlock -n '__swlock_command transfer' -s V -l version -d 'show the version'
complete -c swlock -n '__swlock_command wait' -F
complete -c swlock -n '__swlock_command wait' -a '(__swlock_locks)'
complete -c swlock -n '__swlock_command wait' -s n -l nonblock -d 'do not wait: only look'
complete -c swlock -n '__swlock_command wait' -s w -l timeout -x -d 'wait for the lock at most that long; 0 is --nonblock'
complete -c swlock -n '__swlock_command wait' -s E -l conflict-exit-code -x -d 'exit status when the lock is busy or not free in time, 0 to 255; default 75'
complete -c swlock -n '__swlock_command wait' -l sidecar -a 'portage' -d 'lock .NAME.swlock beside PATH instead of PATH itself; with =portage, .NAME.portage_lockfile'
complete -c swlock -n '__swlock_command wait' -s q -l quiet -d 'say nothing while waiting, nor when the lock is busy or not free in time; other errors are said'
complete -c swlock -n '__swlock_command wait' -s v -l verbose -d 'say on standard error what is done, and why'
complete -c swlock -n '__swlock_command wait' -l progress -d 'say after a second of waiting who has the lock, also where standard error is no terminal'
complete -c swlock -n '__swlock_command wait' -l message -x -d 'say TEXT instead while waiting'
complete -c swlock -n '__swlock_command wait' -l clock-slop -x -d 'how long after its lifetime a lock is still respected; default 10s'
complete -c swlock -n '__swlock_command wait' -s m -l mode -x -a 'flock posix ofd flock+ofd hardlink auto etcd' -d 'wait only until nobody keeps a lock of this kind away; default, and auto: of any kind'
complete -c swlock -n '__swlock_command wait' -l range -x -d 'with --mode posix or ofd, count only locks of these bytes; without LENGTH or with 0, to the end'
complete -c swlock -n '__swlock_command wait' -l gone -d 'wait until there is no file at PATH, for locks that are held as long as their file is there'
complete -c swlock -n '__swlock_command wait' -l style -x -a 'flufl portage' -d 'look only for locks with a claim that have this style: flufl or portage; default: both'
complete -c swlock -n '__swlock_command wait' -s h -l help -d 'show help: as a letter on one screen, as a word all of it'
complete -c swlock -n '__swlock_command wait' -s V -l version -d 'show the version'
complete -c swlock -n '__swlock_command status' -F
complete -c swlock -n '__swlock_command status' -a '(__swlock_locks)'
complete -c swlock -n '__swlock_command status' -l sidecar -a 'portage' -d 'lock .NAME.swlock beside PATH instead of PATH itself; with =portage, .NAME.portage_lockfile'
complete -c swlock -n '__swlock_command status' -s v -l verbose -d 'say on standard error what is done, and why'
complete -c swlock -n '__swlock_command status' -l style -x -a 'flufl portage' -d 'whom the lock excludes: flufl.lock (flufl, the default) or portage'
complete -c swlock -n '__swlock_command status' -l clock-slop -x -d 'how long after its lifetime a lock is still respected; default 10s'
complete -c swlock -n '__swlock_command status' -s m -l mode -x -a 'etcd' -d 'an engine, such as etcd, whose lock of that name is meant; without it, locks of all kinds on this machine'
complete -c swlock -n '__swlock_command status' -s q -l quiet -d 'show nothing: exit with 0 if every PATH is locked, with 1 if one is free'
complete -c swlock -n '__swlock_command status' -l json -d 'show one JSON object a lock, one line each'
complete -c swlock -n '__swlock_command status' -l watch -d 'go on, and look again each second, or each DURATION'
complete -c swlock -n '__swlock_command status' -l probe -d 'show which kinds of lock exclude each other in the folder PATH, by trying them there'
complete -c swlock -n '__swlock_command status' -s h -l help -d 'show help: as a letter on one screen, as a word all of it'
complete -c swlock -n '__swlock_command status' -s V -l version -d 'show the version'
complete -c swlock -n '__swlock_command break' -F
complete -c swlock -n '__swlock_command break' -a '(__swlock_locks)'
complete -c swlock -n '__swlock_command break' -l sidecar -a 'portage' -d 'lock .NAME.swlock beside PATH instead of PATH itself; with =portage, .NAME.portage_lockfile'
complete -c swlock -n '__swlock_command break' -s q -l quiet -d 'say nothing of a lock that is not held, or alive, nor what was removed; other errors are said'
complete -c swlock -n '__swlock_command break' -s v -l verbose -d 'say on standard error what is done, and why'
complete -c swlock -n '__swlock_command break' -l style -x -a 'flufl portage' -d 'whom the lock excludes: flufl.lock (flufl, the default) or portage'
complete -c swlock -n '__swlock_command break' -l clock-slop -x -d 'how long after its lifetime a lock is still respected; default 10s'
complete -c swlock -n '__swlock_command break' -l settle -x -d 'how long other programs than swlock may need from a look at the lock to its removal; default 2s'
complete -c swlock -n '__swlock_command break' -l retry-errno -x -a 'EACCES EAGAIN EBADF EBUSY ECOMM ECONNABORTED ECONNREFUSED ECONNRESET EHOSTDOWN EHOSTUNREACH EINVAL EIO ELOOP EMFILE ENETDOWN ENETRESET ENETUNREACH ENFILE ENOBUFS ENODEV ENOENT ENOLCK ENOLINK ENOMEM ENOTCONN ENOTDIR ENXIO EPERM EPIPE EPROTO EREMOTEIO ESHUTDOWN ESTALE ETIME ETIMEDOUT' -d 'an error of reading the lock that is waited out, such as EIO; may be repeated'
complete -c swlock -n '__swlock_command break' -s m -l mode -x -a 'etcd' -d 'an engine, such as etcd, whose lock of that name is meant; without it, locks of all kinds on this machine'
complete -c swlock -n '__swlock_command break' -l force -d 'break a lock whose owner is alive, too; that of an engine\'s is told to end first'
complete -c swlock -n '__swlock_command break' -l kill -a 'TERM KILL INT HUP QUIT USR1 USR2 ABRT ALRM' -d 'end the processes that hold a lock of the kernel\'s, or for which it is kept: with SIGTERM, or SIGNAL'
complete -c swlock -n '__swlock_command break' -l kill-after -x -d 'send SIGKILL that long after the signal of --kill; default 10s'
complete -c swlock -n '__swlock_command break' -l strangers -d 'with --kill, also end those who were only handed the lock\'s descriptor'
complete -c swlock -n '__swlock_command break' -s h -l help -d 'show help: as a letter on one screen, as a word all of it'
complete -c swlock -n '__swlock_command break' -s V -l version -d 'show the version'
complete -c swlock -n '__swlock_command cleanup' -F
complete -c swlock -n '__swlock_command cleanup' -l sidecar -a 'portage' -d 'lock .NAME.swlock beside PATH instead of PATH itself; with =portage, .NAME.portage_lockfile'
complete -c swlock -n '__swlock_command cleanup' -s q -l quiet -d 'say nothing of a lock that is not held, or alive, nor what was removed; other errors are said'
complete -c swlock -n '__swlock_command cleanup' -s v -l verbose -d 'say on standard error what is done, and why'
complete -c swlock -n '__swlock_command cleanup' -l style -x -a 'flufl portage' -d 'whom the lock excludes: flufl.lock (flufl, the default) or portage'
complete -c swlock -n '__swlock_command cleanup' -l clock-slop -x -d 'how long after its lifetime a lock is still respected; default 10s'
complete -c swlock -n '__swlock_command cleanup' -l settle -x -d 'how long other programs than swlock may need from a look at the lock to its removal; default 2s'
complete -c swlock -n '__swlock_command cleanup' -l retry-errno -x -a 'EACCES EAGAIN EBADF EBUSY ECOMM ECONNABORTED ECONNREFUSED ECONNRESET EHOSTDOWN EHOSTUNREACH EINVAL EIO ELOOP EMFILE ENETDOWN ENETRESET ENETUNREACH ENFILE ENOBUFS ENODEV ENOENT ENOLCK ENOLINK ENOMEM ENOTCONN ENOTDIR ENXIO EPERM EPIPE EPROTO EREMOTEIO ESHUTDOWN ESTALE ETIME ETIMEDOUT' -d 'an error of reading the lock that is waited out, such as EIO; may be repeated'
complete -c swlock -n '__swlock_command cleanup' -s m -l mode -x -a 'etcd' -d 'an engine, such as etcd, whose lock of that name is meant; without it, locks of all kinds on this machine'
complete -c swlock -n '__swlock_command cleanup' -l dry-run -d 'only show what would be removed'
complete -c swlock -n '__swlock_command cleanup' -l all -d 'remove live locks as well; asks on a terminal, and needs --force elsewhere'
complete -c swlock -n '__swlock_command cleanup' -l force -d 'do not ask'
complete -c swlock -n '__swlock_command cleanup' -l unused -d 'remove lock files as well that nobody has open and that are empty; in a folder, .NAME.swlock'
complete -c swlock -n '__swlock_command cleanup' -l older-than -x -d 'leave alone what was changed later than that long ago'
complete -c swlock -n '__swlock_command cleanup' -l json -d 'show one JSON object a file, one line each'
complete -c swlock -n '__swlock_command cleanup' -s h -l help -d 'show help: as a letter on one screen, as a word all of it'
complete -c swlock -n '__swlock_command cleanup' -s V -l version -d 'show the version'
complete -c swlock -n '__swlock_command as -eq' -s h -l help -d 'show help: as a letter on one screen, as a word all of it'
complete -c swlock -n '__swlock_command as -eq' -s V -l version -d 'show the version'
complete -c swlock -n '__swlock_command version' -s h -l help -d 'show help: as a letter on one screen, as a word all of it'
complete -c swlock -n '__swlock_command version' -s V -l version -d 'show the version'
