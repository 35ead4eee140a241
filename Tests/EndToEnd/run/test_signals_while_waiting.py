"""Signals to swlock before its command runs, and to a command that is stopped."""

import os
import signal

import pytest

from observing import (
    command_of,
    counting,
    end,
    every_shape,
    held,
    in_a_group_of_its_own,
    is_stopped,
    mode_of,
    wait_until,
    waits_on,
)


every_waiter = pytest.mark.parametrize(
    "options", [[], ["--close"], ["-m", "posix"], ["-m", "ofd"]], ids=" ".join
)


@every_waiter
def test_a_stop_while_waiting_does_not_reach_the_later_command(swlock, folder, options):
    command = counting("SIGTSTP", "SIGCONT")
    with held(folder / "lock", mode_of(options)):
        process = swlock.start("run", *options, "lock", *command, preexec_fn=in_a_group_of_its_own)
        wait_until(lambda: waits_on(folder / "lock"))
        process.send_signal(signal.SIGTSTP)
        wait_until(lambda: is_stopped(process.pid))
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: not is_stopped(process.pid))
    assert process.stdout.readline() == b"counting\n"
    (folder / "stop").touch()
    assert process.wait(10) == 9
    assert not (folder / "count").exists()


@every_waiter
@pytest.mark.parametrize("name", ["USR1", "USR2"])
def test_a_user_signal_while_waiting_ends_the_wait(swlock, folder, options, name):
    number = getattr(signal, f"SIG{name}")
    with held(folder / "lock", mode_of(options)):
        process = swlock.start("run", *options, "lock", "touch", "ran")
        wait_until(lambda: waits_on(folder / "lock"))
        process.send_signal(number)
        # One that comes before it is handled ends the process itself.
        assert process.wait(10) in (-number, 128 + number)
        wait_until(lambda: not waits_on(folder / "lock"))
    assert not (folder / "ran").exists()


@every_shape
def test_a_stopped_command_is_ended_by_a_forwarded_term(swlock, shape):
    """The signal may come before swlock knows that the command is stopped: hence the loop."""
    for _ in range(20):
        process = swlock.start("run", *shape, "lock", "sleep", "60")
        command = command_of(process, "sleep")
        os.kill(command, signal.SIGSTOP)
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(30) == 128 + signal.SIGTERM
        finally:
            end(command)
