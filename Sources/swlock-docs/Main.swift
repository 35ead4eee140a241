import CommandLine
import Foundation

/// Writes the man pages and the completions out of the option table, below the folder given; with
/// `--check`, writes nothing and fails when a file is not what the table says.
@main
struct Main {
  static func main() throws {
    var arguments = Array(ProcessInfo.processInfo.arguments.dropFirst())
    let checksOnly = arguments.first == "--check"
    if checksOnly { arguments.removeFirst() }
    guard arguments.count == 1 else {
      complain("usage: swlock-docs [--check] FOLDER")
      exit(64)
    }
    let folder = URL(fileURLWithPath: arguments[0], isDirectory: true)
    var differs = false
    let pages = try ManPage.all.map { page in
      let template = folder.appendingPathComponent("man/\(page.file).in")
      return (
        "man/\(page.file)", page.text(from: try String(contentsOf: template, encoding: .utf8))
      )
    }
    for (name, content) in pages + [
      ("completions/swlock.bash", BashCompletion.text()),
      ("completions/_swlock", ZshCompletion.text()),
      ("completions/swlock.fish", FishCompletion.text()),
    ] {
      let file = folder.appendingPathComponent(name)
      if !checksOnly {
        try content.write(to: file, atomically: true, encoding: .utf8)
      } else if (try? String(contentsOf: file, encoding: .utf8)) != content {
        complain("\(name) is not up to date: run make docs")
        differs = true
      }
    }
    exit(differs ? 1 : 0)
  }

  private static func complain(_ text: String) {
    FileHandle.standardError.write(Data((text + "\n").utf8))
  }
}

extension OptionSpecification {
  var name: String { "\(long)" }
  var letter: String? { short == 0 ? nil : String(UnicodeScalar(short)) }
  var placeholder: String { "\(value.placeholder)" }

  var takesValue: Bool {
    if case .none = value { false } else { true }
  }
}

/// The programs that swlock can stand for.
var personalities: String {
  Personality.allCases.map { "\($0.name)" }.joined(separator: " ")
}

/// What `swlock help` explains beside the commands.
var helpTopics: String {
  HelpTopic.allCases.map { "\($0.name)" }.joined(separator: " ")
}

/// The options that take a value and fulfil `condition`, each name once.
func optionsWithValue(_ condition: (OptionSpecification) -> Bool) -> [OptionSpecification] {
  var names: Set<String> = []
  return optionTable.filter {
    $0.takesValue && condition($0) && names.insert($0.name).inserted
  }
}

/// The options that `subcommand` takes, in the order of the table.
func options(of subcommand: Subcommand) -> [OptionSpecification] {
  optionTable.filter { subcommand.takes($0) }
}
