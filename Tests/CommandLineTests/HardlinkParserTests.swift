import CSystem
import SystemInterface
import Testing

@testable import CommandLine
@testable import Locking

private func parse(_ words: [String]) throws(Failure) -> Invocation {
  var arguments = (["swlock"] + words).map { strdup($0) } + [nil]
  defer { arguments.forEach { free($0) } }
  return try Parser(&arguments, count: words.count + 1).parse()
}

/// The status and the text of the failure to parse these words; nil if they are accepted.
private func complaint(_ words: [String]) -> (status: Int32, text: String)? {
  do throws(Failure) {
    _ = try parse(words)
    return nil
  } catch {
    return (error.status, String(decoding: error.message.bytes, as: UTF8.self))
  }
}

private func policy(_ words: String...) throws -> FluflPolicy {
  switch try parse(words) {
  case .run(let options): options.lock.hardlink
  case .acquire(let options), .release(let options), .refresh(let options),
    .transfer(let options):
    options.lock.hardlink
  case .wait(let options): options.lock.hardlink
  case .status(let options), .break(let options), .cleanup(let options): options.lock.hardlink
  default: throw Failure(.systemCall, "not a lock command")
  }
}

@Suite struct HardlinkOptionTests {
  @Test func defaultsAreThoseOfTheContract() throws {
    let run = try policy("run", "-m", "hardlink", "l", "cmd")
    #expect(run.lifetime == .seconds(60))
    let acquire = try policy("acquire", "-m", "hardlink", "l")
    #expect(acquire.lifetime == .seconds(15))
    #expect(acquire.hardlink.clockSlop == .seconds(10))
    #expect(acquire.hardlink.settle == .seconds(2))
    #expect(acquire.hardlink.shortestPoll == .milliseconds(10))
    #expect(acquire.hardlink.longestPoll == .seconds(2))
  }

  @Test func eachOptionReachesThePolicy() throws {
    let policy = try policy(
      "acquire", "-mhardlink", "--lifetime=1m", "--clock-slop", "1", "--poll", "5ms:1s",
      "--settle=0", "--retry-errno", "EIO", "--retry-errno=ETIMEDOUT", "l")
    #expect(policy.lifetime == .seconds(60))
    #expect(policy.hardlink.clockSlop == .seconds(1))
    #expect(policy.hardlink.shortestPoll == .milliseconds(5))
    #expect(policy.hardlink.longestPoll == .seconds(1))
    #expect(policy.hardlink.settle == .zero)
    #expect(policy.retriedErrors == [.inputOutput, Errno(ETIMEDOUT)])
  }

  @Test func noLifetimeMeansUntilReleased() throws {
    #expect(try policy("acquire", "-m", "hardlink", "--lifetime", "0", "l").lifetime == nil)
    #expect(try policy("run", "-m", "hardlink", "--style=portage", "l", "c").lifetime == nil)
  }

  @Test func autoTakesTheOptionsOfHardlinkMode() throws {
    #expect(try policy("run", "-m", "auto", "--lifetime", "5", "l", "c").lifetime == .seconds(5))
  }

  @Test(arguments: [
    (["-s"], "exclusive"), (["--range", "0:1"], "--range"), (["-F"], "--no-fork"),
    (["--leftovers=keep"], "inherited"), (["--unlink"], "always removed"),
    (["--no-create"], "--no-create"), (["--style", "portage", "--lifetime", "5"], "no lifetime"),
    (["--lifetime", "500ms"], "at least 1s"), (["--poll", "2s:1s"], "longer than MAX"),
    (["--poll", "1s"], "10ms:2s"), (["--poll", "0:1"], "longer than 0"),
    (["--retry-errno", "EOI"], "did you mean"), (["--retry-errno", "nonsense"], "errno(3)"),
    (["--style", "mutt"], "flufl or portage"),
  ])
  func whatHardlinkLocksCannotDoIsAUsageError(_ options: [String], _ word: String) throws {
    let failure = try #require(complaint(["run", "-m", "hardlink"] + options + ["l", "cmd"]))
    #expect(failure.status == 64)
    #expect(failure.text.contains(word), "\(failure.text)")
    #expect(failure.text.hasSuffix("(try 'swlock run --help')"))
  }

