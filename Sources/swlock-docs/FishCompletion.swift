import CommandLine

/// completions/swlock.fish.
enum FishCompletion {
  static func text() -> String {
    var lines = [
      "# Made by swlock-docs: run make docs.",
      "",
      "# Whether swlock's first word is $argv[1] and, if given, the number of words is $argv[2] 2.",
      "function __swlock_command",
      "  set -l words (commandline -opc)",
      "  set -q words[2]; and test \"$words[2]\" = \"$argv[1]\"; or return 1",
      "  if set -q argv[2]; test (count $words) \"$argv[2]\" 2; end",
      "end",
      "",
      "complete -c swlock -f",
      "complete -c swlock -n __fish_use_subcommand -s h -l help -d 'show help'",
      "complete -c swlock -n __fish_use_subcommand -s V -l version -d 'show the version'",
    ]
    for subcommand in Subcommand.allCases {
      lines.append(
        "complete -c swlock -n __fish_use_subcommand -a \(subcommand.name)"
          + " -d \(quoted("\(subcommand.summary)"))")
    }
    let names = Subcommand.allCases.map { "\($0.name)" }.joined(separator: " ")
    lines.append("complete -c swlock -n '__swlock_command help -eq' -a '\(names)'")
    for subcommand in Subcommand.allCases where subcommand != .help {
      var seen = "-n '__swlock_command \(subcommand.name)'"
      if subcommand.operands != .none { lines.append("complete -c swlock \(seen) -F") }
      if subcommand == .as {
        seen = "-n '__swlock_command as -eq'"
        lines.append("complete -c swlock \(seen) -a '\(personalities)'")
        lines.append(
          "complete -c swlock -n '__swlock_command as -gt' -x"
            + " -a '(__fish_complete_subcommand --fcs-skip=2)'")
      }
      for option in options(of: subcommand) { lines.append(line(option, seen)) }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func line(_ option: OptionSpecification, _ condition: String) -> String {
    var line = "complete -c swlock \(condition)"
    if let letter = option.letter { line += " -s \(letter)" }
    line += " -l \(option.name)"
    if option.takesValue && !option.value.isOptional { line += " -x" }
    switch option.value {
    case .group: line += " -a '(__fish_complete_groups)'"
    case _ where !option.choices.isEmpty && !option.value.isOptional:
      line += " -a '\(option.choices.joined(separator: " "))'"
    default: break
    }
    return line + " -d \(quoted("\(option.summary)"))"
  }

  private static func quoted(_ text: String) -> String {
    "'" + text.replacing("\\", with: "\\\\").replacing("'", with: "\\'") + "'"
  }
}
