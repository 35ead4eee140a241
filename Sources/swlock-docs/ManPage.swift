import CommandLine

/// A page of the manual: the hand-written template, with its marks replaced by lists (mdoc(7)).
///
/// The first line of a template is its date. A page `swlock-run.1` is about the command `run`, and lists what that
/// takes; `swlock.1` and `swlock.7` are about all of them.
struct ManPage {
  let name: String
  private let section: Character
  private let subcommand: Subcommand?

  static let all: [ManPage] =
    [ManPage("swlock", "1", nil), ManPage("swlock", "7", nil)]
    + Subcommand.allCases.filter { $0 != .help && $0 != .version }
    .map { ManPage("swlock-\($0.name)", "1", $0) }

  private init(_ name: String, _ section: Character, _ subcommand: Subcommand?) {
    self.name = name
    self.section = section
    self.subcommand = subcommand
  }

  /// Its file, in the folder `man`.
  var file: String { "\(name).\(section)" }

  /// man(1)'s mdoc would say that it is of BSD.
  private var volume: String {
    section == "7" ? "Miscellaneous Information Manual" : "General Commands Manual"
  }

  func text(from template: String) -> String {
    let lines = template.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
    var text = """
      .\\" Made by swlock-docs from man/\(file).in: run make docs.
      \(lines[0])
      .Dt \(name.uppercased()) \(section)
      .ds doc-volume \(volume)
      .Os swlock \(version)
      \(lines[1])
      """
    for (mark, section) in [
      ("lock", OptionSection.lock), ("hardlink", .hardlink), ("launch", .launch),
      ("own", .own), ("general", .general),
    ] {
      let options = taken.filter { $0.section == section }
      text = text.replacing("@OPTIONS \(mark)@\n", with: list(options))
    }
    text = text.replacing("@OPTIONS@\n", with: list(taken.filter { $0.section != .general }))
    text = text.replacing("@SYNOPSIS@\n", with: synopsis())
    text = text.replacing("@COMMANDS@\n", with: commands())
    return text.replacing("@EXIT STATUS@\n", with: exitStatuses())
  }

  /// The options that it is about.
  private var taken: [OptionSpecification] {
    subcommand.map(options(of:)) ?? optionTable.filter { $0.section == .general }
  }

  // MARK: Synopsis

  private func synopsis() -> String {
    let subcommands = subcommand.map { [$0] } ?? Subcommand.allCases
    return subcommands.flatMap(\.synopses).map { ".Nm \(macros("\($0)"))" }.joined()
  }

  /// `swlock run [OPTION...] PATH` in macros, a line each.
  private func macros(_ synopsis: String) -> String {
    synopsis.replacing("'SHELL COMMAND'", with: "STRING").split(separator: " ").map { word in
      if word.hasPrefix("[") { return "Op \(arguments(word.dropFirst().dropLast()))" }
      return arguments(word)
    }.enumerated().map { $0 == 0 ? "\($1.dropFirst(3))\n" : ".\($1)\n" }.joined()
  }

  private func arguments(_ word: Substring) -> String {
    let isRepeated = word.hasSuffix("...")
    let alternatives = word.replacing("...", with: "").split(separator: "|").map { name in
      if name.hasPrefix("-") { return "Fl \(name == "--" ? "-" : name.dropFirst())" }
      return name == name.uppercased() ? "Ar \(name.lowercased())" : "Cm \(name)"
    }
    return alternatives.joined(separator: " | ") + (isRepeated ? " ..." : "")
  }

  // MARK: Lists

  private func commands() -> String {
    var text = ".Bl -tag -width transfer\n"
    for subcommand in Subcommand.allCases {
      text += ".It Cm \(subcommand.name)\n\(sentence("\(subcommand.summary)"))\n"
    }
    return text + ".El\n"
  }

  private func list(_ options: [OptionSpecification]) -> String {
    if options.isEmpty { return "" }
    var text = ".Bl -tag -width Ds\n"
    for option in options {
      var names = option.letter.map { "Fl \($0) , " } ?? ""
      names += "Fl -\(option.name)"
      switch option.value {
      case .none: break
      case .optionalSidecar, .optionalReplaced: names += " Ns Op = Ns Cm \(option.placeholder)"
      case let value where value.isOptional:
        names += " Ns Op = Ns Ar \(option.placeholder)"
      case .owner: names += " Ar PID | Cm none"
      default: names += " Ar \(option.placeholder)"
      }
      text += ".It \(names)\n\(sentence("\(option.summary)"))\n"
    }
    return text + ".El\n"
  }

  private func exitStatuses() -> String {
    var text = ".Bl -tag -width 126\n"
    for status in subcommand?.failures ?? ExitStatus.allCases.filter({ $0 != .done }) {
      text += ".It \(status.rawValue)\n\(escaped("\(status.summary)"))\n"
    }
    return text + ".El\n"
  }

  private func sentence(_ summary: String) -> String {
    escaped(summary.prefix(1).uppercased() + summary.dropFirst() + ".")
  }

  /// No line of text may begin with a control character, and each sentence begins a line.
  private func escaped(_ text: String) -> String {
    let plain = text.replacing("\\", with: "\\e").replacing("--", with: "\\-\\-")
      .replacing("; ", with: ";\n")
    return plain.hasPrefix(".") || plain.hasPrefix("'") ? "\\&" + plain : plain
  }
}
