"""The engine, driven as swlock drives it: lines over a socket (section 4 of the specification)."""

import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import time
import urllib.parse

PROJECT = pathlib.Path(__file__).resolve().parents[3]
ENGINE = os.environ.get("SWLOCK_ETCD", str(PROJECT / "build" / "swlock-etcd"))
LIMIT = 30  # seconds, on a busy machine
INFORMATION = "host={} pid={} user=root since=1790000000 command=backup.sh"


def boottime():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Line:
    """What the engine said, and when."""

    def __init__(self, raw):
        self.at = boottime()
        self.raw = raw
        self.verb, *self.words = [urllib.parse.unquote(word) for word in raw.split(" ")]

    @property
    def text(self):
        return " ".join(self.words)

    def __repr__(self):
        return self.raw


class Engine:
    """One engine process. A context manager, which leaves no process behind."""

    def __init__(self, environment, verb, name, *words, log=None, wrapper=()):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self._log = open(log, "ab") if log else None
            self.process = subprocess.Popen(
                [*wrapper, ENGINE, verb, name, *words],
                stdin=theirs,
                stdout=theirs,
                stderr=self._log or subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        self.name = name
        self.lines = []
        self._bytes = b""
        self.ended = False
        self.released = False

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()
        self.signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()
        if self._log:
            self._log.close()

    @property
    def pid(self):
        return self.process.pid

    def signal(self, number):
        if self.process.poll() is None:
            self.process.send_signal(number)

    def say(self, text):
        self.socket.sendall(text.encode() + b"\n")

    def close(self):
        self.socket.close()

    def _readable(self, limit):
        # select(2) has no more than 1,024 descriptors.
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return poll.poll(max(0, limit) * 1000)

    def read(self, limit):
        """The lines that come until there are any, or `limit` seconds have passed."""
        if self.ended or not self._readable(limit):
            return []
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.ended = not data
        *whole, self._bytes = (self._bytes + data).split(b"\n")
        found = [Line(line.decode("latin-1")) for line in whole]
        self.lines += found
        return found

    def expect(self, *verbs, limit=LIMIT):
        """The first line from now on that begins with one of `verbs`; an AssertionError if there is none."""
        end = time.monotonic() + limit
        while True:
            for index, line in enumerate(self.lines):
                if line.verb in verbs and not getattr(line, "seen", False):
                    for passed in self.lines[: index + 1]:
                        passed.seen = True
                    return line
            if self.ended or time.monotonic() > end:
                raise AssertionError(f"no {verbs} of {self.name}, {'ended' if self.ended else 'late'}: {self.lines}")
            self.read(end - time.monotonic())

    def held(self, limit=LIMIT):
        line = self.expect("held", "failed", "busy", limit=limit)
        assert line.verb == "held", line
        self.token, self.until = int(line.words[0]), int(line.words[1])
        self.variables = dict(word.split("=", 1) for word in line.words[2:])
        return line

    def deadline(self):
        """The newest deadline that was said."""
        while self.read(0):
            pass
        for line in reversed(self.lines):
            if line.verb == "until":
                return int(line.words[0])
            if line.verb == "held":
                return int(line.words[1])
        return None

    def release(self, limit=LIMIT):
        self.say("release")
        return self.expect("released", limit=limit)

    def said(self, verb):
        while self.read(0):
            pass
        return [line for line in self.lines if line.verb == verb]

    def wait(self, limit=LIMIT):
        return self.process.wait(limit)

    def memory(self):
        """Resident kilobytes."""
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1])


def lock(environment, name, *words, ttl=5, kind="exclusive", host="host", pid=1, **more):
    """`lock NAME ...` with the words that swlock always gives."""
    return Engine(
        environment, "lock", name, f"ttl={ttl}", f"kind={kind}", *words, "info=" + INFORMATION.format(host, pid), **more
    )
