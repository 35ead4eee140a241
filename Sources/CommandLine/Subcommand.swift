/// The first word after `swlock`.
package enum Subcommand: CaseIterable {
  case run, `as`, help, version

  package var name: StaticString {
    switch self {
    case .run: "run"
    case .as: "as"
    case .help: "help"
    case .version: "version"
    }
  }

  package var summary: StaticString {
    switch self {
    case .run: "run a command while holding a lock"
    case .as: "be another lock program: flock(1) or lockrun"
    case .help: "show help, also of one command"
    case .version: "show the version"
    }
  }

  package var synopses: [StaticString] {
    switch self {
    case .run:
      [
        "swlock run [OPTION...] PATH [--] COMMAND [ARG...]",
        "swlock run [OPTION...] PATH -c 'SHELL COMMAND'",
      ]
    case .as: ["swlock as flock|lockrun [ARG...]"]
    case .help: ["swlock help [COMMAND]"]
    case .version: ["swlock version"]
    }
  }

  package func takes(_ section: OptionSection) -> Bool {
    switch section {
    case .general: true
    case .lock, .run: self == .run
    }
  }
}
