"""Crowds for a lock that is taken in order, or by several at once: real commands, and what they saw of each other.

Nothing here asks swlock: a second file tells who is inside, by locks that end with their process.
"""

import contextlib
import fcntl
import itertools
import os
import pathlib
import signal
import struct
import subprocess
import threading
import time

from chance import dice_for
from observing import PATIENCE, process_of, python
from sections import Lifeline

GATE = 1 << 62
FIRST_TICKET = GATE + 2
SLOTS_END = 1 << 61
SLOTS = 4096


def record_lock(descriptor, command, kind, start, length=1):
    """One call of fcntl(2) for a record lock; type, start, length and process of what it tells."""
    asked = struct.pack("hhqqi4x", kind, os.SEEK_SET, start, length, 0)
    told = struct.unpack("hhqqi4x", fcntl.fcntl(descriptor, command, asked))
    return told[0], told[2], told[3], told[4]


def count_locked(descriptor, first, end, command=fcntl.F_OFD_GETLK):
    """How many locks for writing others have from `first` up to `end`; 0 as the end is that of all files."""
    count, ranges = 0, [(first, end)]
    while ranges:
        first, end = ranges.pop()
        kind, start, length, _ = record_lock(descriptor, command, fcntl.F_RDLCK, first, end and end - first)
        if kind == fcntl.F_UNLCK:
            continue
        count += 1
        if start > first:
            ranges.append((first, start))
        if length and (not end or start + length < end):
            ranges.append((start + length, end))
    return count


def has_ticket(descriptor, number):
    return count_locked(descriptor, FIRST_TICKET + 2 * number, FIRST_TICKET + 2 * number + 1) > 0


# The command. Its slot's byte of the witness is its own process's: one that was killed is not inside any more.
# Whoever came in before this one was started, and is inside still, was so when this one came in.
SECTION = """
import fcntl, os, struct, sys, time
log, witness, tag, count, begun, seconds, slot = sys.argv[1:]
slot = int(os.environ.get("SWLOCK_SLOT", slot))
log = os.open(log, os.O_WRONLY | os.O_APPEND)
witness = os.open(witness, os.O_RDWR)
word = "enter"
try:
    fcntl.lockf(witness, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
except BlockingIOError:
    word = "twice"
os.pwrite(witness, struct.pack("q", time.monotonic_ns()), 4096 + 8 * slot)
before = 0
for other in range(64):
    asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, other, 1, 0)
    since, = struct.unpack("q", os.pread(witness, 8, 4096 + 8 * other))
    if struct.unpack_from("h", fcntl.fcntl(witness, fcntl.F_GETLK, asked))[0] != fcntl.F_UNLCK:
        again, = struct.unpack("q", os.pread(witness, 8, 4096 + 8 * other))
        before += since == again < int(begun)
if before >= int(count):
    word += " over"
os.write(log, f"{word} {tag} {count}\\n".encode())
time.sleep(float(seconds))
os.write(log, f"leave {tag}\\n".encode())
"""

# Slots with a rule left out: nobody counts, or the command does not inherit its slot.
CARELESS = """
import fcntl, os, struct, subprocess, sys, time
rule, count, waits = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
file = os.open("lock", os.O_RDWR | os.O_CREAT, 0o600)
os.set_inheritable(file, rule == "no count")
while True:
    for slot in range(count):
        asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, slot, 1, 0)
        try:
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, asked)
        except BlockingIOError:
            continue
        sys.exit(subprocess.call(sys.argv[4:], close_fds=False, env={"SWLOCK_SLOT": str(slot)}))
    if not waits:
        sys.exit(75)
    time.sleep(0.01)
"""


def careless(rule):
    return lambda count, waits: python(CARELESS, rule, count, int(waits))


