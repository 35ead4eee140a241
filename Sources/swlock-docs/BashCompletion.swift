import CommandLine

/// completions/swlock.bash, for bash-completion.
enum BashCompletion {
  static func text() -> String {
    let commands = Subcommand.allCases.map { "\($0.name)" }.joined(separator: " ")
    return """
      # shellcheck shell=bash
      # Made by swlock-docs: run make docs.

      # Completes the word that belongs to option $1; fails if it takes none.
      _swlock_value() {
        case $1 in
      \(valueCases())
          *) return 1 ;;
        esac
      }

      _swlock() {
        local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
        local options index word paths=0
        COMPREPLY=()
        if [[ $COMP_CWORD -eq 1 ]]; then
          mapfile -t COMPREPLY < <(compgen -W "\(commands) --help --version" -- "$current")
          return
        fi
        case ${COMP_WORDS[1]} in
          help)
            mapfile -t COMPREPLY < <(compgen -W "\(commands)" -- "$current")
            return
            ;;
          as)
            if [[ $COMP_CWORD -eq 2 ]]; then
              mapfile -t COMPREPLY < <(compgen -W "\(personalities) --help --version" -- "$current")
            else
              declare -F _command_offset >/dev/null && _command_offset 2
            fi
            return
            ;;
      \(optionCases())
          *) return ;;
        esac

        # Where the command's words begin they are completed as that command wants.
        index=2
        while [[ $index -lt $COMP_CWORD ]]; do
          word=${COMP_WORDS[index]}
          case $word in
            --) [[ $paths -gt 0 ]] && paths=2 ;;
      \(patternOfOptionsWithValue())) index=$((index + 1)) ;;
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

      """
  }

  private static func names(_ option: OptionSpecification) -> String {
    (option.letter.map { ["-\($0)"] } ?? []).joined() + (option.letter == nil ? "" : " | ")
      + "--\(option.name)"
  }

  private static func valueCases() -> String {
    optionsWithValue.map { option in
      let completion: String
      switch option.value {
      case .group: completion = "mapfile -t COMPREPLY < <(compgen -g -- \"$current\")"
      case _ where !option.choices.isEmpty:
        completion =
          "mapfile -t COMPREPLY < <(compgen -W \"\(option.choices.joined(separator: " "))\""
          + " -- \"$current\")"
      default: completion = ":"
      }
      return "    \(names(option))) \(completion) ;;"
    }.joined(separator: "\n")
  }

  private static func patternOfOptionsWithValue() -> String {
    "      "
      + optionsWithValue.map(names).joined(separator: " | ")
  }

  private static func optionCases() -> String {
    Subcommand.allCases.filter { $0 != .help && $0 != .as }.map { subcommand in
      let words = options(of: subcommand).flatMap { option in
        (option.letter.map { ["-\($0)"] } ?? []) + ["--\(option.name)"]
      }
      return "    \(subcommand.name)) options='\(words.joined(separator: " "))' ;;"
    }.joined(separator: "\n")
  }
}
