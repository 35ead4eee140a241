"""A kernel that lacks system calls: a filter (seccomp(2)) that answers them with an error.

ENOSYS is what an older kernel says, EPERM what many container profiles say of a call that they do not
know.
"""

import ctypes
import errno
import os
import platform
import signal
import struct

# With the Linux that has brought them. The numbers are the same on all machines from 424 on.
CALLS = {
    "x86_64": {
        "prctl": 157,
        "timer_create": 222,
        "inotify_init1": 294,
        "inotify_add_watch": 254,
        "signalfd4": 289,
        "syncfs": 306,
        "kcmp": 312,
        "getrandom": 318,
        "statx": 332,
        "fcntl": 72,
    },
    "aarch64": {
        "prctl": 167,
        "timer_create": 107,
        "inotify_init1": 26,
        "inotify_add_watch": 27,
        "signalfd4": 74,
        "syncfs": 267,
        "kcmp": 272,
        "getrandom": 278,
        "statx": 291,
        "fcntl": 25,
    },
}.get(platform.machine(), {})
CALLS |= {"pidfd_send_signal": 424, "pidfd_open": 434, "close_range": 436, "faccessat2": 439}

# A call with a certain second argument.
OFD_LOCKS = [("fcntl", 36), ("fcntl", 37), ("fcntl", 38)]

LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERROR = 0x7FFF0000, 0x00050000
SECOND_ARGUMENT = 24  # of struct seccomp_data, its lower half


def lacking(*calls, error=errno.ENOSYS):
    """What a new process does before its exec to be without these calls, each a name or such a pair."""
    steps = []
    for call in calls:
        name, argument = call if isinstance(call, tuple) else (call, None)
        steps.append((LOAD, 0, 0, 0))
        if argument is None:
            steps += [(EQUAL, 0, 1, CALLS[name])]
        else:
            steps += [(EQUAL, 0, 3, CALLS[name]), (LOAD, 0, 0, SECOND_ARGUMENT), (EQUAL, 0, 1, argument)]
        steps.append((RETURN, 0, 0, ERROR | error))
    steps.append((RETURN, 0, 0, ALLOW))
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    libc = ctypes.CDLL(None, use_errno=True)

    def prepare():
        # Not those of a shell without job control.
        for number in (signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)
        buffer = ctypes.create_string_buffer(code)
        program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(buffer))
        if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):
            raise OSError(ctypes.get_errno(), "no filter")

    return prepare


def is_lacking(*calls, error=errno.ENOSYS):
    """Whether that works here: in a process that then ends."""
    child = os.fork()
    if child == 0:
        try:
            lacking(*calls, error=error)()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0