class SlotStorm:
    """Loops that each take a slot, and a killer of waiters, wrappers and commands."""

    def __init__(self, folder, prefix, counts, stay=0.03):
        """`prefix(count, waits)` is the command line before the section; each loop has a count."""
        self.folder, self.prefix, self.counts, self.stay = folder, prefix, counts, stay
        self.log, self.witness, self.errors = (folder / name for name in ("log", "witness", "errors"))
        self.log.touch()
        self.errors.touch()
        self.witness.write_bytes(bytes(2 * SLOTS + 8 * SLOTS))
        self.area = folder / "area"
        self.area.mkdir()
        (self.area / "lock").touch()
        self.tags = itertools.count()
        self.guard = threading.Lock()
        self.running = {}
        self.statuses = set()
        self.stopping = threading.Event()
        self.kills = 0
        self.longest_free = 0

    def said(self, word):
        return sum(word in line for line in self.log.read_text().splitlines())

    def rage(self, seconds, kills=0, until=None):
        """For so long, with so many kills a second; or until a section has seen that."""
        dice = dice_for("slots")
        lifeline = Lifeline()
        threads = [
            threading.Thread(target=self._loop, args=(lifeline, count, dice_for(f"loop {number}")))
            for number, count in enumerate(self.counts)
        ]
        threads.append(threading.Thread(target=self._watch))
        for thread in threads:
            thread.start()
        try:
            end = time.monotonic() + seconds
            while time.monotonic() < end and not (until and self.said(until)):
                time.sleep(dice.uniform(0.5, 1.5) / kills if kills else 0.05)
                if kills:
                    self._kill(dice)
        finally:
            self.stopping.set()
            for thread in threads:
                thread.join()
            try:
                lifeline.wait_until_all_have_ended()
            finally:
                lifeline.close()

    def _loop(self, lifeline, count, dice):
        with open(self.errors, "ab") as errors:
            while not self.stopping.is_set():
                # Those for most stay, so that those for fewer find them; who does not wait is known to have
                # come in just now.
                is_mixed = len(set(self.counts)) > 1
                stays = is_mixed and count == max(self.counts)
                stay = 1 if stays else dice.uniform(0.001, self.stay)
                waits = stays or not is_mixed or dice.random() < 0.3
                told = [next(self.tags), count, time.monotonic_ns(), stay, 0]
                process = subprocess.Popen(
                    [*self.prefix(count, waits), *python(SECTION, self.log, self.witness, *told)],
                    cwd=self.area,
                    stdin=subprocess.DEVNULL,
                    stdout=errors,
                    stderr=errors,
                    pass_fds=[lifeline.writer],
                )
                handle = os.pidfd_open(process.pid)
                with self.guard:
                    self.running[told[0]] = process.pid, handle
                status = process.wait()
                with self.guard:
                    del self.running[told[0]]
                    self.statuses.add(status)
                os.close(handle)

    def _kill(self, dice):
        """A waiter, a wrapper alone, or a command or companion alone."""
        with self.guard:
            if not self.running:
                return
            pid, handle = self.running[dice.choice(sorted(self.running))]
            with contextlib.suppress(OSError):
                children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
                if children and dice.random() < 0.5:
                    # Not reaped by anybody but the wrapper, which has not ended if it is the parent.
                    child = os.pidfd_open(int(children[0]))
                    try:
                        if process_of(children[0])[1] == str(pid):
                            signal.pidfd_send_signal(child, signal.SIGKILL)
                            self.kills += 1
                    finally:
                        os.close(child)
                    return
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                self.kills += 1

    def _watch(self):
        """How long a slot is free at most while somebody waits for one, where all are for as many."""
        file = os.open(self.area / "lock", os.O_RDWR)
        since = last = None
        while not self.stopping.is_set():
            now = time.monotonic()
            free = count_locked(file, 0, SLOTS_END) < min(self.counts)
            free = free and count_locked(file, FIRST_TICKET, 0) > 0
            # One that did not look for a while may have missed that it was taken and given back.
            if not free or since is None or now - last > 0.05:
                since = now
            else:
                self.longest_free = max(self.longest_free, now - since)
            last = now
            time.sleep(0.001)
        os.close(file)

    def is_whole(self):
        """Whether nothing of a slot or a place in the queue is left."""
        file = os.open(self.area / "lock", os.O_RDWR)
        try:
            return count_locked(file, 0, 0) == 0
        finally:
            os.close(file)


