import CSystem
import SystemInterface
import Testing

@testable import Launching

/// What stops mean, as plain values: no process is stopped here.
struct JobControlTests {
  typealias Answer = JobControl.Answer
  typealias Sight = JobControl.Sight

  private static let start = Deadline(sinceZero: .seconds(1000))
  private static let foregrounds: [JobControl.Foreground] = [.none, .ours, .command, .other]
  private static let jobSignals = [SIGTSTP, SIGTTIN, SIGTTOU]

  private func sight(
    _ foreground: JobControl.Foreground = .none, after span: Span = .zero
  ) -> Sight {
    Sight(foreground: foreground, now: Self.start + span)
  }

  /// A command that has stopped, after a stop signal of ours if it `isExpected`.
  private func stopped(
    _ group: Command.ProcessGroup = .inherited, isExpected: Bool = false,
    isFromTerminal: Bool = false
  ) -> JobControl {
    var control = JobControl(group)
    if isExpected { control.expectStop(isFromTerminal: isFromTerminal, at: Self.start) }
    control.commandWasStopped()
    return control
  }

  // MARK: - A command in our group

  @Test(arguments: jobSignals)
  func aStopThatTheTerminalMakesIsOursToo(_ signal: Int32) {
    #expect(stopped().answer(toStopBy: signal, sight(.ours)) == .stop)
    #expect(stopped().answer(toStopBy: signal, sight(.other)) == .nothing)
    #expect(stopped().answer(toStopBy: signal, sight(.none)) == .nothing)
  }

  @Test func aCommandThatIsStoppedAloneDoesNotStopUs() {
    for foreground in Self.foregrounds {
      #expect(stopped().answer(toStopBy: SIGSTOP, sight(foreground)) == .nothing)
    }
  }

  @Test(arguments: jobSignals)
  func theAnswerToAStopSignalStopsUsAlsoOffTheTerminal(_ signal: Int32) {
    let control = stopped(isExpected: true)
    for foreground in Self.foregrounds {
      #expect(control.answer(toStopBy: signal, sight(foreground)) == .stop)
    }
  }

  @Test func sigstopIsAnAnswerOnTheTerminalOnly() {
    let control = stopped(isExpected: true)
    #expect(control.answer(toStopBy: SIGSTOP, sight(.ours)) == .stop)
    #expect(control.answer(toStopBy: SIGSTOP, sight(.other)) == .nothing)
    #expect(control.answer(toStopBy: SIGSTOP, sight(.none)) == .nothing)
  }

  @Test func anAnswerThatComesTooLateIsNone() {
    let control = stopped(isExpected: true)
    let last = JobControl.longestAnswer - .nanoseconds(1)
    #expect(control.answer(toStopBy: SIGTSTP, sight(after: last)) == .stop)
    let late = sight(after: JobControl.longestAnswer)
    #expect(control.answer(toStopBy: SIGTSTP, late) == .nothing)
  }

  @Test func aContinuationEndsTheWaitForAnAnswer() {
    var control = stopped(isExpected: true)
    control.commandWasContinued()
    #expect(!control.commandIsStopped)
    control.commandWasStopped()
    #expect(control.answer(toStopBy: SIGTSTP, sight()) == .nothing)
    control = stopped(isExpected: true)
    control.forgetStop()
    #expect(control.answer(toStopBy: SIGTSTP, sight()) == .nothing)
  }

  @Test func oneStopSignalStopsUsOnce() {
    var control = stopped(isExpected: true)
    control.stop()
    #expect(control.stops == 1)
    #expect(control.answer(toStopBy: SIGTSTP, sight()) == .nothing)
  }

  // MARK: - Reasons to go on

  @Test func aStopThatIsOverStopsNobody() {
    for group in [Command.ProcessGroup.inherited, .new, .newInBackground] {
      let control = stopped(group, isExpected: true)
      for foreground in Self.foregrounds {
        var sight = sight(foreground)
        sight.commandHasGoneOn = true
        #expect(control.answer(toStopBy: SIGTSTP, sight) == .nothing)
      }
    }
  }

  @Test func nobodyStopsWhileTheCommandIsToEnd() {
    var control = stopped(isExpected: true)
    var sight = sight(.ours)
    sight.endIsPending = true
    #expect(control.answer(toStopBy: SIGTSTP, sight) == .nothing)
    sight.endIsPending = false
    control.isPassingEnd = true
    #expect(control.answer(toStopBy: SIGTSTP, sight) == .nothing)
    control.isPassingEnd = false
    #expect(control.answer(toStopBy: SIGTSTP, sight) == .stop)
  }

  @Test func aStopInFrontOfAnEndIsUndone() {
    for group in [Command.ProcessGroup.inherited, .new, .newInBackground, .ofNewSession] {
      var control = stopped(group, isExpected: true)
      control.isPassingEnd = true
      var sight = sight(.ours)
      sight.endIsKept = true
      #expect(control.answer(toStopBy: SIGSTOP, sight) == .continueCommand)
    }
  }

