"""Several locks at once: --also and --also-shared.

SWLOCK_STORM_SECONDS is how long each storm lasts.
"""

import contextlib
import fcntl
import os
import signal
import subprocess

import pytest

from conftest import SWLOCK
from observing import (
    MODES,
    PATIENCE,
    has_failed,
    held,
    is_free,
    is_held,
    locks_on,
    nothing_left,  # noqa: F401
    result_of,
    wait_until,
    waits_on,
)
from sections import finish, hold
from several import SeveralStorm, by_swlock, in_order_of_arguments

SECONDS = float(os.environ.get("SWLOCK_STORM_SECONDS", "3"))

ALL_MODES = [*MODES, "flock+ofd"]
# Of posix locks others see what they see of those of open files.
SEEN_AS = {"flock": "flock", "posix": "ofd", "ofd": "ofd", "flock+ofd": "ofd"}


@pytest.fixture
def files(folder):
    """Four names in the order in which their files are locked."""
    names = ["a", "b", "c", "d"]
    for name in names:
        (folder / name).touch()
    return sorted(names, key=lambda name: (os.stat(folder / name).st_ino, os.stat(folder / name).st_dev))


def are_free(folder, *names, mode="flock"):
    return all(is_free(folder / name, mode) for name in names)


def are_held(folder, *names, mode="flock"):
    return all(is_held(folder / name, mode) for name in names)


