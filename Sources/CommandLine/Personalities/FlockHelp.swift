internal import SystemInterface

/// What `flock --help` shows.
enum FlockHelp {
  private static let summaryColumn = 32

  static func text() -> Message {
    var text: Message = """

      Usage:
       flock [options] <file>|<directory> <command> [<argument>...]
       flock [options] <file>|<directory> -c <command>
       flock [options] --fd <number> <command> [<argument>...]
       flock [options] --fd <number> -c <command>
       flock [options] <file descriptor number>

      Locks a file, or a descriptor of the shell that calls it.

      Options:

      """
    for option in FlockOption.all where !option.summary.isEmpty {
      Help.append(left: heading(option), option.summary, column: summaryColumn, to: &text)
      if option.identity == .close {
        Help.append(
          left: " -c, --command <STRING>",
          "run a string through $SHELL",
          column: summaryColumn, to: &text)
      }
    }
    text.append(
      """

      This is swlock in the place of flock(1): see swlock(1).

      """)
    return text
  }

  private static func heading(_ option: FlockOption) -> Message {
    var heading: Message = "    "
    if option.short != 0 {
      heading = " -"
      heading.append(byte: option.short)
      heading.append(",")
    }
    heading.append(" --\(option.long)")
    if !option.placeholder.isEmpty { heading.append(" <\(option.placeholder)>") }
    return heading
  }
}