class Triggers:
    """Many that want one and the same thing done, which takes a moment: who is told that it will be is no more
    needed. What happens is noted in the order in which it does."""

    def __init__(self, folder, prefix):
        self.folder, self.prefix = folder, prefix
        self.log = folder / "log"
        self.log.touch()
        (folder / "lock").touch()
        self.pulled = self.most_waiting = 0
        self.statuses = set()

    def pull(self, times, seconds, at_once=20):
        dice = dice_for("triggers")
        running = []
        end = time.monotonic() + seconds
        times += self.pulled
        log = os.open(self.log, os.O_WRONLY | os.O_APPEND)
        while running or self.pulled < times and time.monotonic() < end:
            if len(running) < at_once and self.pulled < times and time.monotonic() < end:
                os.write(log, f"trigger {self.pulled}\n".encode())
                command = ["sh", "-c", f"echo run {self.pulled} >>log; exec sleep {dice.uniform(0, 0.02)}"]
                running.append(subprocess.Popen([*self.prefix, *command], cwd=self.folder))
                self.pulled += 1
            time.sleep(dice.uniform(0, 0.004))
            self._count()
            self.statuses |= {process.returncode for process in running if process.poll() is not None}
            running = [process for process in running if process.returncode is None]
        os.close(log)

    def _count(self):
        """While nobody else can enter, so that nobody is counted who came when another had gone."""
        file = os.open(self.folder / "lock", os.O_RDWR)
        record_lock(file, fcntl.F_SETLKW, fcntl.F_WRLCK, GATE)
        self.most_waiting = max(self.most_waiting, count_locked(file, FIRST_TICKET, 0, fcntl.F_GETLK))
        os.close(file)

    def outcome(self):
        """How many ran; how many did not; and of these, after how many none began to run."""
        lines = [line.split() for line in self.log.read_text().splitlines()]
        began = [tag for word, tag in lines if word == "run"]
        assert len(began) == len(set(began))
        covered = in_vain = 0
        runs_follow = False
        for word, tag in reversed(lines):
            if word == "run":
                runs_follow = True
            elif tag not in began:
                covered += 1
                in_vain += not runs_follow
        return len(began), covered, in_vain


# A command that is to be alone, and takes SIGTERM as `manner` says.
ALONE = """
import fcntl, os, signal, sys, time
log, witness, tag, seconds, manner = sys.argv[1:]
if manner == "ignore":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
elif manner == "answer":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
log = os.open(log, os.O_WRONLY | os.O_APPEND)
word = "enter"
try:
    fcntl.flock(os.open(witness, os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    word = "overlap"
os.write(log, f"{word} {tag}\\n".encode())
time.sleep(float(seconds))
os.write(log, f"leave {tag}\\n".encode())
"""


class Bursts:
    """Several at nearly the same moment, each of which is to replace all others."""

    def __init__(self, folder, prefix, manner):
        self.folder, self.prefix, self.manner = folder, prefix, manner
        self.log, self.witness = folder / "log", folder / "witness"
        self.log.touch()
        self.witness.touch()
        self.dice = dice_for("bursts")
        self.statuses = set()
        self.replaced = 0

    def said(self, word):
        return sum(line.startswith(word) for line in self.log.read_text().splitlines())

    def burst(self, number, size=6):
        """Each has ended. Returns how the last one fared that came in: its lines, and its status."""
        self.log.write_bytes(b"")
        processes = []
        for place in range(size):
            stay = 0.02 + self.dice.random() * 0.2
            words = python(ALONE, self.log, self.witness, place, stay, self.manner)
            processes.append(subprocess.Popen([*self.prefix, *words], cwd=self.folder))
            time.sleep(self.dice.random() * 0.05)
        statuses = [process.wait(PATIENCE) for process in processes]
        self.statuses.update(statuses)
        self.replaced += sum(status != 0 for status in statuses)
        lines = [line.split() for line in self.log.read_text().splitlines()]
        last = [tag for word, tag in lines if word != "leave"][-1]
        return [word for word, tag in lines if tag == last], statuses[int(last)]
