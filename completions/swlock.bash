# shellcheck shell=bash
# Made by swlock-docs: run make docs.

# Offers those of the words "$@" that begin with $current.
_swlock_offer() {
  local word
  for word; do
    [[ $word == "$current"* ]] && COMPREPLY+=("$word")
  done
}

# Offers the user's processes (root: all).
_swlock_processes() {
  local process
  for process in /proc/[0-9]*; do
    [[ $EUID -eq 0 || -O $process ]] && _swlock_offer "${process#/proc/}"
  done
}

# Leaves it to readline to offer files.
_swlock_files() {
  compopt -o default -o bashdefault -o filenames
}

# Offers files; where nothing is typed yet, those that somebody has locked, too.
_swlock_locks() {
  _swlock_files
  [[ -z $current ]] || return
  mapfile -t COMPREPLY < <(command swlock status --json 2>/dev/null |
    sed -n 's/^{"path":"\([^"\\]*\)".*/\1/p')
  # What is offered takes the place of readline's files.
  [[ ${#COMPREPLY[@]} -eq 0 ]] || mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f)
}

# Completes the command line that begins with word $1 as its command wants.
_swlock_command() {
  if declare -F _comp_command_offset >/dev/null; then
    _comp_command_offset "$1"
  elif declare -F _command_offset >/dev/null; then
    _command_offset "$1"
  else
    _swlock_files
  fi
}

# Completes the command line of a program that swlock stands for.
_swlock_as() {
  local index word last='' path=''
  for ((index = 3; index < ${#words[@]} - 1; index++)); do
    word=${words[index]}
    if [[ -n $last ]]; then
      last=''
    elif [[ $word == -- && ${words[2]} == lockrun || $word != -?* && -n $path ]]; then
      [[ $word == -- ]] && index=$((index + 1))
      _swlock_command "${starts[index]}"
      return
    elif [[ $word == -?* ]]; then
      case ${words[2]}:$word in
        flock:-w | flock:--timeout | flock:--wait | flock:-E | flock:--conflict-exit-code | flock:--start | flock:--length | flock:--fd | flock:-c | flock:--command | lockrun:-L | lockrun:--lockfile | lockrun:-S | lockrun:--sleep | lockrun:-R | lockrun:--retries | lockrun:-T | lockrun:--maxtime) last=$word ;;
      esac
    else
      path=1
    fi
  done
  if [[ -n $last ]]; then
    _swlock_files
  elif [[ $current == -* ]]; then
    case ${words[2]} in
      flock) _swlock_offer -s --shared -x --exclusive -e -u --unlock -n --nonblocking --nb -w --timeout --wait -E --conflict-exit-code -o --close -F --no-fork --verbose --fcntl --start --length --fd -h --help -V --version -c --command ;;
      lockrun) _swlock_offer -L --lockfile -W --wait -S --sleep -R --retries -T --maxtime -V --verbose -q --quiet -I --idempotent --help --version ;;
    esac
  elif [[ -n $path ]]; then
    _swlock_command "${starts[-1]}"
  else
    _swlock_files
  fi
}

# Sets $option to the name of the option that the word after $1 belongs to; fails if there is none.
_swlock_awaits() {
  case $1 in
    --mode | --timeout | --conflict-exit-code | --range | --perm | --group | --message | --also | --also-shared | --slots | --lifetime | --style | --clock-slop | --poll | --settle | --retry-errno | --command | --leftovers | --max-runtime | --kill-after | --record | --chdir | --umask | --env | --unset | --argv0 | --user | --groups | --fd | --stdin | --path-lookup | --nice | --ionice | --rlimit | --cgroup | --unshare | --propagation | --on-exit | --log | --log-filter | --on-loss | --owner | --to | --older-than) option=$1 ;;
    --*) return 1 ;;
    *) [[ $1 =~ ^-[^mwEc]*([mwEc])$ ]] && option=-${BASH_REMATCH[1]} ;;
  esac
}

