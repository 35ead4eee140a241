import CSystem
import SystemInterface
import TestSupport
import Testing

@testable import Launching

@Suite(.takingTurns) struct ReaperTests {
  @Test func stopsContinuationsAndTheEndAreToldInTheirOrder() throws {
    try inForkedProcess { findings in
      let command = try start(Command(["sleep", "1000"]))
      var reaper = Reaper(of: command, nil)
      findings.expect(try reaper.next(), .nothing)
      kill(command.identifier, SIGSTOP)
      findings.expect(try next(&reaper), .stopped(by: SIGSTOP))
      kill(command.identifier, SIGCONT)
      findings.expect(try next(&reaper), .continued)
      kill(command.identifier, SIGKILL)
      let killed = Termination.signalled(number: SIGKILL, coreDumped: false)
      findings.expect(try next(&reaper), .ended(killed))
      findings.expect(try reaper.next(), .nobodyLeft)
    }
  }

  @Test func theStopOfAnotherIsNoNews() throws {
    try inForkedProcess { findings in
      let command = try start(Command(["sleep", "1000"]))
      let other = try start(Command(["sleep", "1000"]))
      var reaper = Reaper(of: command, nil)
      kill(other.identifier, SIGSTOP)
      findings.wait { isStopped(other.identifier) }
      findings.expect(try reaper.next(), .nothing)
      kill(other.identifier, SIGKILL)
      findings.expect(try next(&reaper), .otherEnded(other.identifier))
    }
  }

  @Test func eachOfManyZombiesIsToldOnceAndTheCommandAmongThem() throws {
    try inForkedProcess { findings in
      var others: [Int32] = []
      for _ in 0..<150 { others.append(try start(Command(["true"])).identifier) }
      let command = try start(Command(["false"]))
      for _ in 0..<150 { others.append(try start(Command(["true"])).identifier) }
      var reaper = Reaper(of: command, nil)
      var ended: Termination?
      while true {
        switch try next(&reaper) {
        case .otherEnded(let process):
          findings.expect(others.contains(process))
          others.removeAll { $0 == process }
          continue
        case .ended(let termination):
          findings.expect(ended, nil)
          ended = termination
          continue
        case .nobodyLeft: break
        case let news: findings.add("\(news)")
        }
        break
      }
      findings.expect(others, [])
      findings.expect(ended, .exited(code: 1))
    }
  }

  @Test func whatIsUsedIsTheCommandsAndNotTheOthers() throws {
    try inForkedProcess { findings in
      let work: ByteString = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"
      let other = try shell(work)
      let command = try start(Command(["true"]))
      var reaper = Reaper(of: command, nil)
      findings.expect(reaper.usage, nil)
      while try next(&reaper) != .nobodyLeft {}
      findings.expect(reaper.usage!.userTime < .milliseconds(20))
      findings.expect(reaper.usage!.residentKibibytes > 100)
      findings.expect(other.identifier != command.identifier)
      let worker = try shell(work)
      reaper = Reaper(of: worker, nil)
      while try next(&reaper) != .nobodyLeft {}
      findings.expect(reaper.usage!.userTime > .milliseconds(20))
    }
  }

  @Test func anOrphanIsLeftUntilItHasEnded() throws {
    try inForkedProcess { findings in
      let command = try shell("sleep 1000 & exit 3")
      var reaper = Reaper(of: command, nil)
      findings.expect(try next(&reaper), .ended(.exited(code: 3)))
      findings.expect(try reaper.next(), .nothing)
      let orphans = Family(nil).send([SIGKILL]).reached
      findings.expect(orphans.count, 1)
      findings.expect(try next(&reaper), .otherEnded(orphans[0]))
      findings.expect(try reaper.next(), .nobodyLeft)
    }
  }

  @Test func aRelaysNumberIsFreeBeforeItCanBeAnothers() throws {
    try inForkedProcess { findings in
      let command = try start(Command(["sleep", "1000"]))
      let program = try start(Command(["true"]))
      let processes = try RelayProcesses()
      processes.setProgram(0, program.identifier)
      var reaper = Reaper(of: command, processes)
      findings.expect(try next(&reaper), .otherEnded(program.identifier))
      findings.expect(!processes.contains(program.identifier))
    }
  }

  /// Until there is news, or nobody.
  private func next(_ reaper: inout Reaper) throws -> Reaper.News {
    var news = Reaper.News.nothing
    _ = try becomesTrue {
      news = try reaper.next()
      return news != .nothing
    }
    return news
  }
}
