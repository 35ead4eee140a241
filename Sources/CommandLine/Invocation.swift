/// What a command line asks for. Parsing has checked it, and opened nothing.
enum Invocation {
  case help(Subcommand?)
  /// The same on one screen.
  case summary(Subcommand?)
  case topic(HelpTopic)
  case version
  case run(RunOptions)
  case acquire(HolderOptions)
  case release(HolderOptions)
  case refresh(HolderOptions)
  case transfer(HolderOptions)
  case wait(WaitOptions)
  case status(ViewerOptions)
  case `break`(ViewerOptions)
  case cleanup(ViewerOptions)
  /// Another program, whose command line begins with the argument at `name`.
  case personality(Personality, name: Int)

  init(_ arguments: Arguments) throws(Failure) {
    switch arguments.subcommand {
    case .run: self = .run(try RunOptions(arguments))
    case .acquire: self = .acquire(try HolderOptions(arguments))
    case .release: self = .release(try HolderOptions(arguments))
    case .refresh: self = .refresh(try HolderOptions(arguments))
    case .transfer: self = .transfer(try HolderOptions(arguments))
    case .wait: self = .wait(try WaitOptions(arguments))
    case .status: self = .status(try ViewerOptions(arguments))
    case .break: self = .break(try ViewerOptions(arguments))
    case .cleanup: self = .cleanup(try ViewerOptions(arguments))
    case .as, .help: self = .help(arguments.subcommand)
    case .version: self = .version
    }
  }
}