# Completes the value of option $1.
_swlock_value() {
  case ${words[1]}:$1 in
    run:-m | run:--mode | acquire:-m | acquire:--mode) _swlock_offer flock posix ofd flock+ofd hardlink auto etcd ;;
    *:--group) mapfile -t COMPREPLY < <(compgen -g -- "$current") ;;
    *:--sidecar) _swlock_offer portage ;;
    *:--also) _swlock_files ;;
    *:--also-shared) _swlock_files ;;
    *:--replace) _swlock_offer waiting ;;
    *:--style) _swlock_offer flufl portage ;;
    *:--retry-errno) _swlock_offer EACCES EAGAIN EBADF EBUSY ECOMM ECONNABORTED ECONNREFUSED ECONNRESET EHOSTDOWN EHOSTUNREACH EINVAL EIO ELOOP EMFILE ENETDOWN ENETRESET ENETUNREACH ENFILE ENOBUFS ENODEV ENOENT ENOLCK ENOLINK ENOMEM ENOTCONN ENOTDIR ENXIO EPERM EPIPE EPROTO EREMOTEIO ESHUTDOWN ESTALE ETIME ETIMEDOUT ;;
    *:--leftovers) _swlock_offer keep wait kill release ;;
    *:--record) _swlock_files ;;
    *:--chdir) compopt -o dirnames ;;
    *:--unset) mapfile -t COMPREPLY < <(compgen -e -- "$current") ;;
    *:--user) mapfile -t COMPREPLY < <(compgen -u -- "$current") ;;
    *:--groups) mapfile -t COMPREPLY < <(compgen -g -- "$current") ;;
    *:--stdin) _swlock_offer null ;;
    *:--path-lookup) _swlock_offer yes no ;;
    *:--fakeroot) _swlock_files ;;
    *:--ionice) _swlock_offer realtime best-effort idle ;;
    *:--rlimit) compopt -o nospace; _swlock_offer cpu= fsize= data= stack= core= rss= nproc= nofile= memlock= as= locks= sigpending= msgqueue= nice= rtprio= rttime= ;;
    *:--cgroup) compopt -o dirnames ;;
    *:--propagation) _swlock_offer slave private ;;
    *:--sync) _swlock_files ;;
    *:--log) _swlock_files ;;
    release:-m | release:--mode) _swlock_offer flock posix ofd flock+ofd hardlink auto etcd ;;
    refresh:-m | refresh:--mode | transfer:-m | transfer:--mode) _swlock_offer flock posix ofd flock+ofd hardlink auto etcd ;;
    wait:-m | wait:--mode) _swlock_offer flock posix ofd flock+ofd hardlink auto etcd ;;
    status:-m | status:--mode | break:-m | break:--mode | cleanup:-m | cleanup:--mode) _swlock_offer etcd ;;
    *:--on-loss) _swlock_offer term none ;;
    acquire:--fd | release:--fd) mapfile -t COMPREPLY < <(compgen -W "$(command ls "/proc/$$/fd")" -- "$current") ;;
    *:--owner) _swlock_offer none; _swlock_processes ;;
    *:--to) _swlock_offer none; _swlock_processes ;;
    *:--kill) _swlock_offer TERM KILL INT HUP QUIT USR1 USR2 ABRT ALRM ;;
  esac
}

