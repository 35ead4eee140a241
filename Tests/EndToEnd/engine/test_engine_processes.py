"""Every row of the table of processes: who dies or is stopped, alone and in pairs. A command never outlives its
lock, and never runs beside the next one's."""

import fcntl
import os
import signal

import pytest

from engines import Section, engine  # noqa: F401
from observing import end, is_stopped, nothing_left, wait_until  # noqa: F401

LIFETIME = ["--lifetime", "8"]


class Trial:
    """A section, and one that waits for its lock."""

    def __init__(self, engine):
        # The machine may stand still for a moment when the command is to be killed.
        engine.faults("ttl=8", "margin=2.5")
        self.engine = engine
        self.section = Section(engine, *LIFETIME, log="one")
        self.next = engine.start("run", *LIFETIME, "job", "--", "sh", "-c", "date +%s.%N")
        wait_until(lambda: len(engine.entries()) == 2, "the next one waits")

    def pids(self, names):
        return [self.section.front.pid if name == "front" else getattr(self.section, name) for name in names]

    def send(self, number, names):
        with open(self.engine.locks / ".change", "a") as mutex:
            if number == signal.SIGSTOP:
                # An engine that is stopped while it has this would keep all others from their locks.
                fcntl.flock(mutex, fcntl.LOCK_EX)
            for pid in self.pids(names):
                end(pid, number)
            if number == signal.SIGSTOP:
                wait_until(lambda: all(map(is_stopped, self.pids(names))), "they are stopped")

    def go_on(self, names):
        for pid in self.pids(names):
            end(pid, signal.SIGCONT)

    def next_enters_later(self):
        """Than the command's last sign of life."""
        output, errors = self.next.communicate(timeout=30)
        assert self.next.returncode == 0, errors
        assert not self.section.runs()
        assert float(output) >= self.section.last_beat()


@pytest.fixture
def trial(engine):
    return Trial(engine)


def test_killed_helper(trial):
    trial.send(signal.SIGKILL, ["helper"])
    wait_until(trial.section.was_asked, "it is told at once")
    trial.section.wait_for_end()
    trial.next_enters_later()
    status, _, errors = trial.section.result()
    assert status == 76 and b"its engine has ended" in errors


def test_stopped_helper(trial):
    trial.send(signal.SIGSTOP, ["helper"])
    trial.section.wait_for_end()
    assert trial.section.was_asked()
    trial.next_enters_later()
    trial.go_on(["helper"])
    assert trial.section.result()[0] == 76


def test_killed_holder(trial):
    entries = trial.engine.entries()
    trial.send(signal.SIGKILL, ["holder"])
    # At once: its entry was given back, and has not run out.
    assert trial.section.result()[0] == 137
    assert trial.engine.entries() != entries
    trial.next_enters_later()


def test_killed_holder_of_an_engine_that_does_not_release(engine):
    engine.faults("keep")
    section = Section(engine)
    end(section.holder)
    status, _, errors = section.result()
    assert status == 137
    assert errors == b"swlock: unable to release job: its engine does not answer; the lock ends with its lifetime\n"


def test_stopped_holder(trial):
    trial.send(signal.SIGSTOP, ["holder"])
    # The engine renews, and only swlock knows; it is told by lines that nobody reads.
    trial.section.wait_for_end()
    trial.go_on(["holder"])
    assert trial.section.result()[0] == 76
    trial.next_enters_later()


def test_holder_that_stays_stopped(trial):
    trial.send(signal.SIGSTOP, ["holder"])
    # It cannot give the lock back, and the engine would renew it for ever.
    trial.next_enters_later()
    assert trial.section.result()[0] == 76


def test_killed_front(trial):
    trial.send(signal.SIGKILL, ["front"])
    trial.section.front.wait()
    count = len(trial.section.all_beats())
    wait_until(lambda: len(trial.section.all_beats()) > count + 200, "it goes on")
    assert trial.section.runs() and not trial.section.was_asked()
    end(trial.section.command)
    trial.next_enters_later()
    trial.section.front.communicate()


