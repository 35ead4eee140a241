# shellcheck shell=bash
# Made by swlock-docs: run make docs.

# Completes the word that belongs to option $1; fails if it takes none.
_swlock_value() {
  case $1 in
    -m | --mode) mapfile -t COMPREPLY < <(compgen -W "flock posix ofd hardlink auto" -- "$current") ;;
    -w | --timeout) : ;;
    -E | --conflict-exit-code) : ;;
    --range) : ;;
    --perm) : ;;
    --group) mapfile -t COMPREPLY < <(compgen -g -- "$current") ;;
    --message) : ;;
    --lifetime) : ;;
    --style) mapfile -t COMPREPLY < <(compgen -W "flufl portage" -- "$current") ;;
    --clock-slop) : ;;
    --poll) : ;;
    --settle) : ;;
    --retry-errno) mapfile -t COMPREPLY < <(compgen -W "EACCES EAGAIN EBADF EBUSY ECOMM ECONNABORTED ECONNREFUSED ECONNRESET EHOSTDOWN EHOSTUNREACH EINVAL EIO ELOOP EMFILE ENETDOWN ENETRESET ENETUNREACH ENFILE ENOBUFS ENODEV ENOENT ENOLCK ENOLINK ENOMEM ENOTCONN ENOTDIR ENXIO EPERM EPIPE EPROTO EREMOTEIO ESHUTDOWN ESTALE ETIME ETIMEDOUT" -- "$current") ;;
    -c | --command) : ;;
    --leftovers) mapfile -t COMPREPLY < <(compgen -W "keep wait kill release" -- "$current") ;;
    --max-runtime) : ;;
    --kill-after) : ;;
    --chdir) : ;;
    --umask) : ;;
    --env) : ;;
    --unset) : ;;
    --argv0) : ;;
    --user) : ;;
    --groups) : ;;
    --fd) : ;;
    --stdin) mapfile -t COMPREPLY < <(compgen -W "null" -- "$current") ;;
    --path-lookup) mapfile -t COMPREPLY < <(compgen -W "yes no" -- "$current") ;;
    --nice) : ;;
    --ionice) mapfile -t COMPREPLY < <(compgen -W "realtime best-effort idle" -- "$current") ;;
    --rlimit) : ;;
    --cgroup) : ;;
    --owner) : ;;
    --to) : ;;
    --older-than) : ;;
    *) return 1 ;;
  esac
}

_swlock() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local options index word paths=0
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 ]]; then
    mapfile -t COMPREPLY < <(compgen -W "run acquire release refresh transfer status break cleanup as help version --help --version" -- "$current")
    return
  fi
  case ${COMP_WORDS[1]} in
    help)
      mapfile -t COMPREPLY < <(compgen -W "run acquire release refresh transfer status break cleanup as help version" -- "$current")
      return
      ;;
    as)
      if [[ $COMP_CWORD -eq 2 ]]; then
        mapfile -t COMPREPLY < <(compgen -W "flock lockrun --help --version" -- "$current")
      else
        declare -F _command_offset >/dev/null && _command_offset 2
      fi
      return
      ;;
    run) options='-m --mode -s --shared -x --exclusive -n --nonblock -w --timeout -E --conflict-exit-code --range --perm --group --no-create --unlink --sidecar -q --quiet -v --verbose --progress --message --reentrant --lifetime --style --clock-slop --poll --settle --retry-errno -c --command -F --no-fork -o --close --leftovers --max-runtime --kill-after --chdir --umask --env --unset --clear-env --argv0 --user --groups --fd --stdin --close-fds --path-lookup --shell --trace --sandbox --fakeroot --nice --ionice --rlimit --cgroup --warn-large-env -h --help -V --version' ;;
    acquire) options='-m --mode -s --shared -x --exclusive -n --nonblock -w --timeout -E --conflict-exit-code --range --perm --group --no-create --unlink --sidecar -q --quiet -v --verbose --progress --message --reentrant --lifetime --style --clock-slop --poll --settle --retry-errno --fd --owner --take -h --help -V --version' ;;
    release) options='--sidecar -v --verbose --style --clock-slop --settle --retry-errno -m --mode --fd --owner --any -h --help -V --version' ;;
    refresh) options='--sidecar -v --verbose --lifetime --style --clock-slop --settle --retry-errno -m --mode --owner -h --help -V --version' ;;
    transfer) options='--sidecar -v --verbose --lifetime --style --clock-slop --settle --retry-errno -m --mode --owner --to -h --help -V --version' ;;
    status) options='--sidecar --style --clock-slop -q --quiet --json --watch -h --help -V --version' ;;
    break) options='--sidecar -v --verbose --style --clock-slop --settle --retry-errno --force --kill --kill-after -h --help -V --version' ;;
    cleanup) options='--sidecar --style --clock-slop --settle --retry-errno --dry-run --all --force --unused --older-than --json -h --help -V --version' ;;
    version) options='-h --help -V --version' ;;
    *) return ;;
  esac

  # Where the command's words begin they are completed as that command wants.
  index=2
  while [[ $index -lt $COMP_CWORD ]]; do
    word=${COMP_WORDS[index]}
    case $word in
      --) [[ $paths -gt 0 ]] && paths=2 ;;
      -m | --mode | -w | --timeout | -E | --conflict-exit-code | --range | --perm | --group | --message | --lifetime | --style | --clock-slop | --poll | --settle | --retry-errno | -c | --command | --leftovers | --max-runtime | --kill-after | --chdir | --umask | --env | --unset | --argv0 | --user | --groups | --fd | --stdin | --path-lookup | --nice | --ionice | --rlimit | --cgroup | --owner | --to | --older-than) index=$((index + 1)) ;;
      -*) ;;
      *) paths=$((paths + 1)) ;;
    esac
    if [[ $paths -ge 2 && ${COMP_WORDS[1]} == run ]]; then
      [[ $word == -- ]] && index=$((index + 1))
      declare -F _command_offset >/dev/null && _command_offset "$index"
      return
    fi
    index=$((index + 1))
  done

  _swlock_value "$previous" && return
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
  elif [[ $paths -eq 0 || ${COMP_WORDS[1]} != run ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  else
    mapfile -t COMPREPLY < <(compgen -c -- "$current")
  fi
}

complete -o bashdefault -o default -o filenames -F _swlock swlock
