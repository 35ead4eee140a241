import CSystem
import Locking
import SystemInterface
import Testing

@testable import CommandLine

/// Parses `swlock` and these words.
private func parse(_ words: String...) throws -> Invocation {
  var arguments = (["swlock"] + words).map { strdup($0) } + [nil]
  defer { arguments.forEach { free($0) } }
  return try Parser(&arguments, count: words.count + 1).parse()
}

private func run(_ words: String...) throws -> RunOptions {
  var arguments = (["swlock", "run"] + words).map { strdup($0) } + [nil]
  defer { arguments.forEach { free($0) } }
  guard case .run(let options) = try Parser(&arguments, count: words.count + 2).parse() else {
    throw Failure(.systemCall, "not run")
  }
  return options
}

/// How many words the command has.
private func commandCount(_ options: RunOptions) -> Int? {
  if case .process(_, let count) = options.command { count } else { nil }
}

@Suite struct ParserTests {
  @Test func optionsStandBeforeAndAfterThePath() throws {
    let options = try run("-n", "/lock", "-w", "5", "--shared", "--", "cmd", "-x")
    #expect(options.lock.nonblock)
    #expect(options.lock.timeout == .seconds(5))
    #expect(options.lock.sharing == .shared)
    #expect(options.path == "/lock")
    #expect(commandCount(options) == 2)
  }

  @Test func anEngineHasALifetimeAndKillsWhatIsLeft() throws {
    let options = try run("-m", "etcd", "name", "cmd")
    #expect(options.lock.mode?.name == "etcd")
    #expect(options.lock.kind.lifetime == .seconds(15))
    #expect(options.lock.kind.engine?.text == "etcd" && !options.lock.kind.isInherited)
    #expect(options.leftovers == .kill)
    let other = try run("-m", "etcd", "--lifetime", "1min", "--slots", "2", "-o", "name", "cmd")
    #expect(other.lock.kind.lifetime == .seconds(60))
    #expect(other.lock.slots == 2 && other.leftovers == .release)
  }

  @Test func everythingBehindTheFirstWordOfTheCommandIsItsOwn() throws {
    let options = try run("/lock", "cmd", "-n", "--", "--shared")
    #expect(!options.lock.nonblock)
    #expect(commandCount(options) == 4)
  }

  @Test func separatorMayStandBeforeThePathToo() throws {
    for words in [["--", "-lock", "cmd"], ["--", "-lock", "--", "cmd"]] {
      var arguments = (["swlock", "run"] + words).map { strdup($0) } + [nil]
      defer { arguments.forEach { free($0) } }
      guard case .run(let options) = try Parser(&arguments, count: words.count + 2).parse() else {
        throw Failure(.systemCall, "not run")
      }
      #expect(options.path == "-lock")
      #expect(commandCount(options) == 1)
    }
  }

  @Test(arguments: ["-nxw5", "-nw5", "-nw=5"])
  func shortOptionsFormClusters(_ cluster: String) throws {
    guard cluster.hasSuffix("=5") else {
      let options = try run(cluster, "/lock", "cmd")
      #expect(options.lock.nonblock)
      #expect(options.lock.timeout == .seconds(5))
      return
    }
    #expect(throws: Failure.self) { _ = try run(cluster, "/lock", "cmd") }
  }

  @Test func longOptionsTakeTheirValueEitherWay() throws {
    #expect(try run("--timeout=5", "/lock", "cmd").lock.timeout == .seconds(5))
    #expect(try run("--timeout", "5", "/lock", "cmd").lock.timeout == .seconds(5))
    #expect(try run("--sidecar", "/lock", "cmd").lock.sidecar == .swlock)
    #expect(try run("--sidecar=portage", "/lock", "cmd").lock.sidecar == .portage)
  }