def test_stopped_front(trial):
    trial.send(signal.SIGSTOP, ["front"])
    count = len(trial.section.all_beats())
    wait_until(lambda: len(trial.section.all_beats()) > count + 200, "it goes on")
    assert trial.section.runs() and not trial.section.was_asked()
    end(trial.section.command)
    trial.next_enters_later()
    trial.go_on(["front"])
    assert trial.section.result()[0] == 137


def test_killed_front_and_holder(trial):
    token = trial.engine.entries()[0]
    trial.send(signal.SIGKILL, ["front", "holder"])
    trial.section.wait_for_end()
    wait_until(lambda: trial.section.helper not in trial.engine.helpers(), "the engine has ended")
    # It does not give the lock back: what the command left may still run.
    assert trial.engine.entries()[0] == token
    trial.next_enters_later()
    trial.section.front.communicate()


def test_killed_helper_and_holder(trial):
    trial.send(signal.SIGKILL, ["helper", "holder"])
    trial.section.wait_for_end()
    trial.next_enters_later()
    assert trial.section.result()[0] == 137


def test_killed_helper_and_front(trial):
    trial.send(signal.SIGKILL, ["helper", "front"])
    wait_until(trial.section.was_asked)
    trial.section.wait_for_end()
    trial.next_enters_later()
    trial.section.front.communicate()


@pytest.mark.parametrize("names", [["helper", "front"], ["helper", "holder"]], ids="+".join)
def test_stopped_pairs_with_one_left_that_looks_at_the_clock(trial, names):
    trial.send(signal.SIGSTOP, names)
    trial.section.wait_for_end()
    trial.next_enters_later()
    trial.go_on(names)
    assert trial.section.result()[0] == 76


def test_stopped_front_and_holder_kill_when_they_go_on(trial):
    """Nobody is left who could have ended the command: SWLOCK_TOKEN tells."""
    names = ["front", "holder", "helper"]
    trial.send(signal.SIGSTOP, names)
    output, errors = trial.next.communicate(timeout=30)
    assert trial.next.returncode == 0, errors
    trial.go_on(names)
    trial.section.wait_for_end()
    assert trial.section.result()[0] == 76


def test_killed_helper_of_a_stopped_holder(trial):
    trial.send(signal.SIGSTOP, ["holder"])
    trial.send(signal.SIGKILL, ["helper"])
    trial.section.wait_for_end()
    trial.next_enters_later()
    trial.go_on(["holder"])
    assert trial.section.result()[0] == 76


@pytest.mark.parametrize("who", ["front", "holder", "both"])
def test_whoever_is_killed_while_waiting_leaves_no_place(engine, who):
    section = Section(engine)
    waiter = engine.start("run", "job", "true")
    wait_until(lambda: len(engine.entries()) == 2)
    (holder,) = [pid for pid in children(waiter.pid)]
    for pid in {"front": [waiter.pid], "holder": [holder], "both": [waiter.pid, holder]}[who]:
        end(pid)
    waiter.communicate(timeout=30)
    wait_until(lambda: engine.entries() == ["1"], "its place was given back")
    assert section.runs()
    end(section.command)
    assert section.result()[0] == 137


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


def test_signals_of_a_service_or_a_terminal_leave_the_helper_alone(engine):
    section = Section(engine)
    for number in [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]:
        os.kill(section.helper, number)
    count = len(section.all_beats())
    wait_until(lambda: len(section.all_beats()) > count + 20)
    assert section.helper in engine.helpers()
    assert os.getsid(section.helper) != os.getsid(section.front.pid)
    ends = {os.readlink(f"/proc/{section.helper}/fd/{number}") for number in (0, 1)}
    assert len(ends) == 1 and ends.pop().startswith("socket:")
    assert os.readlink(f"/proc/{section.helper}/fd/2") == "/dev/null"
    with open(f"/proc/{section.helper}/stat") as file:
        assert int(file.read().rpartition(")")[2].split()[1]) not in (section.front.pid, section.holder)
    end(section.command)
    assert section.result()[0] == 137


def test_a_terminated_swlock_passes_that_on_and_releases(engine):
    section = Section(engine)
    section.front.terminate()
    wait_until(section.was_asked)
    end(section.command)
    assert section.result()[0] == 137
    engine.nothing_left()
