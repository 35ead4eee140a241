"""System calls in which strace makes a fault."""

import collections

from conftest import SWLOCK

# What libc does before main and at the end, and calls that cannot fail.
NO_ERRORS = set(
    "arch_prctl brk clock_gettime exit exit_group getrandom mmap mprotect munmap prlimit64 "
    "readlink rseq set_robust_list set_tid_address uname getegid geteuid getgid getpgrp getpid "
    "getppid getuid umask".split()
)

# After a fault in these the command has started: it stays for long enough to see swlock end.
AFTER_START = ["rt_sigtimedwait", "wait4"]

# Which processes are disturbed: the one that was started; all up to the command; the one that
# waits for the lock, and what it starts up to the command, from the moment that it gets the lock.
FOLLOW = ["-f", "-b", "execve"]

Call = collections.namedtuple("Call", "name number")


def traced(swlock, *words, inject=(), calls="all"):
    """strace and its output file; only swlock's first process is traced."""
    trace = swlock.folder / "trace"
    return ["strace", "-qq", "-o", str(trace), "-e", f"trace={calls}", *inject, SWLOCK, *words]
