import CommandLine

/// man/swlock.1: the hand-written template, with its marks replaced by lists (mdoc(7)).
enum ManPage {
  static func text(from template: String) -> String {
    var text = ".\\\" Made by swlock-docs from man/swlock.1.in: run make docs.\n" + template
    for (mark, section) in [
      ("lock", OptionSection.lock), ("hardlink", .hardlink), ("launch", .launch),
      ("general", .general),
    ] {
      text = text.replacing(
        "@OPTIONS \(mark)@\n", with: list(optionTable.filter { $0.section == section }))
    }
    for subcommand in Subcommand.allCases {
      text = text.replacing("@OPTIONS \(subcommand.name)@\n", with: own(subcommand))
    }
    return text.replacing("@EXIT STATUS@\n", with: exitStatuses())
  }

  /// The options that are the subcommand's own, and the names of the others that it takes.
  private static func own(_ subcommand: Subcommand) -> String {
    let all = options(of: subcommand)
    let own = all.filter { $0.section == .own }
    let shared = all.filter { $0.section == .lock || $0.section == .hardlink }
    let takesAll = optionTable.filter { $0.section == .lock || $0.section == .hardlink }
      .allSatisfy { subcommand.takes($0) || $0.identity == .mode }
    var text = own.isEmpty ? "" : list(own)
    if !takesAll && !shared.isEmpty {
      text += ".Pp\nOf the lock options it takes\n"
      for (index, option) in shared.enumerated() {
        let end =
          index == shared.count - 1 ? " ." : index == shared.count - 2 ? "\nand" : " ,"
        text += ".Fl -\(option.name)\(end)\n"
      }
    }
    return text
  }

  private static func list(_ options: [OptionSpecification]) -> String {
    var text = ".Bl -tag -width Ds\n"
    for option in options {
      var names = option.letter.map { "Fl \($0) , " } ?? ""
      names += "Fl -\(option.name)"
      switch option.value {
      case .none: break
      case .optionalSidecar: names += " Ns Op = Ns Cm \(option.placeholder)"
      case let value where value.isOptional:
        names += " Ns Op = Ns Ar \(option.placeholder)"
      case .owner: names += " Ar PID | Cm none"
      default: names += " Ar \(option.placeholder)"
      }
      text += ".It \(names)\n\(sentence("\(option.summary)"))\n"
    }
    return text + ".El\n"
  }

  private static func exitStatuses() -> String {
    var text = ".Bl -tag -width 126\n"
    for status in ExitStatus.allCases where status != .done {
      text += ".It \(status.rawValue)\n\(escaped("\(status.summary)"))\n"
    }
    return text + ".El\n"
  }

  private static func sentence(_ summary: String) -> String {
    escaped(summary.prefix(1).uppercased() + summary.dropFirst() + ".")
  }

  /// No line of text may begin with a control character, and each sentence begins a line.
  private static func escaped(_ text: String) -> String {
    let plain = text.replacing("\\", with: "\\e").replacing("--", with: "\\-\\-")
      .replacing("; ", with: ";\n")
    return plain.hasPrefix(".") || plain.hasPrefix("'") ? "\\&" + plain : plain
  }
}