def is_shared(path):
    """Whether it is held by those who share it only."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return is_held(path)


@pytest.mark.parametrize("mode", ALL_MODES)
@pytest.mark.parametrize("options", [[], ["-o"], ["-F"], ["-w", "5"]], ids=str)
def test_all_are_held_while_the_command_runs(swlock, folder, mode, options):
    if mode == "posix":
        options = [option for option in options if option != "-F"]
    words = [SWLOCK, "run", "-m", mode, *options, "--also", "b", "--also", "c", "a"]
    process = hold(swlock, words)
    assert are_held(folder, "a", "b", "c", mode=SEEN_AS[mode])
    finish(process)
    assert are_free(folder, "a", "b", "c", mode=SEEN_AS[mode])


def test_each_is_shared_or_not(swlock, folder):
    process = hold(swlock, [SWLOCK, "run", "-s", "--also", "b", "--also-shared", "c", "a"])
    assert [is_shared(folder / name) for name in "abc"] == [True, False, True]
    finish(process)
    process = hold(swlock, [SWLOCK, "run", "--also", "b", "--also-shared", "c", "a"])
    assert [is_shared(folder / name) for name in "abc"] == [False, False, True]
    finish(process)


def test_the_command_inherits_all(swlock, folder):
    process = hold(swlock, [SWLOCK, "run", "--also", "b", "--also", "c", "a"])
    process.kill()
    process.wait()
    assert are_held(folder, "a", "b", "c")
    process.communicate(timeout=PATIENCE)
    wait_until(lambda: are_free(folder, "a", "b", "c"))


def test_the_environment_names_them(swlock, folder):
    result = swlock.run("run", "--also", "b:%", "--also-shared", "c", "a", "-c", "echo $SWLOCK_HELD $SWLOCK_PATH")
    held_list = ":".join(f"flock={folder}/{name}" for name in ("a", "b%3A%25", "c"))
    assert result.stdout.decode() == f"{held_list} {folder}/a\n", result


@pytest.mark.parametrize("mode", ALL_MODES)
def test_all_or_nothing(swlock, folder, files, mode):
    for name in files:
        others = [other for other in files if other != name]
        with held(folder / name, SEEN_AS[mode]):
            more = [word for other in reversed(files[1:]) for word in ("--also", other)]
            result = swlock.run("run", "-n", "-m", mode, *more, files[0], "touch", "ran")
            assert has_failed(result, 75, f"unable to lock {name}: it is held by pid {os.getpid()} ".encode())
            assert are_free(folder, *others, mode=SEEN_AS[mode])
    assert not (folder / "ran").exists()


def test_there_is_one_deadline(swlock, folder, files):
    with held(folder / files[2]):
        result = swlock.run("run", "-w", "0.3", "--also", files[2], "--also", files[3], files[0], "true")
        name = files[2].encode()
        assert has_failed(result, 75, b"unable to lock " + name + b": timed out after 300ms", b"held by pid")
        assert are_free(folder, files[0], files[3])
        result = swlock.run("run", "-q", "-E", "7", "-n", "--also", files[2], files[0], "true")
        assert (result.returncode, result.stderr) == (7, b"")


@pytest.mark.parametrize("mode", ALL_MODES)
def test_they_are_taken_in_the_order_of_their_files_and_kept_while_waiting(swlock, folder, files, mode):
    first, second, third, last = files
    seen = SEEN_AS[mode]
    with held(folder / third, seen) as descriptor:
        # As far from that order as can be.
        words = ["--also", second, "--also", third, "--also", first]
        process = swlock.start("run", "-m", mode, *words, last, "echo", "in")
        wait_until(lambda: waits_on(folder / third))
        assert are_held(folder, first, second, mode=seen) and is_free(folder / last, seen)
        assert descriptor
    assert result_of(process).stdout == b"in\n"
    assert are_free(folder, *files, mode=seen)


@pytest.mark.parametrize("mode", ALL_MODES)
@pytest.mark.parametrize("after", [0, 1.5])
def test_all_are_free_when_it_is_killed_between_two(swlock, folder, files, mode, after):
    """Also of the process that tells of the wait."""
    first, second, last, _ = files
    seen = SEEN_AS[mode]
    with held(folder / second, seen):
        process = swlock.start("run", "-m", mode, "--progress", "--also", first, "--also", second, last, "true")
        wait_until(lambda: waits_on(folder / second))
        assert is_held(folder / first, seen)
        if after:
            assert b"waiting for " + second.encode() in process.stderr.readline()
        process.kill()
        process.wait()
        wait_until(lambda: are_free(folder, first, last, mode=seen))


@pytest.mark.parametrize("mode", ALL_MODES)
@pytest.mark.parametrize("options", [["a"], ["-s", "a"], ["-w", "1", "soft"], ["-o", "./a"]], ids=str)
def test_one_file_of_several_names_is_locked_once(swlock, folder, mode, options):
    (folder / "a").touch()
    os.link(folder / "a", folder / "link")
    os.symlink("a", folder / "soft")
    seen = SEEN_AS[mode]
    more = ["--also", "link", "--also-shared", "soft", "--also-shared", folder / "a", "--also", "b"]
    process = hold(swlock, [SWLOCK, "run", "-q", "-m", mode, *more, *options])
    assert are_held(folder, "a", "b", mode=seen)
    # Exclusively.
    assert has_failed(swlock.run("run", "-m", mode, "-s", "-n", "a", "true"), 75)
    holds = [words for words in locks_on(folder / "a") if words[1] in ("POSIX", "OFDLCK", "FLOCK")]
    assert len(holds) == (2 if mode == "flock+ofd" else 1)
    finish(process)
    assert are_free(folder, "a", "b", mode=seen)


def test_shared_by_all_its_names_it_is_shared(swlock, folder):
    process = hold(swlock, [SWLOCK, "run", "-s", "--also-shared", "./a", "--also", "b", "a"])
    assert is_shared(folder / "a") and not is_shared(folder / "b")
    finish(process)


@pytest.mark.parametrize("mode", ALL_MODES)
@pytest.mark.parametrize("after", [0, 1.5])
def test_it_begins_again_when_a_file_was_exchanged(swlock, folder, files, mode, after):
    """After a second another process has the first one's descriptors as well, and keeps nothing by them."""
    first, second, third, last = files
    seen = SEEN_AS[mode]
    with held(folder / third, seen):
        words = ["--progress", "--also", second, "--also", third, last, "-c", "echo in; read x || :"]
        process = swlock.start("run", "-m", mode, "--also", first, *words, stdin=subprocess.PIPE)
        wait_until(lambda: waits_on(folder / third))
        if after:
            assert b"waiting for " + third.encode() in process.stderr.readline()
        (folder / "new").touch()
        os.rename(folder / "new", folder / first)
        assert is_free(folder / first, seen)
    assert process.stdout.readline() == b"in\n"
    assert are_held(folder, *files, mode=seen)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--reentrant"], [b"no --reentrant, --queue, --slots or --replace", b"-n, -w"]),
        (["--queue"], [b"no --reentrant, --queue, --slots or --replace"]),
        (["--slots", "2"], [b"no --reentrant, --queue, --slots or --replace"]),
        (["-m", "hardlink"], [b"needs --mode flock, posix, ofd or flock+ofd"]),
        (["-m", "auto"], [b"needs --mode flock, posix, ofd or flock+ofd"]),
    ],
    ids=str,
)
@pytest.mark.parametrize("also", ["--also", "--also-shared"])
def test_what_does_not_go_together_is_refused(swlock, folder, options, parts, also):
    for words in ([*options, also, "b"], [also, "b", *options]):
        assert has_failed(swlock.run("run", *words, "a", "true"), 64, *parts)
    assert os.listdir(folder) == []


