import CommandLine

/// completions/swlock.fish.
enum FishCompletion {
  static func text() -> String {
    var lines = [functions]
    let first = "complete -c swlock -n __fish_use_subcommand"
    lines.append("\(first) -s h -l help -d 'show help'")
    lines.append("\(first) -s V -l version -d 'show the version'")
    for subcommand in Subcommand.allCases {
      lines.append("\(first) -a \(subcommand.name) -d \(quoted("\(subcommand.summary)"))")
    }
    let names = Subcommand.allCases.map { "\($0.name)" }.joined(separator: " ")
    lines.append("complete -c swlock -n '__swlock_command help -eq' -a '\(names) \(helpTopics)'")
    lines.append("complete -c swlock -n '__swlock_command as -eq' -a '\(personalities)'")
    lines.append(
      "complete -c swlock -n '__swlock_command as -gt' -F -a '(__swlock_complete_as)'")
    for program in Personality.allCases {
      lines += program.options.map { line($0, "-n '__swlock_as \(program.name)'") }
    }
    for subcommand in Subcommand.allCases where subcommand != .help {
      var seen = "-n '__swlock_command \(subcommand.name)'"
      switch subcommand.operands {
      case _ where subcommand == .as: seen = "-n '__swlock_command as -eq'"
      case .none: break
      case .path, .paths:
        lines.append("complete -c swlock \(seen) -F")
        if subcommand.wantsHeldLock {
          lines.append("complete -c swlock \(seen) -a '(__swlock_locks)'")
        }
      case .pathAndCommand:
        seen = "-n '__swlock_run options'"
        lines += [
          "complete -c swlock -n '__swlock_run path' -F",
          "complete -c swlock -n '__swlock_run command' -x -a '(__swlock_complete_command)'",
        ]
      }
      for option in options(of: subcommand) { lines.append(line(option, seen)) }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static var functions: String {
    let awaiting = optionsWithValue { !$0.value.isOptional }
    let letters = awaiting.compactMap(\.letter).joined()
    return #"""
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
          else if string match -qr -- '^(\#(awaiting.map { "--\($0.name)" }.joined(separator: "|"))|-[^-\#(letters)]*[\#(letters)])$' "$word"
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
          else if string match -qr -- '^(\#(foreignNames.joined(separator: "|")))$' "$word"
            set awaits 1
          end
        end
        test $awaits -eq 1; or test $path -eq 0; and return
        set __swlock_first (math (count $words) + 1)
        return 1
      end

      # Completes the command of the program that swlock stands for.
      function __swlock_complete_as
        for program in \#(personalities)
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
      """#
  }

  private static func line(_ option: OptionSpecification, _ condition: String) -> String {
    var line = "complete -c swlock \(condition)"
    if let letter = option.letter { line += " -s \(letter)" }
    line += " -l \(option.name)"
    // -x is -r, and no files.
    if option.takesValue && !option.value.isOptional {
      line += option.candidates == .files ? " -r" : " -x"
    }
    switch option.candidates {
    case .nothing: break
    case .words(let words): line += " -a '\(words.joined(separator: " "))'"
    case .names(let words): line += " -a '\(words.map { $0 + "=" }.joined(separator: " "))'"
    case .files: line += " -F"
    case .folders: line += " -a '(__fish_complete_directories)'"
    case .users: line += " -a '(__fish_complete_users)'"
    case .groups: line += " -a '(__fish_complete_groups)'"
    case .variables: line += " -a '(set -nx)'"
    case .owners: line += " -a '(__swlock_processes)'"
    case .descriptors: line += " -a '(command ls /proc/$fish_pid/fd)'"
    }
    return line + " -d \(quoted("\(option.summary)"))"
  }

  /// Of those that take a value.
  private static var foreignNames: [String] {
    Personality.allCases.flatMap(\.options).filter(\.takesValue).flatMap { option in
      (option.short == 0 ? [] : ["-\(UnicodeScalar(option.short))"]) + ["--\(option.long)"]
    }
  }

  private static func line(_ option: ForeignOption, _ condition: String) -> String {
    var line = "complete -c swlock \(condition)"
    if option.short != 0 { line += " -s \(UnicodeScalar(option.short))" }
    let long = "\(option.long)"
    if !long.isEmpty { line += " -l \(long)" }
    if option.takesValue { line += " -r" }
    return line + " -d \(quoted("\(option.summary)"))"
  }

  private static func quoted(_ text: String) -> String {
    "'" + text.replacing("\\", with: "\\\\").replacing("'", with: "\\'") + "'"
  }
}
