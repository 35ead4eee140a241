import CSystem
import SystemInterface
import Testing

@testable import CommandLine

/// Calls `body` with these words as C has them.
private func withArguments<Result>(
  _ words: [String], _ body: (ArgumentVector, Int) throws -> Result
) rethrows -> Result {
  var arguments = words.map { strdup($0) } + [nil]
  defer { arguments.forEach { free($0) } }
  return try body(&arguments, words.count)
}

@Suite struct FlockParserTests {
  private func parse(_ words: String...) throws -> FlockOptions {
    try withArguments(["flock"] + words) { arguments, count in
      var parser = FlockParser(arguments, count: count)
      guard case .lock(let options) = try parser.parse() else {
        throw Failure(.systemCall, "no lock")
      }
      return options
    }
  }

  private func failure(_ words: [String]) -> (status: Int32, text: String)? {
    withArguments(["flock"] + words) { arguments, count in
      var parser = FlockParser(arguments, count: count)
      do throws(Failure) {
        _ = try parser.parse()
        return nil
      } catch {
        return (error.status, String(decoding: error.message.bytes, as: UTF8.self))
      }
    }
  }

  @Test func lastOfSeveralWins() throws {
    #expect(try parse("-x", "-s", "lock", "true").operation == .shared)
    #expect(try parse("-su", "-e", "lock", "true").operation == .exclusive)
    #expect(try parse("--unlock", "9").operation == .unlock)
    #expect(try parse("-E1", "-E", "2", "9").conflictExitCode == 2)
  }