def test_only_run_has_it(swlock, folder):
    assert has_failed(swlock.run("acquire", "--also", "b", "a"), 64, b"--also")
    assert has_failed(swlock.run("run", "--also", "", "a", "true"), 64, b"--also")
    assert has_failed(swlock.run("run", "--also=b", "--log", "b", "a", "true"), 64, b"the lock file b cannot be")
    assert has_failed(swlock.run("run", "--also", "/dev/null", "a", "true"), 65, b"/dev/null")


def test_options_that_are_for_all(swlock, folder):
    assert swlock.run("run", "--perm", "640", "--also", "b", "a", "true").returncode == 0
    assert [os.stat(folder / name).st_mode & 0o777 for name in "ab"] == [0o640, 0o640]
    assert swlock.run("run", "--unlink", "--also", "b", "--also", "./b", "a", "true").stderr == b""
    assert os.listdir(folder) == []
    (folder / "a").touch()
    assert has_failed(swlock.run("run", "--no-create", "--also", "b", "a", "true"), 66, b"lock b: ")
    process = hold(swlock, [SWLOCK, "run", "--sidecar", "--also", "b", "a"])
    assert are_held(folder, ".a.swlock", ".b.swlock") and not (folder / "b").exists()
    finish(process)


def test_what_cannot_be_removed_is_named(swlock, folder):
    result = swlock.run("run", "--unlink", "--also", "b", "a", "-c", "echo x >b")
    assert has_failed(result, 0, b"unable to remove b: ")
    assert os.listdir(folder) == ["b"]


@pytest.mark.parametrize("mode", ["ofd", "flock+ofd"])
def test_the_range_is_that_of_path(swlock, folder, mode):
    process = hold(swlock, [SWLOCK, "run", "-m", mode, "--range", "10:5", "--also", "b", "a"])
    assert [words[-2:] for words in locks_on(folder / "a") if words[1] == "OFDLCK"] == [["10", "14"]]
    assert [words[-2:] for words in locks_on(folder / "b") if words[1] == "OFDLCK"] == [["0", "EOF"]]
    finish(process)


def test_a_lock_above_that_excludes_any_of_them(swlock, folder, files):
    for first, second in (files[:2], files[1::-1]):
        inner = [SWLOCK, "run", "--also", first, second, "true"]
        result = swlock.run("run", first, "--", *inner)
        assert has_failed(result, 75, f"unable to lock {first}: it is held by pid".encode())
        result = swlock.run("run", first, "--", SWLOCK, "run", "--also", second, first, "true")
        assert has_failed(result, 75, f"unable to lock {first}: it is held by pid".encode())


def test_one_of_them_is_held_above_and_another_by_somebody_else(swlock, folder, files):
    """What can never be had is said, although something else is waited for."""
    with held(folder / files[0]):
        result = swlock.run("run", files[1], "--", SWLOCK, "run", "--also", files[0], files[1], "true")
        assert has_failed(result, 75, f"unable to lock {files[1]}: it is held by pid".encode())


