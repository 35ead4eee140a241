"""Ours says what the newest flock(1) says, word by word; and what is written of the others is true."""

import os
import subprocess

import pytest

from conftest import SWLOCK
from flock_releases import MAIN, REFERENCE, TABLE, VERSION, read, said, words_of
from observing import is_free

every_line = pytest.mark.parametrize("line", TABLE)


def run(binary, folder, line):
    """What it does where descriptor 7 is the file `lock`; nothing else is left."""
    (folder / "lock").touch()
    result = subprocess.run(
        ["bash", "-c", 'exec -a flock "$0" "$@" <lock 7<>lock', binary, *words_of(line)],
        cwd=folder,
        env={"LC_ALL": "C", "SHELL": "/bin/sh", "PATH": os.defpath},
        capture_output=True,
        timeout=30,
    )
    assert os.listdir(folder) == ["lock"] and is_free(folder / "lock")
    return result.returncode, result.stdout.decode(), result.stderr.decode()


@every_line
def test_ours_says_what_the_newest_says(folder, line):
    assert run(SWLOCK, folder, line) == said(line, MAIN)


@pytest.mark.skipif(VERSION is None, reason="needs the flock of util-linux")
@every_line
def test_the_installed_one_says_what_is_written_of_it(folder, line):
    expected = said(line, VERSION)
    if expected is None:
        pytest.skip("older than any that was tried")
    assert run(REFERENCE, folder, line) == expected


def test_a_release_says_what_the_one_before_it_said_unless_it_is_written():
    rows = read("-x\n  2.38  64? no\n  2.42  0 > yes\n-y\n  main  1\n")
    hint = "Try 'flock --help' for more information.\n"
    assert rows["-x"] == {(2, 38): (64, "", "flock: no\n" + hint), (2, 42): (0, "yes\n", "")}
    assert rows["-y"] == {MAIN: (1, "", "")}
    assert said("--ver", (2, 41)) == said("--ver", (2, 42)) != said("--ver", MAIN)
    assert said("--ver", (2, 37)) is None
