import CommandLine

/// completions/_swlock, for zsh's compsys.
enum ZshCompletion {
  static func text() -> String {
    """
    #compdef swlock
    # Made by swlock-docs: run make docs.

    # The user's processes (root: all), with their names, and none.
    _swlock_owners() {
      local -a processes
      local folder name
      for folder in /proc/<->(N); do
        (( EUID == 0 )) || [[ -O $folder ]] || continue
        name=
        { read -r name <$folder/comm } 2>/dev/null
        processes+=("${folder#/proc/}:$name")
      done
      _alternative 'processes:process:{ _describe -V process processes }' 'words:no process:(none)'
    }

    # Files; where nothing is typed yet, those that somebody has locked, too.
    _swlock_locks() {
      local -a locks
      [[ -n $PREFIX ]] || locks=(${(f)"$(command swlock status --json 2>/dev/null |
        sed -n 's/^{"path":"\\([^"\\]*\\)".*/\\1/p')"})
      _alternative 'locks:locked file:compadd -f -a locks' 'files:file:_files'
    }

    # The command line of a program that swlock stands for.
    _swlock_as() {
      local first=${words[(I)--]}
      case $words[1] in
        flock)
          _arguments -s -S \\
            \(Personality.flock.options.flatMap(specifications).joined(separator: " \\\n        ")) \\
            '1:lock file:_files' '(-)2:command:_command_names -e' \\
            \(words)
          ;;
        lockrun)
          if (( first && first < CURRENT )); then
            shift $first words
            (( CURRENT -= first ))
            _normal
          else
            _arguments -s \\
              \(Personality.lockrun.options.flatMap(specifications).joined(separator: " \\\n          "))
          fi
          ;;
      esac
    }

    _swlock() {
      local -a subcommands topics
      local context state state_descr line
      typeset -A opt_args
      subcommands=(
    \(Subcommand.allCases.map { "    '\($0.name):\(quoted("\($0.summary)"))'" }
      .joined(separator: "\n"))
      )
      topics=(
    \(HelpTopic.allCases.map { "    '\($0.name):\(quoted("\($0.summary)"))'" }.joined(separator: "\n"))
      )
      _arguments -C \\
        '(- *)'{-h,--help}'[show help]' \\
        '(- *)'{-V,--version}'[show the version]' \\
        '1:command:->command' '*::argument:->argument' && return
      case $state in
        command) _describe command subcommands ;;
        argument)
          case $words[1] in
            help) (( CURRENT == 2 )) && _describe command subcommands -- topics ;;
    \(Subcommand.allCases.filter { $0 != .help }.map(arguments(of:)).joined(separator: "\n"))
          esac
          ;;
      esac
    }

    _swlock "$@"

    """
  }

  private static func arguments(of subcommand: Subcommand) -> String {
    var lines = options(of: subcommand).map(specification)
    switch subcommand.operands {
    case .none: break
    case .path: lines.append("'1:lock file:\(files(subcommand))'")
    case .paths: lines.append("'*:lock file:\(files(subcommand))'")
    case .pathAndCommand:
      lines += ["'1:lock file:_files'", "'(-)2:command:_command_names -e'", words]
    }
    if subcommand == .as {
      lines += ["'(-)1:program:(\(personalities))'", "'*::argument:_swlock_as'"]
    }
    return """
              \(subcommand.name))
                _arguments -s -S \\
                  \(lines.joined(separator: " \\\n              "))
                ;;
      """
  }

  private static func files(_ subcommand: Subcommand) -> String {
    subcommand.wantsHeldLock ? "_swlock_locks" : "_files"
  }

  /// Completes what follows as a command line of its own; a `--` in front of it is not part of it.
  private static let words =
    "'*::argument:{ shift words; (( CURRENT-- )); while [[ $words[1] == -- ]];"
    + " do shift words; (( CURRENT-- )); done; _normal }'"

  private static func specification(_ option: OptionSpecification) -> String {
    let summary = "[\(quoted("\(option.summary)"))]"
    // =- is for a value in the same word only.
    let long =
      "--\(option.name)" + (option.value.isOptional ? "=-" : option.takesValue ? "=" : "")
    var value = ""
    if option.takesValue {
      let placeholder = option.placeholder.lowercased().filter { $0.isLetter }
      value = ":\(option.value.isOptional ? ":" : "")\(placeholder):\(action(option))"
    }
    let again = option.repeats ? "*" : ""
    guard let letter = option.letter else { return "'\(again)\(long)\(summary)\(value)'" }
    let short = option.takesValue ? "-\(letter)+" : "-\(letter)"
    return "'(-\(letter) --\(option.name))'{\(short),\(long)}'\(summary)\(value)'"
  }

  private static func specifications(_ option: ForeignOption) -> [String] {
    let text = quoted("\(option.summary)")
    let summary = text.isEmpty ? "" : "[\(text)]"
    let value = option.takesValue ? ":value:_files" : ""
    let letter = option.short == 0 ? nil : String(UnicodeScalar(option.short))
    let long = "\(option.long)"
    let names =
      (letter.map { ["-\($0)" + (option.takesValue ? "+" : "")] } ?? [])
      + (long.isEmpty ? [] : ["--\(long)" + (option.takesValue ? "=" : "")])
    return names.map { "'\($0)\(summary)\(value)'" }
  }

  private static func action(_ option: OptionSpecification) -> String {
    switch option.candidates {
    case .nothing: " "
    case .words(let words): "(\(words.joined(separator: " ")))"
    case .names(let words): "compadd -S= - \(words.joined(separator: " "))"
    case .files: "_files"
    case .folders: "_path_files -/"
    case .users: "_users"
    case .groups: "_groups"
    case .variables: #"_parameters -g "*export*""#
    case .owners: "_swlock_owners"
    case .descriptors: "($(command ls /proc/$$/fd))"
    }
  }

  /// Within single quotes, and within the brackets of _arguments.
  private static func quoted(_ text: String) -> String {
    text.replacing("'", with: "'\\''").replacing("[", with: "\\[").replacing("]", with: "\\]")
      .replacing(":", with: "\\:")
  }
}
