import CommandLine

/// man/swlock.1: the hand-written template, with its marks replaced by lists (mdoc(7)).
enum ManPage {
  static func text(from template: String) -> String {
    var text = ".\\\" Made by swlock-docs from man/swlock.1.in: run make docs.\n" + template
    for section in OptionSection.all {
      text = text.replacing("@OPTIONS \(mark(section))@\n", with: list(section))
    }
    return text.replacing("@EXIT STATUS@\n", with: exitStatuses())
  }

  private static func mark(_ section: OptionSection) -> String {
    switch section {
    case .lock: "lock"
    case .run: "run"
    case .general: "general"
    }
  }

  private static func list(_ section: OptionSection) -> String {
    var text = ".Bl -tag -width Ds\n"
    for option in optionTable where option.section == section {
      var names = option.letter.map { "Fl \($0) , " } ?? ""
      names += "Fl -\(option.name)"
      switch option.value {
      case .none: break
      case .optionalSidecar: names += " Ns Op = Ns Cm \(option.placeholder)"
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