_swlock() {
  local -a words=() starts=() options=()
  local current word option prefix='' raw=${COMP_WORDS[COMP_CWORD]} index=0 operands=0 literal=''
  COMPREPLY=()

  # Readline makes words of their own of = and :, and of what follows.
  while [[ $index -le $COMP_CWORD ]]; do
    starts+=("$index")
    word=${COMP_WORDS[index]}
    while [[ $index -lt $COMP_CWORD && $word${COMP_WORDS[index + 1]} == *[=:] ||
      $index -lt $COMP_CWORD && $word == ?*[=:] ]]; do
      index=$((index + 1))
      word+=${COMP_WORDS[index]}
    done
    words+=("$word")
    index=$((index + 1))
  done
  current=${words[-1]}
  [[ $raw == [=:]* ]] && raw=''

  if [[ ${#words[@]} -le 2 ]]; then
    _swlock_offer run acquire release refresh transfer wait status break cleanup as help version --help --version
    return
  fi
  case ${words[1]} in
    run) options=(-m --mode -s --shared -x --exclusive -n --nonblock -w --timeout -E --conflict-exit-code --range --perm --group --no-create --unlink --sidecar -q --quiet -v --verbose --progress --message --reentrant --also --also-shared --queue --slots --replace --lifetime --style --clock-slop --poll --settle --retry-errno -c --command -F --no-fork -o --close --leftovers --max-runtime --kill-after --record --chdir --umask --env --unset --clear-env --argv0 --user --keep-env --groups --fd --stdin --close-fds --path-lookup --shell --trace --sandbox --fakeroot --nice --ionice --rlimit --cgroup --cgroup-new --unshare --unshare-optional --propagation --on-exit --sync --warn-large-env --log --log-only --log-filter --log-timestamps --pty -h --help -V --version) ;;
    acquire) options=(-m --mode -s --shared -x --exclusive -n --nonblock -w --timeout -E --conflict-exit-code --range --perm --group --no-create --unlink --sidecar -q --quiet -v --verbose --progress --message --reentrant --queue --slots --lifetime --style --clock-slop --poll --settle --retry-errno --on-loss --fd --owner --take -h --help -V --version) ;;
    release) options=(--sidecar -q --quiet -v --verbose --style --clock-slop --settle --retry-errno -m --mode --fd --owner --any -h --help -V --version) ;;
    refresh) options=(--sidecar -q --quiet -v --verbose --lifetime --style --clock-slop --settle --retry-errno -m --mode --owner -h --help -V --version) ;;
    transfer) options=(--sidecar -q --quiet -v --verbose --lifetime --style --clock-slop --settle --retry-errno -m --mode --owner --to -h --help -V --version) ;;
    wait) options=(-n --nonblock -w --timeout -E --conflict-exit-code --sidecar -q --quiet -v --verbose --progress --message --clock-slop -m --mode --range --gone --style -h --help -V --version) ;;
    status) options=(--sidecar -v --verbose --style --clock-slop -m --mode -q --quiet --json --watch --probe -h --help -V --version) ;;
    break) options=(--sidecar -q --quiet -v --verbose --style --clock-slop --settle --retry-errno -m --mode --force --kill --kill-after --strangers -h --help -V --version) ;;
    cleanup) options=(--sidecar -q --quiet -v --verbose --style --clock-slop --settle --retry-errno -m --mode --dry-run --all --force --unused --older-than --json -h --help -V --version) ;;
    version) options=(-h --help -V --version) ;;
    help)
      [[ ${#words[@]} -eq 3 ]] && _swlock_offer run acquire release refresh transfer wait status break cleanup as help version modes exit durations json
      return
      ;;
    as)
      if [[ ${#words[@]} -eq 3 ]]; then
        _swlock_offer flock lockrun -h --help -V --version
      else
        _swlock_as
      fi
      return
      ;;
    *) return ;;
  esac

  option=''
  for ((index = 2; index < ${#words[@]} - 1; index++)); do
    word=${words[index]}
    if [[ -n $option ]]; then
      option=''
    elif [[ $word == -- && -z $literal ]]; then
      literal=1
    elif [[ -n $literal || $word != -?* ]]; then
      operands=$((operands + 1))
    elif _swlock_awaits "$word"; then
      continue
    fi
    if [[ ${words[1]} == run && ($operands -eq 2 || $operands -eq 1 && $word == --) ]]; then
      [[ $word == -- ]] && index=$((index + 1))
      _swlock_command "${starts[index]}"
      return
    fi
  done

  if [[ -n $option ]]; then
    _swlock_value "$option"
  elif [[ -z $literal && $current == --*=* ]]; then
    prefix=${current%%=*}=
    option=${current%%=*} current=${current#*=}
    _swlock_value "$option"
    COMPREPLY=("${COMPREPLY[@]/#/"$prefix"}")
    current=$prefix$current
  elif [[ -z $literal && $current == -* ]]; then
    _swlock_offer "${options[@]}"
  else
    case ${words[1]} in
      run) if [[ $operands -eq 0 ]]; then _swlock_files; else _swlock_command "${starts[-1]}"; fi ;;
      release | wait | status | break) _swlock_locks ;;
      acquire | refresh | transfer | cleanup) _swlock_files ;;
    esac
  fi
  # Readline has what is before the last = or : already.
  COMPREPLY=("${COMPREPLY[@]#"${current%"$raw"}"}")
}

complete -F _swlock swlock
