import CommandLine

/// completions/swlock.bash, for bash-completion.
enum BashCompletion {
  static func text() -> String {
    let commands = Subcommand.allCases.map { "\($0.name)" }.joined(separator: " ")
    return #"""
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
              \#(Personality.allCases.map(valuePattern).joined(separator: " | "))) last=$word ;;
            esac
          else
            path=1
          fi
        done
        if [[ -n $last ]]; then
          _swlock_files
        elif [[ $current == -* ]]; then
          case ${words[2]} in
      \#(Personality.allCases.map(foreignOptions).joined(separator: "\n"))
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
          \#(required.map { "--\($0.name)" }.joined(separator: " | "))) option=$1 ;;
          --*) return 1 ;;
          *) [[ $1 =~ ^-[^\#(letters)]*([\#(letters)])$ ]] && option=-${BASH_REMATCH[1]} ;;
        esac
      }

      # Completes the value of option $1.
      _swlock_value() {
        case ${words[1]}:$1 in
      \#(valueCases())
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
          _swlock_offer \#(commands) --help --version
          return
        fi
        case ${words[1]} in
      \#(optionCases())
          help)
            [[ ${#words[@]} -eq 3 ]] && _swlock_offer \#(commands) \#(helpTopics)
            return
            ;;
          as)
            if [[ ${#words[@]} -eq 3 ]]; then
              _swlock_offer \#(personalities) \#(names(of: .as))
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
            \#(held)) _swlock_locks ;;
            \#(plain)) _swlock_files ;;
          esac
        fi
        # Readline has what is before the last = or : already.
        COMPREPLY=("${COMPREPLY[@]#"${current%"$raw"}"}")
      }

      complete -F _swlock swlock

      """#
  }

  private static var required: [OptionSpecification] { optionsWithValue { !$0.value.isOptional } }

  /// The letters of the options with a value.
  private static var letters: String { required.compactMap(\.letter).joined() }

  private static var held: String { commands { $0.wantsHeldLock } }
  private static var plain: String { commands { $0 != .run && !$0.wantsHeldLock } }

  private static func commands(where condition: (Subcommand) -> Bool) -> String {
    Subcommand.allCases.filter { $0.operands != .none && condition($0) }.map { "\($0.name)" }
      .joined(separator: " | ")
  }

  private static func valueCases() -> String {
    var done: Set<String> = []
    return optionTable.compactMap { option in
      guard let action = action(option.candidates) else { return nil }
      // A name with several meanings goes by its commands.
      let others = optionTable.filter { $0.name == option.name && $0.takesValue }
      let commands =
        others.allSatisfy { $0.candidates == option.candidates }
        ? ["*"] : Subcommand.allCases.filter { $0.takes(option) }.map { "\($0.name)" }
      let names = (option.letter.map { ["-\($0)"] } ?? []) + ["--\(option.name)"]
      let pattern = commands.flatMap { command in names.map { "\(command):\($0)" } }
        .joined(separator: " | ")
      return done.insert(pattern).inserted ? "    \(pattern)) \(action) ;;" : nil
    }.joined(separator: "\n")
  }

  /// Nil offers nothing.
  private static func action(_ candidates: Candidates) -> String? {
    let compgen = { (what: String) in
      "mapfile -t COMPREPLY < <(compgen \(what) -- \"$current\")"
    }
    return switch candidates {
    case .nothing: nil
    case .words(let words): "_swlock_offer \(words.joined(separator: " "))"
    case .names(let words):
      "compopt -o nospace; _swlock_offer \(words.map { $0 + "=" }.joined(separator: " "))"
    case .files: "_swlock_files"
    case .folders: "compopt -o dirnames"
    case .users: compgen("-u")
    case .groups: compgen("-g")
    case .variables: compgen("-e")
    case .owners: "_swlock_offer none; _swlock_processes"
    case .descriptors: compgen(#"-W "$(command ls "/proc/$$/fd")""#)
    }
  }

  private static func foreignNames(_ option: ForeignOption) -> [String] {
    let long = "\(option.long)"
    return (option.short == 0 ? [] : ["-\(UnicodeScalar(option.short))"])
      + (long.isEmpty ? [] : ["--\(long)"])
  }

  private static func valuePattern(_ program: Personality) -> String {
    program.options.filter(\.takesValue).flatMap(foreignNames).map { "\(program.name):\($0)" }
      .joined(separator: " | ")
  }

  private static func foreignOptions(_ program: Personality) -> String {
    let names = program.options.flatMap(foreignNames).joined(separator: " ")
    return "      \(program.name)) _swlock_offer \(names) ;;"
  }

  private static func optionCases() -> String {
    Subcommand.allCases.filter { $0 != .help && $0 != .as }.map { subcommand in
      "    \(subcommand.name)) options=(\(names(of: subcommand))) ;;"
    }.joined(separator: "\n")
  }

  private static func names(of subcommand: Subcommand) -> String {
    options(of: subcommand).flatMap { option in
      (option.letter.map { ["-\($0)"] } ?? []) + ["--\(option.name)"]
    }.joined(separator: " ")
  }
}