  @Test(arguments: [[], ["-m", "flock"], ["-m", "posix"], ["-m", "ofd"]])
  func otherModesHaveNoneOfItsOptions(_ mode: [String]) throws {
    let failure = try #require(complaint(["run"] + mode + ["--lifetime", "5", "l", "cmd"]))
    #expect(failure.status == 64)
    #expect(failure.text.contains("--lifetime needs --mode hardlink"))
  }

  @Test func portageMayRemoveItsLockFile() throws {
    guard
      case .run(let options) = try parse([
        "run", "-m", "hardlink", "--style", "portage", "--unlink", "l", "cmd",
      ])
    else { return #expect(Bool(false)) }
    #expect(try options.lock.request(for: "l").removesFile)
    guard case .portage = options.lock.kind else { return #expect(Bool(false)) }
  }

  @Test(arguments: ["EIO", "ESTALE", "ENOENT"])
  func errorsHaveTheirNames(_ name: String) {
    #expect(parseErrorName(ByteString(name)) != nil)
    #expect(parseErrorName(ByteString(name.lowercased())) == nil)
  }
}

@Suite struct HolderCommandTests {
  @Test func acquireTakesTheModesOfRun() throws {
    guard case .acquire(let plain) = try parse(["acquire", "l"]),
      case .acquire(let posix) = try parse(["acquire", "-m", "posix", "l"]),
      case .release(let any) = try parse(["release", "l"]),
      case .release(let ofd) = try parse(["release", "-m", "ofd", "l"])
    else { return #expect(Bool(false)) }
    #expect(plain.lock.mode == .flock)
    #expect(posix.lock.mode == .posix)
    #expect(any.anyMode)
    #expect(!ofd.anyMode && ofd.lock.mode == .ofd)
  }

  @Test func keptLockIsWhatItsWordsSay() throws {
    let own = try #require(ObservedProcess(getpid()))
    let parent = try #require(ObservedProcess(getppid()))
    let kept = KeptLock(path: "/a b", owners: [own], mode: .ofd, descriptor: 5, unlinks: true)
    let read = try #require(KeptLock(kept.words))
    #expect(read.path == "/a b" && read.mode == .ofd && read.descriptor == 5 && read.unlinks)
    #expect(read.isOwned(by: own) && read.isFor(.processes([getpid()])) && read.isFor(.anybody))
    #expect(!read.isFor(.nobody) && !read.isFor(.processes([getppid()])))
    let both = KeptLock(
      path: "/a", owners: [parent, own], mode: .flock, descriptor: 3, unlinks: false)
    let shared = try #require(KeptLock(both.words))
    #expect(shared.owners == both.owners && shared.isFor(.processes([getppid()])))
    #expect(shared.isOwned(by: own) && shared.isOwned(by: parent))
    let nobody = KeptLock(path: "/a", owners: [], mode: .flock, descriptor: 3, unlinks: false)
    #expect(try #require(KeptLock(nobody.words)).isFor(.nobody))
    for words: [ByteString] in [
      ["1,2", "0"], ["1,2", "0,0,0"], ["1,", "0,0"], ["", ""], ["-1", "0"], ["1,x", "0,0"],
      ["99999999999", "0"], ["1", "99999999999999999999"], ["nobody", "1"],
    ] {
      #expect(KeptLock(["swlock", "hold", "/a", "for"] + words + ["flock", "3"]) == nil)
    }
    #expect(KeptLock(["swlock", "hold", "/a", "for", "x", "0", "flock", "3"]) == nil)
    #expect(KeptLock(["swlock", "run", "/a", "for", "1", "0", "flock", "3"]) == nil)
  }

  @Test func theCallerIsTheOwnerUnlessAnotherIsNamed() throws {
    guard case .acquire(let plain) = try parse(["acquire", "-m", "hardlink", "l"]),
      case .release(let named) = try parse(["release", "--owner=4711", "l"]),
      case .refresh(let nobody) = try parse(["refresh", "--owner", "none", "l"]),
      case .release(let any) = try parse(["release", "--any", "l"])
    else { return #expect(Bool(false)) }
    #expect(plain.owner == .caller)
    #expect(named.owner == .process(4711))
    #expect(nobody.owner == .nobody)
    #expect(any.owner == .anybody)
    #expect(try any.owner.resolved(for: .release) == .anybody)
  }

  @Test func transferNamesTheNewOwner() throws {
    guard case .transfer(let options) = try parse(["transfer", "l", "--to", "5"]) else {
      return #expect(Bool(false))
    }
    #expect(options.heir == .process(5))
    #expect(complaint(["transfer", "l"])?.status == 64)
    #expect(complaint(["transfer", "--to", "0", "l"])?.status == 64)
    #expect(complaint(["transfer", "--to", "99999999999", "l"])?.status == 64)
  }

  @Test(arguments: [
    ["release"], ["release", "a", "b"], ["release", ""], ["release", "--take", "l"],
    ["release", "--any", "--owner", "1", "l"], ["refresh", "-m", "posix", "l"],
    ["refresh", "--style", "portage", "l"], ["refresh", "--any", "l"],
    ["acquire", "-m", "hardlink", "l", "cmd"], ["acquire", "-m", "hardlink", "-c", "x", "l"],
    ["status", "-q"], ["status", "-q", "--json", "l"], ["status", "-q", "--watch", "l"],
    ["status", "--watch=0", "l"], ["status", "--watch=x", "l"], ["break"],
    ["break", "--dry-run", "l"], ["cleanup"], ["cleanup", "--force", "l"],
    ["cleanup", "--older-than", "x", "l"],
  ])
  func whatMakesNoSenseIsAUsageError(_ words: [String]) throws {
    let failure = try #require(complaint(words))
    #expect(failure.status == 64)
    #expect(failure.text.hasSuffix("(try 'swlock \(words[0]) --help')"))
  }

  @Test(arguments: [
    (
      ["run", "-F", "--unlink", "l", "c"],
      "--no-fork leaves no swlock behind that could do --unlink"
    ),
    (
      ["run", "-oF", "l", "c"],
      "--no-fork leaves no swlock behind that could do --close or --leftovers"
    ),
    (
      ["run", "-F", "--unshare=pid", "l", "c"],
      "--no-fork leaves no swlock behind that could do --unshare pid"
    ),
    (["run", "--log-only", "l", "c"], "--log-only needs --log"),
    (["run", "--trace", "--sandbox", "l", "c"], "--trace and --sandbox exclude each other"),
    (["run", "--sandbox", "--trace", "l", "c"], "--sandbox and --trace exclude each other"),
    (
      ["run", "--perm=600", "--no-create", "l", "c"],
      "--perm and --group are for a file that is created, not with --no-create"
    ),
    (["release", "--owner=1", "--any", "l"], "--any and --owner exclude each other"),
    (["acquire", "-mauto", "--take", "l"], "--take needs --mode hardlink"),
    (["acquire", "-mauto", "--fd=3"], "--fd needs --mode flock or ofd"),
    (["break", "--strangers", "l"], "--strangers needs --kill"),
    (["cleanup", "--force", "l"], "--force is for --all, which removes live locks"),
    (["status", "--json", "-q", "l"], "--quiet leaves nothing for --json or --watch to show"),
  ])
  func aBrokenRuleOfTheTableIsNamed(_ words: [String], _ text: String) throws {
    let failure = try #require(complaint(words))
    #expect(failure.text == "\(text) (try 'swlock \(words[0]) --help')")
  }

  @Test func aLaterOptionTakesBackAnEarlierOne() throws {
    guard case .run(let shown) = try parse(["run", "-qs", "--progress", "-xv", "l", "c"]),
      case .run(let quiet) = try parse(["run", "-vx", "--progress", "-qs", "l", "c"])
    else { return #expect(Bool(false)) }
    #expect(shown.lock.progress == .always && shown.lock.verbose)
    #expect(shown.lock.sharing == .exclusive)
    #expect(quiet.lock.progress == .never && !quiet.lock.verbose && quiet.lock.sharing == .shared)
  }

  @Test func viewersTakeSeveralPaths() throws {
    guard case .status(let status) = try parse(["status", "a", "--watch=2", "b", "--json"]),
      case .break(let broken) = try parse(["break", "--force", "a", "b"]),
      case .cleanup(let cleanup) = try parse(["cleanup", "--all", "--older-than", "1d", "d"])
    else { return #expect(Bool(false)) }
    #expect(status.paths == ["a", "b"])
    #expect(status.watch == .seconds(2))
    #expect(broken.force && broken.paths.count == 2)
    #expect(cleanup.cleanUp.all && cleanup.cleanUp.olderThan == .seconds(86400))
  }

  @Test(arguments: Subcommand.allCases.filter { $0 != .as && $0 != .help })
  func eachCommandHasHelp(_ subcommand: Subcommand) throws {
    guard case .help(subcommand) = try parse(["\(subcommand.name)", "--help"]) else {
      return #expect(Bool(false))
    }
  }
}