  @Test func numberIsADescriptorOnlyAlone() throws {
    guard case .descriptor(4) = try parse("4").target else { return #expect(Bool(false)) }
    guard case .file("4") = try parse("4", "true").target else { return #expect(Bool(false)) }
    guard case .descriptor(5) = try parse("--fd", "5", "4").target else {
      return #expect(Bool(false))
    }
  }

  @Test func shellCommandCountsOnlyBehindTheFileOrWithADescriptor() throws {
    guard case .shell("x y") = try parse("lock", "-c", "x y").command else {
      return #expect(Bool(false))
    }
    guard case .process(_, 1) = try parse("lock", "--command=x").command else {
      return #expect(Bool(false))
    }
    #expect(failure(["-c", "lock", "x"])?.status == 64)
    guard case .process(_, 2) = try parse("--fd", "9", "--", "-c", "x").command else {
      return #expect(Bool(false))
    }
    guard case .shell("x") = try parse("-c", "--fd", "9", "x").command else {
      return #expect(Bool(false))
    }
    let options = try parse("--fd", "9", "-ns", "-c", "x")
    #expect(options.nonblock && options.operation == .shared)
    guard case .shell("x") = options.command else { return #expect(Bool(false)) }
  }

  @Test func rangeChoosesRecordLocks() throws {
    let options = try parse("--start", "1K", "--len=2", "lock", "true")
    #expect(options.usesRecordLocks)
    #expect(options.start == 1024)
    #expect(options.length == 2)
    #expect(try !parse("lock", "true").usesRecordLocks)
  }

  @Test(arguments: [
    (["--n", "9"], "unrecognized option '--n'"),
    (["--w=1", "--s", "9"], "unrecognized option '--s'"),
    (["--zzz=1", "9"], "unrecognized option '--zzz=1'"),
    (["-nz", "9"], "unrecognized option '-nz'"),
    (["-nc", "9"], "unrecognized option '-nc'"),
    (["--excl=1", "9"], "unrecognized option '--excl=1'"),
    (["--tim"], "option '--timeout' requires an argument"),
    (["-nw"], "option '-nw' requires an argument"),
    ([], "not enough arguments"),
  ])
  func optionErrorsPointToHelp(_ words: [String], _ text: String) throws {
    let found = try #require(failure(words))
    #expect(found.status == 64)
    #expect(found.text == text + "\nTry 'flock --help' for more information.")
  }

  @Test(arguments: [
    (
      ["-E", "256", "9"],
      "invalid exit code (allowed values: 0-255): '256': Numerical result out of range"
    ),
    (["-E", "5x", "9"], "invalid exit code (allowed values: 0-255): '5x'"),
    (["--", "-1"], "missing file descriptor, file or directory"),
    (["--fd", "-5", "true"], "missing file descriptor, file or directory"),
    (["-c", "x", "lock"], "-c requires exactly one command argument"),
    (["-w", "1x", "9"], "invalid timeout: '1x'"),
    (["-n"], "missing file descriptor, file or directory"),
    (["--fd", "9"], "missing command"),
    (["lock", "-c"], "-c requires exactly one command argument"),
    (["-oF", "lock", "true"], "the --no-fork and --close options are incompatible"),
  ])
  func otherErrorsDoNot(_ words: [String], _ text: String) throws {
    let found = try #require(failure(words))
    #expect(found.status == 64)
    #expect(found.text == text)
  }
}

@Suite struct LockrunParserTests {
  private func parse(_ words: String...) throws -> LockrunOptions {
    try withArguments(["lockrun"] + words) { arguments, count in
      var parser = LockrunParser(arguments, count: count)
      guard case .run(let options) = try parser.parse() else {
        throw Failure(.systemCall, "no lock")
      }
      return options
    }
  }

  @Test func valueStandsBehindTheOptionOrAnEqualsSign() throws {
    for words in [["-L", "f"], ["-L=f"], ["--lockfile", "f"], ["--lockfile=f"]] {
      let options = try withArguments(["lockrun"] + words + ["-W", "--", "true", "-q"]) {
        arguments, count in
        var parser = LockrunParser(arguments, count: count)
        guard case .run(let options) = try parser.parse() else {
          throw Failure(.systemCall, "no lock")
        }
        return options
      }
      #expect(options.path == "f")
      #expect(options.waits)
      #expect(!options.quiet)
    }
  }

  @Test(arguments: [
    ["-L", "f", "true"], ["-L", "f"], ["--", "true"], ["-L", "--", "true"], ["-Lf", "--", "true"],
    ["-W=1", "-L=f", "--", "true"], ["-S", "-1", "-L=f", "--", "true"],
    ["-R=x", "-L=f", "--", "true"], ["-WV", "-L=f", "--", "true"],
  ])
  func whatIsWrongIsAnError(_ words: [String]) {
    withArguments(["lockrun"] + words) { arguments, count in
      var parser = LockrunParser(arguments, count: count)
      do throws(Failure) {
        _ = try parser.parse()
        Issue.record("accepted: \(words)")
      } catch {
        #expect(error.status == 1)
        #expect(error.message.bytes.starts(with: Array("ERROR: ".utf8)))
      }
    }
  }
}

@Suite struct CNumberTests {
  @Test(arguments: [
    (".1", 0.1), ("1.", 1), ("1e-1", 0.1), ("0x10", 16), ("0x.8p1", 1), (" +2.5", 2.5), ("-3", -3),
    ("1E2", 100), ("inf", .infinity), ("-Infinity", -.infinity), ("1e400", .infinity),
    ("0e9999", 0),
    ("1e-400", 0), ("0e99999999999", 0), ("1e310", .infinity),
  ])
  func realNumbersAreThoseOfC(_ text: String, _ value: Double) throws {
    #expect(try realNumber(ByteString(text)) == value)
  }

  @Test(arguments: [
    "", ".", "e1", "1e", "1e+", "1 ", "0x", "1x", "0,1", "1.5.5", "1e 1", "--1", "1e-x",
    "0e999999x",
  ])
  func otherWordsAreNone(_ text: String) {
    #expect(throws: NumberError.self) { try realNumber(ByteString(text)) }
  }

  /// The odd ones are util-linux 2.42's own rounding.
  @Test(arguments: [
    ("0", 0), ("010", 8), ("0x10", 16), ("1K", 1024), ("1KiB", 1024), ("1kB", 1000),
    ("2.5MiB", 2_621_440), ("1.K", 1024), ("0.3K", 341), ("1.25K", 1279), ("1.025K", 1049),
    ("1.10K", 2048), ("0.999999999999K", 1126), ("15E", 15 << 60),
    ("0Z", 0), ("18446744073709551615", UInt64.max),
  ])
  func sizesAreThoseOfUtilLinux(_ text: String, _ value: UInt64) throws {
    #expect(try byteCount(ByteString(text)) == value)
  }

  @Test(arguments: ["", "-1", "1.5", "1Ki", "1B", "1e3", "K", "1KBx", "1 K"])
  func otherSizesAreInvalid(_ text: String) {
    #expect(throws: NumberError.invalid) { try byteCount(ByteString(text)) }
  }

  @Test(arguments: ["16E", "99999999999999999999", "1Z"])
  func largerSizesAreOutOfRange(_ text: String) {
    #expect(throws: NumberError.outOfRange) { try byteCount(ByteString(text)) }
  }
}