  @Test(arguments: [
    [], ["/lock"], ["", "cmd"], ["/lock", "-c", "x", "cmd"], ["--time", "5", "/lock", "cmd"],
    ["--shared=yes", "/lock", "cmd"], ["-w"], ["-Z", "/lock", "cmd"],
    ["--range", "0:1", "/lock", "cmd"], ["-m", "posix", "--leftovers=keep", "/lock", "cmd"],
    ["-F", "--unlink", "/lock", "cmd"], ["-F", "-o", "/lock", "cmd"],
    ["-F", "--max-runtime", "1", "/lock", "cmd"], ["--kill-after", "1", "/lock", "cmd"],
    ["--max-runtime", "0", "/lock", "cmd"], ["-E", "256", "/lock", "cmd"],
    ["--perm", "0888", "/lock", "cmd"], ["--perm", "1777", "/lock", "cmd"],
    ["--no-create", "--perm", "600", "/lock", "cmd"], ["-m", "Mandatory", "/lock", "cmd"],
  ])
  func whatMakesNoSenseIsAUsageError(_ words: [String]) {
    var arguments = (["swlock", "run"] + words).map { strdup($0) } + [nil]
    defer { arguments.forEach { free($0) } }
    do throws(Failure) {
      _ = try Parser(&arguments, count: words.count + 2).parse()
      Issue.record("accepted: \(words)")
    } catch {
      #expect(error.status == 64)
      #expect(!error.message.bytes.contains(0x0a))
    }
  }

  @Test(arguments: ["-h", "-nh"]) func aLetterAsksForShortHelp(_ word: String) throws {
    guard case .summary(.run) = try parse("run", word) else { return #expect(Bool(false)) }
    guard case .summary(nil) = try parse("-h") else { return #expect(Bool(false)) }
  }

  @Test func helpIsFoundWhereverItStands() throws {
    for invocation in [
      try parse("run", "--help"), try parse("run", "-n", "--help"), try parse("help", "run"),
    ] {
      guard case .help(.run) = invocation else {
        Issue.record("no help of run")
        continue
      }
    }
    guard case .help(nil) = try parse("--help") else { return #expect(Bool(false)) }
    guard case .topic(.modes) = try parse("help", "modes") else { return #expect(Bool(false)) }
    guard case .version = try parse("-V") else { return #expect(Bool(false)) }
  }
}

@Suite struct ValueTests {
  @Test(arguments: [
    ("10", 10_000_000_000), ("1.5", 1_500_000_000), ("250ms", 250_000_000),
    ("90s", 90_000_000_000), ("5m", 300_000_000_000), ("2h", 7_200_000_000_000),
    ("1d", 86_400_000_000_000), ("0", 0), (".5", 500_000_000), ("1.", 1_000_000_000),
    ("0.0000000001", 1), ("9223372037", Int64.max), ("99999999999999999999", Int64.max),
    ("200000d", Int64.max), ("1.5m", 90_000_000_000), ("5min", 300_000_000_000),
    ("500ms", 500_000_000), ("20us", 20_000), ("1h30m", 5_400_000_000_000),
    ("1d12h", 129_600_000_000_000), ("1d 12h 1.5s", 129_601_500_000_000),
    ("2weeks", 1_209_600_000_000_000), ("1hour 2minutes", 3_720_000_000_000),
    ("infinity", Int64.max),
  ])
  func durationIsUnderstood(_ text: String, _ nanoseconds: Int64) {
    #expect(parseDuration(ByteString(text)) == .nanoseconds(nanoseconds))
  }

  @Test(arguments: [
    "", "-1", "+1", "abc", "1x", "1 s", " 1", "0x1", "1e3", ".", "inf", "1,5", "1..2",
    "1h30", "30 1h", "1h-1m", "1hh", "h", "1h infinity",
  ])
  func whatIsNoDurationIsRefused(_ text: String) {
    #expect(parseDuration(ByteString(text)) == nil)
  }

  @Test func otherValuesHaveTheirBounds() {
    #expect(parseExitCode("255") == 255)
    #expect(parseExitCode("256") == nil)
    #expect(parseExitCode("") == nil)
    #expect(parsePermissions("0640") == 0o640)
    #expect(parsePermissions("0o640") == nil)
    #expect(parseRange("5")?.start == 5)
    #expect(parseRange("5:7")?.length == 7)
    #expect(parseRange("5:") == nil)
    #expect(parseRange(":5") == nil)
    #expect(parseRange("1:2:3") == nil)
    #expect(parseIdentifier("4294967295") == nil)
  }

  @Test func groupIsFoundByItsWholeName() {
    let text = Array("root:x:0:\nadm:x:4:a,b\nbroken\nadmin:x:44:\n".utf8)
    #expect(Accounts.findGroup("adm", in: text) == 4)
    #expect(Accounts.findGroup("admin", in: text) == 44)
    #expect(Accounts.findGroup("broken", in: text) == nil)
    #expect(Accounts.findGroup("", in: text) == nil)
  }
}
