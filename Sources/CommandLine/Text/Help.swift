internal import Locking

/// Help for people, made from the tables.
enum Help {
  private static let summaryColumn = 32
  private static let width = 80

  /// All there is to say of a command, or of swlock.
  static func text(_ topic: Subcommand?) -> Message {
    topic.map(text(of:)) ?? overview()
  }

  /// What people use of it, on a screen of 24 lines.
  static func summary(_ topic: Subcommand?) -> Message {
    guard let topic, topic.operands != .none else { return topic == .as ? text(topic) : summary() }
    var text: Message = "Usage:\n"
    for synopsis in topic.synopses { text.append("  \(synopsis)\n") }
    text.append("\n")
    for option in optionTable where option.isCommon && topic.takes(option) {
      append(left: heading(option), option.brief ?? option.summary, to: &text)
    }
    text.append(
      """

      All options: swlock \(topic.name) --help, or swlock-\(topic.name)(1).
      More: swlock help modes, exit, durations or json.

      """)
    return text
  }

  private static func summary() -> Message {
    var text: Message = """
      Runs commands under a lock, so that only one of them runs at a time:

        swlock run -n /run/job/lock -- COMMAND

      Commands:

      """
    appendCommands(to: &text)
    text.append(
      """

      'swlock COMMAND -h' shows what people use of one, --help everything.

      """)
    return text
  }

  private static func overview() -> Message {
    var text: Message = """
      Runs commands under a lock, so that only one of them runs at a time.

      Usage:

      """
    for subcommand in Subcommand.allCases {
      for synopsis in subcommand.synopses { text.append("  \(synopsis)\n") }
    }
    text.append("\nCommands:\n")
    appendCommands(to: &text)
    text.append("\nOther topics of help:\n")
    for topic in HelpTopic.allCases { append(left: "  \(topic.name)", topic.summary, to: &text) }
    text.append(
      """

      'swlock help COMMAND' lists a command's options; its page is swlock-COMMAND(1).

      """)
    return text
  }

  private static func appendCommands(to text: inout Message) {
    for subcommand in Subcommand.allCases {
      append(left: "  \(subcommand.name)", subcommand.summary, to: &text)
    }
  }

  private static func text(of subcommand: Subcommand) -> Message {
    var text: Message = "Usage:\n"
    for synopsis in subcommand.synopses { text.append("  \(synopsis)\n") }
    for section in OptionSection.all {
      let options = optionTable.filter { $0.section == section && subcommand.takes($0) }
      if options.isEmpty { continue }
      text.append("\n\(subcommand.title(section)):\n")
      for option in options { append(left: heading(option), option.summary, to: &text) }
    }
    if subcommand == .as {
      text.append(
        """

        Called so, or by that name, swlock is that program: 'swlock as flock --help'
        lists its options.

        """)
    }
    if subcommand.failures.isEmpty { return text }
    text.append(
      """

      DURATION is a number of seconds (10, 1.5) or has units: 250ms, 90s, 5min, 1h30m.

      """)
    text.append("\n")
    text.append(exitStatuses(subcommand.failures, of: subcommand))
    return text
  }

  static func exitStatuses(_ statuses: [ExitStatus], of subcommand: Subcommand?) -> Message {
    var text: Message
    switch subcommand {
    case nil:
      text = "Exit status: that of run's COMMAND, or 128+N if signal N ended it; otherwise\n"
    case .run: text = "Exit status: that of COMMAND, or 128+N when signal N ended it; otherwise\n"
    default: text = "Exit status: 0, or\n"
    }
    for status in statuses {
      append(left: "  \(status.rawValue)", status.summary, column: 8, to: &text)
    }
    return text
  }

  /// `  -w, --timeout DURATION`
  private static func heading(_ option: OptionSpecification) -> Message {
    var heading = Message("      --\(option.long)")
    if option.short != 0 {
      heading = "  -"
      heading.append(byte: option.short)
      heading.append(", --\(option.long)")
    }
    switch option.value {
    case .none: break
    case let value where value.isOptional:
      heading.append("[=\(option.value.placeholder)]")
    default: heading.append(" \(option.value.placeholder)")
    }
    return heading
  }

  /// `left`, and beside it `summary`, broken between words.
  static func append(
    left: Message, _ summary: Literal, column: Int = summaryColumn, to text: inout Message
  ) {
    var line = left
    if line.count > column - 2 {
      text.append("\(line)\n")
      line = Message()
    }
    line.append(spaces: column - line.count)
    let words = Message(literal: summary).bytes.split(separator: 0x20)
    for word in words {
      if line.count + word.count > width {
        text.append("\(line.trimmed)\n")
        line = Message()
        line.append(spaces: column)
      }
      for byte in word { line.append(byte: byte) }
      line.append(" ")
    }
    text.append("\(line.trimmed)\n")
  }
}

extension Message {
  /// Without the spaces at the end.
  fileprivate var trimmed: Message {
    var trimmed = Message()
    let end = (bytes.lastIndex { $0 != 0x20 }).map { $0 + 1 } ?? 0
    for byte in bytes[..<end] { trimmed.append(byte: byte) }
    return trimmed
  }
}
