"""Children that swlock has had before it was swlock are none of its command."""

import pytest

from conftest import SWLOCK
from observing import appears, end, is_alive


@pytest.mark.parametrize("what", ["kill", "wait"])
def test_children_from_before_swlock_are_no_leftovers(swlock, folder, what):
    script = f'sleep 60 >/dev/null 2>&1 & echo $!; exec "$1" run --leftovers={what} lock true'
    process = swlock.begin(["sh", "-c", script, "sh", SWLOCK])
    daemon = int(process.stdout.readline())
    try:
        assert process.wait(10) == 0
        assert is_alive(daemon)
    finally:
        end(daemon)


@pytest.mark.parametrize("what", ["kill", "wait"])
def test_children_from_before_swlock_do_not_hide_leftovers(swlock, folder, what):
    stay = "sleep 60" if what == "kill" else "while ! [ -e stop ]; do sleep 0.01; done; exit"
    command = f"sh -c '({stay}) >/dev/null 2>&1 & echo $! >left'"
    script = f'sleep 60 >/dev/null 2>&1 & echo $!; exec "$1" run --leftovers={what} lock {command}'
    process = swlock.begin(["sh", "-c", script, "sh", SWLOCK])
    daemon = int(process.stdout.readline())
    try:
        left = int(appears(folder / "left"))
        if what == "wait":
            assert is_alive(left) and process.poll() is None
            (folder / "stop").touch()
        assert process.wait(10) == 0
        assert not is_alive(left) and is_alive(daemon)
    finally:
        end(daemon)
