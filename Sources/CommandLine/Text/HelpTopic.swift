/// What `swlock help` explains beside the commands.
package enum HelpTopic: CaseIterable, Sendable {
  case modes, exit, durations, json

  package var name: Literal {
    switch self {
    case .modes: "modes"
    case .exit: "exit"
    case .durations: "durations"
    case .json: "json"
    }
  }

  package var summary: Literal {
    switch self {
    case .modes: "the kinds of locks, and which of them exclude each other"
    case .exit: "the exit statuses"
    case .durations: "how a DURATION is written"
    case .json: "what 'status --json' writes"
    }
  }

  var text: Message {
    switch self {
    case .modes:
      """
      The kinds of locks (--mode):

        flock     flock(2), the default. Excludes flock(1). The command inherits it.
        posix     fcntl(2) F_SETLK. Excludes lockf(3) and lockrun, as apt and dpkg use
                  it. Not inherited.
        ofd       fcntl(2) F_OFD_SETLK. Excludes posix locks as well. Inherited.
        flock+ofd both on one file, the ofd lock first: excludes all of the above.
                  Inherited. The range of --range is that of the ofd lock.
        hardlink  link(2): the file is the lock, and names its owner. For file systems
                  whose kernel locks mean nothing between hosts. It has a lifetime,
                  which 'run' renews. Excludes flufl.lock, or portage with --style.
        ENGINE    any other name: a program that asks servers, such as etcd. The lock
                  is of a name, not a file, and has a lifetime, which 'run' renews.
                  For several machines.
        auto      flock, if that excludes at PATH; hardlink otherwise.

      On a local disk a flock lock does not keep out a posix or ofd lock: whoever uses
      a lock has to use the same kind. 'swlock status --probe DIR' tries in a folder
      what keeps out what.

      With --shared many may have a lock at once (not hardlink). Who wants it alone
      waits for all of them, and later ones may pass.

      Who comes when the lock is just free may pass those that wait. With --queue all
      come in order of arrival. With --slots N so many have it at once, in order, as
      locks of mode ofd. 'run --replace' has the newest end the others.

      swlock(7) has more about them, and about NFS.

      """
    case .exit: Help.exitStatuses(ExitStatus.allCases.filter { $0 != .done }, of: nil)
    case .durations:
      """
      A DURATION is a number of seconds, or has units, also several:

        10    1.5    500ms    90s    5min    1h30m    1d12h    infinity

        us    microseconds (usec)
        ms    milliseconds (msec)
        s     seconds (sec, second, seconds)
        m     minutes (min, minute, minutes)
        h     hours (hr, hour, hours)
        d     days (day, days)
        w     weeks (week, weeks)

      """
    case .json:
      """
      'swlock status --json [PATH...]' writes an object a line, always with these
      fields. What is not known, or means nothing there, is null. Times are in seconds
      since 1970.

        path        as it was given; without PATH, as the kernel names it
        held        whether somebody who wants the lock has to wait
        state       held or unlocked; of a hardlink lock ours, ours-expired, stale,
                    theirs-expired or unknown
        mode        of the lock; of the first one, where there are several
        since       when it was taken, where swlock took it
        holders     who has it: pid, host, user, command, started, stopped, alive,
                    keeps_for, verified, took, expiry, foreign, file
        waiters     the same of those who wait
        holder      of a hardlink lock: the one of holders
        locks       those of the kernel one by one: mode, shared, start, length,
                    count, certain, since, holders, waiters
        open        who has the file open, where there is no lock
        unreadable  the processes that cannot be inspected
        elsewhere   what other hosts have: none, shared, exclusive or unknown
        complete    whether all was seen

      Locks that are held for more than an hour:

        swlock status --json | jq -r 'select(.since and now - .since > 3600) | .path'

      swlock-status(1) describes each field. The lines of 'run --record' are others:
      swlock-run(1).

      """
    }
  }
}