def test_a_script_that_has_acquired_one_of_them(swlock, folder, files):
    script = '"$S" acquire "$1" && "$S" run --also "$1" "$0" true'
    for first, second in (files[:2], files[1::-1]):
        result = swlock.begin(["sh", "-c", script, first, second])
        assert has_failed(result_of(result), 75, f"unable to lock {second}: it is held by pid".encode())


def test_a_circle_with_others_is_seen(swlock, folder, files):
    first, second = files[:2]
    script = 'echo in; read x; "$S" run "$0" true'
    outer = swlock.start("run", second, "sh", "-c", script, first, stdin=subprocess.PIPE)
    assert outer.stdout.readline() == b"in\n"
    several = swlock.start("run", "--also", first, second, "echo", "done")
    wait_until(lambda: waits_on(folder / second))
    result = outer.communicate(b"\n", timeout=PATIENCE)
    if outer.returncode:
        assert outer.returncode == 75 and b"waiting would never end" in result[1]
        assert result_of(several).stdout == b"done\n"
    else:
        assert has_failed(result_of(several), 75, b"waiting would never end")


def test_a_wait_names_what_is_waited_for(swlock, folder, files):
    first, second, third, last = files
    with contextlib.ExitStack() as stack:
        one, another = (stack.enter_context(held(folder / name)) for name in (second, third))
        process = swlock.start("run", "--progress", "--also", third, "--also", second, first, "true")
        line = process.stderr.readline().decode()
        assert line.startswith(f"swlock: waiting for {second}, held by "), line
        os.close(os.dup(one))
        fcntl.flock(one, fcntl.LOCK_UN)
        line = process.stderr.readline().decode()
        assert line.startswith(f"swlock: waiting for {third}, held by "), line
        fcntl.flock(another, fcntl.LOCK_UN)
        assert process.wait(PATIENCE) == 0


def test_status_names_the_holder_of_each(swlock, folder):
    process = hold(swlock, [SWLOCK, "run", "--also", "b", "a"])
    for name in "ab":
        result = swlock.run("status", name).stdout.decode()
        assert f"{name}  held\n" in result and f"  {process.pid} " in result, result
    finish(process)


def test_a_signal_ends_the_wait(swlock, folder, files):
    with held(folder / files[1]):
        process = swlock.start("run", "--also", files[1], files[0], "true")
        wait_until(lambda: waits_on(folder / files[1]))
        process.terminate()
        assert process.wait(PATIENCE) in (-signal.SIGTERM, 128 + signal.SIGTERM)
        wait_until(lambda: is_free(folder / files[0]))


# Storms


@pytest.mark.parametrize("mode", ["flock", "posix", "flock+ofd"])
def test_nobody_stands_still_and_nothing_overlaps_while_they_are_killed(swlock, folder, mode):
    storm = SeveralStorm(folder, by_swlock(swlock.binary, "-q", "-m", mode))
    with storm.raging():
        storm.kill_some(SECONDS)
        storm.everybody_enters()
    assert storm.hits > 0 and storm.count("overlap") == 0
    assert storm.statuses <= {0, -9}, storm.errors.read_text()
    assert storm.errors.read_bytes() == b""
    # Whoever wants all five gets in.
    assert storm.count("enter", len(storm.kinds) - 1) > 0


def test_the_storm_sees_them_stand_still_in_the_order_of_arguments(folder):
    storm = SeveralStorm(folder, in_order_of_arguments)
    with storm.raging():
        wait_until(lambda: not storm.moves(1) and not storm.moves(2), "they wait for each other")


def test_the_storm_sees_an_overlap_where_shared_counts_for_all(swlock, folder):
    """A driver that sees nothing would show nothing."""

    def words(wanted):
        return by_swlock(swlock.binary, "-q")([("s", name) for _, name in wanted])

    storm = SeveralStorm(folder, words)
    with storm.raging():
        wait_until(lambda: storm.count("overlap"), "two are inside")