  // MARK: - A command in a group of its own

  @Test func theTerminalIsLentToACommandThatNeedsItIfItIsOurs() {
    for group in [Command.ProcessGroup.new, .newInBackground] {
      for signal in [SIGTTIN, SIGTTOU] {
        let control = stopped(group)
        #expect(control.answer(toStopBy: signal, sight(.ours)) == .lendTerminal)
        let other = control.answer(toStopBy: signal, sight(.other))
        #expect(other == .stopWithGroup(telling: true))
      }
    }
  }

  @Test func aKeyThatStopsTheCommandStopsOurGroup() {
    let control = stopped(.new)
    let answer = Answer.stopWithGroup(telling: true)
    #expect(control.answer(toStopBy: SIGTSTP, sight(.command)) == answer)
    #expect(control.answer(toStopBy: SIGTSTP, sight(.ours)) == .nothing)
    #expect(control.answer(toStopBy: SIGTSTP, sight(.other)) == .nothing)
    #expect(control.answer(toStopBy: SIGSTOP, sight(.command)) == .nothing)
  }

  @Test func aGroupThatTheTerminalHasToldIsNotToldAgain() {
    let control = stopped(.new, isExpected: true, isFromTerminal: true)
    let told = Answer.stopWithGroup(telling: false)
    #expect(control.answer(toStopBy: SIGTSTP, sight(.ours)) == told)
    let late = sight(.command, after: JobControl.longestAnswer)
    #expect(control.answer(toStopBy: SIGTSTP, late) == .stopWithGroup(telling: true))
    let untold = stopped(.new, isExpected: true)
    #expect(untold.answer(toStopBy: SIGTSTP, sight(.ours)) == .stopWithGroup(telling: true))
  }

  @Test func withoutATerminalAGroupOfItsOwnStopsAlone() {
    let control = stopped(.new, isExpected: true)
    #expect(control.answer(toStopBy: SIGTSTP, sight(.none)) == .nothing)
  }

  @Test func aSessionOfItsOwnStopsAlone() {
    let control = stopped(.ofNewSession, isExpected: true)
    for foreground in Self.foregrounds {
      #expect(control.answer(toStopBy: SIGTSTP, sight(foreground)) == .nothing)
    }
  }

  // MARK: - Every order of events

  private enum Event: CaseIterable {
    case stopSignal, stopped, continued, jobContinued
  }

  /// Off the terminal: a stop is followed exactly where a stop signal has come since the last continuation and
  /// the last stop, in whatever order the two come; and nobody stops over a command that runs.
  @Test func inEveryOrderAStopIsFollowedIfASignalCameAndNothingSince() {
    var sequences: [[Event]] = [[]]
    for _ in 0..<6 {
      sequences = sequences.flatMap { one in Event.allCases.map { one + [$0] } }
    }
    for sequence in sequences {
      var control = JobControl(.inherited)
      var isAsked = false
      var isStopped = false
      for event in sequence {
        switch event {
        case .stopSignal:
          control.expectStop(isFromTerminal: false, at: Self.start)
          isAsked = true
        case .stopped:
          control.commandWasStopped()
          isStopped = true
        case .continued:
          control.commandWasContinued()
          (isAsked, isStopped) = (false, false)
        case .jobContinued:
          control.forgetStop()
          isAsked = false
        }
        #expect(control.commandIsStopped == isStopped, "\(sequence)")
        guard isStopped else { continue }
        let answer = control.answer(toStopBy: SIGTSTP, sight())
        #expect(answer == (isAsked ? .stop : .nothing), "\(sequence)")
        if answer == .stop {
          control.stop()
          isAsked = false
        }
      }
    }
  }

  // MARK: - Who has yet to get a signal

  @Test func aSignalReachesTheCommandOnce() {
    func target(
      _ group: Command.ProcessGroup, _ signal: Int32 = SIGINT, terminals: Bool = false,
      commands: Bool = false, leader: Bool = false
    ) -> JobControl.Target {
      JobControl(group).target(
        of: signal, isTheTerminals: terminals, isTheCommands: commands, isLeader: leader)
    }
    for group in [Command.ProcessGroup.inherited, .new, .newInBackground, .ofNewSession] {
      #expect(target(group) == .command)
      #expect(target(group, commands: true) == .nobody)
    }
    #expect(target(.inherited, terminals: true) == .nobody)
    #expect(target(.inherited, SIGHUP, terminals: true) == .nobody)
    #expect(target(.inherited, SIGHUP, terminals: true, leader: true) == .command)
    #expect(target(.new, terminals: true) == .group)
    #expect(target(.newInBackground, terminals: true) == .group)
    #expect(target(.ofNewSession, terminals: true) == .command)
  }
}
