"""Holders and waiters killed while others break and clean up: no two sections ever overlap.

SWLOCK_STORM_SECONDS is how long each storm lasts.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import threading

import pytest

from chance import dice_for
from conftest import SWLOCK
from hardlink_world import NOT_HELD, SETTLE, claims, left_in, under
from observing import PATIENCE, nothing_left  # noqa: F401
from sections import Storm, any_process_of, the_wrapper

SECONDS = float(os.environ.get("SWLOCK_STORM_SECONDS", "2"))

STYLES = {"flufl": [], "portage": ["--style", "portage"]}


def all_processes(pid, handle, dice):
    """The front and the holder at once: none is left to see to the command's end."""
    with contextlib.suppress(OSError):
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ours = [child for child in children if os.path.samefile(f"/proc/{child}/exe", SWLOCK)]
        handles = [os.pidfd_open(int(child)) for child in ours]
        for each in handles:
            signal.pidfd_send_signal(each, signal.SIGKILL)
            os.close(each)
    return the_wrapper(pid, handle, dice)


VICTIMS = {"wrapper": the_wrapper, "any": any_process_of(SWLOCK), "all": all_processes}


class Loop:
    """A command that is run again and again until the end; its statuses, and what it said."""

    def __init__(self, folder, *words):
        self.folder, self.words = folder, [SWLOCK, *words]
        self.stopping = threading.Event()
        self.outcomes = []
        self.thread = threading.Thread(target=self._go)

    def _go(self):
        while not self.stopping.is_set():
            self.outcomes.append(
                subprocess.run(
                    self.command(),
                    cwd=self.folder,
                    capture_output=True,
                    timeout=PATIENCE,
                    check=False,
                )
            )

    def command(self):
        return self.words

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def statuses(self):
        return {outcome.returncode for outcome in self.outcomes}


class FragileLoop(Loop):
    """Its command is killed after 1 to 5 ms."""

    def __init__(self, name, *arguments):
        super().__init__(*arguments)
        self.dice = dice_for(name)

    def command(self):
        return ["timeout", "-s", "KILL", f"0.00{self.dice.randint(1, 5)}", *self.words]


def what_was_said(storm):
    return sorted(set(storm.errors.read_text().splitlines()))


def tidied(folder, style):
    """What a cleanup leaves once everybody is gone."""
    words = [SWLOCK, "cleanup", *SETTLE, *style, "."]
    subprocess.run(words, cwd=folder, capture_output=True, check=True, timeout=PATIENCE)
    return sorted(os.listdir(folder))


STORMS = [("flufl", name) for name in VICTIMS] + [("portage", "any")]


@pytest.mark.parametrize("style, victims", STORMS)
def test_no_sections_overlap_while_holders_and_waiters_are_killed(folder, style, victims):
    style = STYLES[style]
    storm = Storm(folder, under(*style), depth=1)
    breakers = [Loop(storm.area, "break", *SETTLE, *style, "lock") for _ in range(3)]
    janitor = Loop(storm.area, "cleanup", *SETTLE, *style, ".")
    with contextlib.ExitStack() as stack:
        for loop in (*breakers, janitor):
            stack.enter_context(loop)
        storm.rage(SECONDS, VICTIMS[victims])
    assert storm.hits > 0 and storm.count("enter") > storm.hits
    assert storm.count("overlap") == 0
    # Killed: the wrapper, or its command.
    assert storm.statuses <= {0, -9, 137}, what_was_said(storm)
    # By the moment: broken, not there, or held by one that lives.
    assert all(breaker.outcomes and breaker.statuses() <= {0, 66, 75} for breaker in breakers)
    assert janitor.outcomes and janitor.statuses() == {0}
    # Portage's lock file stays, if it was ever made.
    assert tidied(storm.area, style) in ([], ["lock"] if style else [])


def test_no_sections_overlap_while_processes_of_breakers_are_killed(folder):
    """Right holders die at any step; what they leave is no obstacle and is cleaned up."""
    storm = Storm(folder, under(), depth=1)
    words = ["break", *SETTLE, "lock"]
    breakers = [FragileLoop(f"breaker {number}", storm.area, *words) for number in range(3)]
    with contextlib.ExitStack() as stack:
        for breaker in breakers:
            stack.enter_context(breaker)
        storm.rage(SECONDS, the_wrapper)
    assert storm.count("enter") > storm.hits > 0
    assert storm.count("overlap") == 0
    # Killed, or not reached.
    assert storm.statuses <= {0, -9}, what_was_said(storm)
    assert {137, -9} & set().union(*(breaker.statuses() for breaker in breakers))
    assert tidied(storm.area, []) == []


def test_forced_breaks_never_harm_the_next_holder(folder):
    """A victim learns of it and its command ends; whoever is not a victim releases in peace."""
    storm = Storm(folder, under(), depth=1, seconds=0.005)
    breaker = Loop(storm.area, "break", "--force", *SETTLE, "lock")
    with breaker:
        storm.rage(SECONDS / 2)
    # By the moment: broken, or not there.
    assert breaker.outcomes and breaker.statuses() <= {0, 66}
    assert storm.count("enter") > 0
    # Broken, or not reached.
    assert storm.statuses <= {0, NOT_HELD}, what_was_said(storm)
    assert left_in(storm.area) == [] and claims(storm.area) == []
