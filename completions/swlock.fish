# Made by swlock-docs: run make docs.

# Whether swlock's first word is $argv[1] and, if given, the number of words is $argv[2] 2.
function __swlock_command
  set -l words (commandline -opc)
  set -q words[2]; and test "$words[2]" = "$argv[1]"; or return 1
  if set -q argv[2]; test (count $words) "$argv[2]" 2; end
end

complete -c swlock -f
complete -c swlock -n __fish_use_subcommand -s h -l help -d 'show help'
complete -c swlock -n __fish_use_subcommand -s V -l version -d 'show the version'
complete -c swlock -n __fish_use_subcommand -a run -d 'run a command while holding a lock'
complete -c swlock -n __fish_use_subcommand -a as -d 'be another lock program: flock(1) or lockrun'
complete -c swlock -n __fish_use_subcommand -a help -d 'show help, also of one command'
complete -c swlock -n __fish_use_subcommand -a version -d 'show the version'
complete -c swlock -n '__swlock_command help -eq' -a 'run as help version'
complete -c swlock -n '__swlock_command run' -F
complete -c swlock -n '__swlock_command run' -s m -l mode -x -a 'flock posix ofd auto' -d 'kind of lock: flock (default), posix (fcntl F_SETLK), ofd (fcntl F_OFD_SETLK), or auto: flock, once it is shown to exclude at PATH'
complete -c swlock -n '__swlock_command run' -s s -l shared -d 'share the lock with other shared holders'
complete -c swlock -n '__swlock_command run' -s x -l exclusive -d 'share it with nobody (default)'
complete -c swlock -n '__swlock_command run' -s n -l nonblock -d 'do not wait for the lock'
complete -c swlock -n '__swlock_command run' -s w -l timeout -x -d 'wait for the lock at most that long; 0 is --nonblock'
complete -c swlock -n '__swlock_command run' -s E -l conflict-exit-code -x -d 'exit status when the lock is busy or not free in time, 0 to 255; default 75'
complete -c swlock -n '__swlock_command run' -l range -x -d 'lock only these bytes, in the modes posix and ofd; without LENGTH or with 0, to the end'
complete -c swlock -n '__swlock_command run' -l perm -x -d 'octal permissions of a lock file that is created, whatever the umask; default 0600'
complete -c swlock -n '__swlock_command run' -l group -x -a '(__fish_complete_groups)' -d 'group of a lock file that is created'
complete -c swlock -n '__swlock_command run' -l no-create -d 'the lock file must exist'
complete -c swlock -n '__swlock_command run' -l unlink -d 'remove the lock file when releasing it, if it is empty and nobody else has locked it'
complete -c swlock -n '__swlock_command run' -l sidecar -d 'lock .NAME.swlock beside PATH instead of PATH itself; with =portage, .NAME.portage_lockfile'
complete -c swlock -n '__swlock_command run' -s v -l verbose -d 'say each step on standard error'
complete -c swlock -n '__swlock_command run' -s c -l command -x -d 'run $SHELL -c STRING (default /bin/sh) instead of COMMAND'
complete -c swlock -n '__swlock_command run' -s F -l no-fork -d 'take the lock, then become the command instead of starting it'
complete -c swlock -n '__swlock_command run' -s o -l close -d 'do not give the lock to the command: the same as --leftovers=release'
complete -c swlock -n '__swlock_command run' -l leftovers -x -a 'keep wait kill release' -d 'processes that outlive the command: keep the lock (default), wait for them, kill them, or release the lock without regard to them'
complete -c swlock -n '__swlock_command run' -l max-runtime -x -d 'after that long, send SIGTERM to the command\'s process group, and exit with 124'
complete -c swlock -n '__swlock_command run' -l kill-after -x -d 'send SIGKILL that long after SIGTERM; default 10s'
complete -c swlock -n '__swlock_command run' -s h -l help -d 'show this help'
complete -c swlock -n '__swlock_command run' -s V -l version -d 'show the version'
complete -c swlock -n '__swlock_command as -eq' -a 'flock lockrun'
complete -c swlock -n '__swlock_command as -gt' -x -a '(__fish_complete_subcommand --fcs-skip=2)'
complete -c swlock -n '__swlock_command as -eq' -s h -l help -d 'show this help'
complete -c swlock -n '__swlock_command as -eq' -s V -l version -d 'show the version'
complete -c swlock -n '__swlock_command version' -s h -l help -d 'show this help'
complete -c swlock -n '__swlock_command version' -s V -l version -d 'show the version'
