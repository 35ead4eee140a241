"""`run --record`: one line of JSON a run, whatever became of it, and whatever becomes of the file."""

import contextlib
import fcntl
import json
import os
import pathlib
import re
import resource
import shlex
import signal
import subprocess
import time

import jsonschema
import pytest

from conftest import SWLOCK, needs_root
from observing import (  # noqa: F401
    PATIENCE,
    SHAPES,
    appears,
    children_of,
    command_of,
    end,
    has_failed,
    held,
    is_free,
    mode_of,
    name_of,
    nothing_left,
    python,
    wait_until,
    waits_on,
)
from terminals import INTERRUPT, SHELLS, Terminal

PROJECT = pathlib.Path(__file__).resolve().parents[3]
SCHEMA = jsonschema.Draft202012Validator(json.loads((PROJECT / "docs/record.schema.json").read_text()))
HARDLINK = ["-m", "hardlink"]
EVERY = {
    **SHAPES,
    "ofd": ["-m", "ofd"],
    "hardlink": HARDLINK,
    "portage": [*HARDLINK, "--style", "portage"],
    "auto": ["-m", "auto"],
    "wait": ["--leftovers=wait"],
    "kill": ["--leftovers=kill"],
    "log": ["--log=log"],
    "pty": ["--pty"],
    "posix-log": ["-m", "posix", "--log=log"],
}
in_every_way = pytest.mark.parametrize("shape", EVERY.values(), ids=EVERY.keys())
MODES = {name: EVERY[name] for name in ["plain", "close", "posix", "ofd", "hardlink", "portage"]}
in_every_mode = pytest.mark.parametrize("shape", MODES.values(), ids=MODES.keys())
# A third of a second of the processor.
BUSY = "import time\nwhile time.process_time() < 0.3: pass"
NOTHING = dict.fromkeys(["ran", "user_cpu", "system_cpu", "max_rss", "pid"])


def records(folder, name="record"):
    """The lines, each of which is one."""
    content = (folder / name).read_bytes()
    assert content == b"" or content.endswith(b"\n")
    rows = []
    for line in content.splitlines(keepends=True):
        assert len(line) <= 4096
        rows.append(json.loads(line))
        SCHEMA.validate(rows[-1])
    return rows


def recorded(swlock, folder, *words, status=0, **options):
    """The one line of a run that exits with this status, as the line says."""
    result = swlock.run("run", "--record", "record", *words, **options)
    assert result.returncode == status, result
    [row] = records(folder)
    (folder / "record").unlink()
    assert row["status"] == status and row["slot"] is None
    return row


def shell(words):
    return " ".join(map(shlex.quote, words))


def ran_nothing(row):
    return NOTHING.items() <= row.items()


def test_the_manual_describes_every_field():
    manual = (PROJECT / "man/swlock-run.1.in").read_text().partition(".Ss The record")[2]
    named = set(re.findall(r"^\.It Cm (.*)$", manual.partition(".Sh")[0], re.M))
    fields = SCHEMA.schema["properties"]
    outcomes = fields["outcome"]["enum"]
    assert {name for names in named for name in names.split(" , ")} >= {*fields, *outcomes}
    assert list(fields) == SCHEMA.schema["required"]


# What ran


@in_every_way
def test_what_ran(swlock, folder, shape):
    before = time.time()
    script = "echo $$ >number; sleep 0.2; exit 3"
    row = recorded(swlock, folder, *shape, "lock", "--", "sh", "-c", script, status=3)
    mode = mode_of(shape)
    assert (row["outcome"], row["mode"]) == ("ran", "flock" if mode == "auto" else mode)
    assert row["path"] == str(folder / "lock") and row["command"] == ["sh", "-c", script]
    assert before - 0.001 <= row["start"] <= time.time()
    assert 0 <= row["waited"] < PATIENCE and 0.2 <= row["ran"] < PATIENCE
    assert row["max_rss"] > 100 and row["pid"] == int((folder / "number").read_text())


@in_every_way
def test_the_time_of_the_processor_is_the_commands(swlock, folder, shape):
    row = recorded(swlock, folder, *shape, "lock", *python(BUSY))
    assert 0.2 < row["user_cpu"] + row["system_cpu"] < 3
    row = recorded(swlock, folder, *shape, "--on-exit", shell(python(BUSY)), "lock", "true")
    assert row["user_cpu"] + row["system_cpu"] < 0.2


@needs_root
@pytest.mark.parametrize("leftover", ["", "setsid sleep 0.3 & "])
@pytest.mark.parametrize("shape", [[], ["-m", "posix"], ["--leftovers=wait"]], ids=" ".join)
def test_in_a_pid_namespace_it_is_the_command_and_not_the_init(swlock, folder, shape, leftover):
    command = ["sh", "-c", f"{leftover}{shell(python(BUSY))}; exit 4"]
    row = recorded(swlock, folder, *shape, "--unshare", "pid", "lock", *command, status=4)
    assert row["outcome"] == "ran" and 0.2 < row["user_cpu"] + row["system_cpu"] < 3
    assert row["max_rss"] > 100 and row["pid"] > 1


@needs_root
def test_in_a_control_group(swlock, folder):
    result = swlock.run("run", "--cgroup-new", "--record", "record", "lock", "true")
    [row] = records(folder)
    assert row["status"] == result.returncode
    assert row["outcome"] == ("ran" if result.returncode == 0 else "failed")


def test_a_signal_that_ended_the_command(swlock, folder):
    row = recorded(swlock, folder, "lock", "sh", "-c", "kill -TERM $$", status=143)
    assert row["outcome"] == "ran"


@in_every_mode
def test_a_command_that_ran_too_long(swlock, folder, shape):
    row = recorded(swlock, folder, *shape, "--max-runtime=0.2", "lock", "sleep", "1000", status=124)
    assert row["outcome"] == "runtime" and row["ran"] >= 0.2 and row["pid"]


def test_a_shell_command_and_a_shared_lock_of_a_range(swlock, folder):
    words = ["-s", "-m", "ofd", "--range", "5:5", "--unlink", "lock", "-c", "exit 2"]
    row = recorded(swlock, folder, *words, status=2)
    assert (row["mode"], row["command"]) == ("ofd", ["/bin/sh", "-c", "exit 2"])


def test_a_lock_that_an_ancestor_has(swlock, folder):
    words = ["run", "lock", SWLOCK, "run", "--reentrant", "--record", "record", "lock", "true"]
    assert swlock.run(*words).returncode == 0
    [row] = records(folder)
    assert (row["outcome"], row["mode"]) == ("ran", "flock")


def test_the_path_is_that_of_the_lock(swlock, folder):
    (folder / "below").mkdir()
    row = recorded(swlock, folder, "--sidecar", "--chdir", "/", "below/data", "true")
    assert row["path"] == str(folder / "below/.data.swlock")


@in_every_mode
def test_the_line_is_there_before_the_next_holder(swlock, folder, shape):
    words = ["run", *shape, "--record", "record", "lock"]
    first = swlock.start(*words, "sh", "-c", "echo >inside; until [ -e go ]; do sleep 0.01; done")
    appears(folder / "inside")
    second = swlock.start(*words, "cat", "record")
    # Whether it waits yet makes no difference to what it is to see.
    (folder / "go").touch()
    seen = second.communicate(timeout=PATIENCE)[0]
    assert first.wait(timeout=PATIENCE) == 0
    assert json.loads(seen)["command"][0] == "sh"
    assert len(records(folder)) == 2


# What did not run


@in_every_mode
def test_a_lock_that_is_not_free(swlock, folder, shape):
    words = ["run", *shape, "lock", "--", "sh", "-c", "echo >inside; exec sleep 1000"]
    holder = swlock.start(*words)
    appears(folder / "inside")
    row = recorded(swlock, folder, *shape, "-n", "lock", "true", status=75)
    assert row["outcome"] == "busy" and ran_nothing(row)
    row = recorded(swlock, folder, *shape, "-n", "-q", "-E", "0", "lock", "true")
    assert row["outcome"] == "busy" and ran_nothing(row)
    row = recorded(swlock, folder, *shape, "-w", "0.3", "-E", "9", "lock", "true", status=9)
    assert row["outcome"] == "timeout" and ran_nothing(row) and 0.3 <= row["waited"] < PATIENCE
    holder.terminate()
    holder.wait(timeout=PATIENCE)


def test_a_wait_that_would_never_end(swlock, folder):
    words = ["run", "lock", SWLOCK, "run", "--record", "record", "lock", "true"]
    assert swlock.run(*words).returncode == 75
    [row] = records(folder)
    assert row["outcome"] == "busy" and ran_nothing(row)


@in_every_mode
def test_a_wait_that_was_worth_it(swlock, folder, shape):
    words = ["run", *shape, "lock", "--", "sh", "-c", "echo >inside; sleep 0.5"]
    holder = swlock.start(*words)
    appears(folder / "inside")
    row = recorded(swlock, folder, *shape, "lock", "true")
    assert row["outcome"] == "ran" and row["waited"] > 0 and row["ran"] < PATIENCE
    holder.wait(timeout=PATIENCE)


@in_every_mode
@pytest.mark.parametrize(
    "words, status",
    [
        (["lock", "./missing"], 127),
        (["lock", "/dev/null"], 126),
        (["missing/lock", "true"], 73),
        (["--chdir", "missing", "lock", "true"], 71),
        (["--log", "missing/log", "lock", "true"], 73),
        (["--user", "nobody-of-that-name", "lock", "true"], None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_run(swlock, folder, words, status, shape):
    if status is None:
        status = swlock.run("run", *shape, *words).returncode
        assert status != 0
    row = recorded(swlock, folder, *shape, *words, status=status)
    assert row["outcome"] == "failed" and ran_nothing(row)


def test_what_cannot_be_locked(swlock, folder):
    os.mkfifo(folder / "fifo")
    row = recorded(swlock, folder, "fifo", "true", status=65)
    assert row["outcome"] == "failed" and ran_nothing(row)


def waiting(swlock, folder, *words):
    process = swlock.start("run", "--record", "record", *words, "lock", "touch", "ran")
    wait_until(lambda: waits_on(folder / "lock"))
    return process


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "QUIT"])
@pytest.mark.parametrize("mode", ["flock", "posix", "ofd"])
def test_a_signal_ends_the_wait(swlock, folder, mode, name):
    number = signal.Signals[f"SIG{name}"]
    with held(folder / "lock", "flock" if mode == "flock" else "ofd"):
        process = waiting(swlock, folder, "-m", mode, "-w", "100")
        process.send_signal(number)
        assert process.wait(timeout=PATIENCE) == 128 + number
    [row] = records(folder)
    assert (row["outcome"], row["status"], row["mode"]) == ("failed", 128 + number, mode)
    assert ran_nothing(row) and row["command"] == ["touch", "ran"] and row["waited"] < PATIENCE


WITH_A_CHILD = 'sleep 1000 & echo $! >child; exec "$S" run --record record "$@"'


@contextlib.contextmanager
def with_a_child(swlock, folder, *words):
    """A run that has a child already, and so another process that does the work."""
    process = swlock.begin(["sh", "-c", WITH_A_CHILD, "sh", *words])
    try:
        yield process
    finally:
        end(int(appears(folder / "child")))


WORKING_ELSEWHERE = [["--leftovers=wait"], ["--leftovers=kill"], ["-m", "posix"], HARDLINK]


@pytest.mark.parametrize("shape", WORKING_ELSEWHERE, ids=" ".join)
def test_of_one_with_children_there_is_one_line(swlock, folder, shape):
    with with_a_child(swlock, folder, *shape, "lock", *python(BUSY)) as process:
        assert process.wait(timeout=PATIENCE) == 0
    [row] = records(folder)
    assert row["outcome"] == "ran" and row["user_cpu"] + row["system_cpu"] > 0.2


@pytest.mark.parametrize("shape", WORKING_ELSEWHERE[:3], ids=" ".join)
def test_a_signal_ends_the_wait_of_one_with_children(swlock, folder, shape):
    with held(folder / "lock", "ofd" if "posix" in shape else "flock"):
        with with_a_child(swlock, folder, *shape, "lock", "true") as process:
            wait_until(lambda: waits_on(folder / "lock"))
            process.terminate()
            assert process.wait(timeout=PATIENCE) == 143
    [row] = records(folder)
    assert (row["outcome"], row["status"]) == ("failed", 143) and ran_nothing(row)


@pytest.mark.parametrize("style", ["flufl", "portage"])
def test_a_signal_ends_the_wait_for_a_claim(swlock, folder, style):
    shape = [*HARDLINK, "--style", style]
    holder = swlock.start("run", *shape, "lock", "--", "sh", "-c", "echo >inside; exec sleep 1000")
    appears(folder / "inside")
    process = swlock.start("run", "--record", "record", *shape, "--progress", "lock", "true")
    assert b"waiting for" in process.stderr.readline()
    process.terminate()
    assert process.wait(timeout=PATIENCE) == 143
    [row] = records(folder)
    assert (row["outcome"], row["status"]) == ("failed", 143) and ran_nothing(row) and row["waited"] > 0.5
    holder.terminate()
    holder.wait(timeout=PATIENCE)


def test_the_key_that_ends_a_wait_reaches_all_and_makes_one_line(swlock, folder):
    """Also the process that tells of the wait is in the terminal's foreground."""
    with held(folder / "lock"):
        terminal = Terminal(SHELLS["bash"], folder)
        terminal.type('"$S" run --record record lock true')
        terminal.expect("waiting")
        terminal.send(INTERRUPT)
        terminal.prompt()
        terminal.close()
    [row] = records(folder)
    assert (row["outcome"], row["status"]) == ("failed", 130) and row["waited"] >= 1


# Locks that are lost


def test_a_lock_that_was_lost(swlock, folder):
    words = ["run", "--record", "record", *HARDLINK, "--lifetime=1s", "lock"]
    process = swlock.start(*words, "sh", "-c", "echo >inside; exec sleep 1000")
    appears(folder / "inside")
    (folder / "lock").unlink()
    assert process.wait(timeout=PATIENCE) == 76
    [row] = records(folder)
    assert (row["outcome"], row["status"]) == ("lost", 76) and row["pid"] and row["ran"] < PATIENCE


@pytest.mark.parametrize("style", ["flufl", "portage"])
def test_a_loss_that_only_the_release_would_see(swlock, folder, style):
    broken = "rm lock" if style == "flufl" else "rm .lock.hardlock-*"
    row = recorded(swlock, folder, *HARDLINK, "--style", style, "lock", "-c", broken, status=76)
    assert row["outcome"] == "lost" and row["pid"]


def test_a_lock_that_another_one_had(folder):
    script = """
      "$S" acquire lock
      "$S" run --record record --reentrant lock -- sh -c 'echo >ready; exec sleep 1000' & job=$!
      until [ -e ready ]; do sleep 0.02; done
      "$S" release lock
      wait $job
    """
    result = subprocess.run(["sh", "-c", script], cwd=folder, capture_output=True, timeout=PATIENCE)
    assert result.returncode == 76
    [row] = records(folder)
    assert (row["outcome"], row["status"]) == ("lost", 76)


# Kills


def staying(swlock, folder, *words):
    script = "echo $$ >inside; until [ -e go ]; do sleep 0.01; done; exit 5"
    process = swlock.start("run", "--record", "record", *words, "lock", "--", "sh", "-c", script)
    return process, int(appears(folder / "inside"))


def test_a_killed_swlock_writes_nothing(swlock, folder):
    process, _ = staying(swlock, folder)
    process.kill()
    process.wait()
    (folder / "go").touch()
    wait_until(lambda: is_free(folder / "lock"))
    assert records(folder) == []


def holder_of(process):
    name = os.path.basename(SWLOCK)
    return [pid for pid in children_of(process.pid) if name_of(pid) == name][0]


TWO = {name: MODES[name] for name in ["close", "posix", "hardlink", "portage"]}
of_two_processes = pytest.mark.parametrize("shape", TWO.values(), ids=TWO.keys())


@of_two_processes
def test_of_a_killed_holder_its_front_tells(swlock, folder, shape):
    process, command = staying(swlock, folder, *shape)
    end(holder_of(process))
    assert process.wait(timeout=PATIENCE) == 137
    [row] = records(folder)
    assert (row["outcome"], row["status"], row["pid"]) == ("failed", 137, command)
    assert row["ran"] >= 0 and row["user_cpu"] is None and row["waited"] < PATIENCE


@of_two_processes
def test_of_a_killed_front_its_holder_tells(swlock, folder, shape):
    process, command = staying(swlock, folder, *shape)
    holder = holder_of(process)
    process.kill()
    process.wait()
    (folder / "go").touch()
    wait_until(lambda: name_of(holder) is None)
    [row] = records(folder)
    assert (row["outcome"], row["status"], row["pid"]) == ("ran", 5, command)


# Many at once, and long ones


def test_of_a_hundred_at_once_every_line_is_whole(swlock, folder):
    script = "".join(
        f'"$S" run --record record lock{number % 10} sh -c "exit {number}" {"x" * 3000} &\n'
        for number in range(100)
    )
    subprocess.run(["sh"], input=f"{script}wait".encode(), cwd=folder, check=True, timeout=120)
    rows = records(folder)
    assert sorted(row["status"] for row in rows) == list(range(100))
    assert all(row["outcome"] == "ran" for row in rows)


@pytest.mark.parametrize(
    "word",
    ["x" * 9000, "\u00e4" * 5000, '"' * 5000, "\\\n" * 3000, "\U0001f512" * 3000, "\u202e" * 2000,
     b"\xff" * 3000, b"\xe2\x82" * 3000, b"\xf0\x9f\x94" * 2000],
    ids=ascii,
)
@pytest.mark.parametrize("lead", range(7))
def test_a_long_command_is_cut(swlock, folder, word, lead):
    row = recorded(swlock, folder, "lock", "true", "y" * lead, word, "more")
    assert row["command"][:2] == ["true", "y" * lead] and len(row["command"]) == 3
    start, mark = row["command"][2][:-1], row["command"][2][-1]
    word = word if isinstance(word, bytes) else word.encode()
    assert mark == "\u2026" and word.startswith(os.fsencode(start)) and len(start) > 200


@pytest.mark.parametrize("count", [5, 900, 3000])
def test_of_many_words_the_first_ones_are_there(swlock, folder, count):
    words = [str(number) for number in range(count)]
    command = recorded(swlock, folder, "lock", "true", *words)["command"]
    assert command[1:-1] == words[: len(command) - 2]
    assert command[-1] == words[-1] if count < 900 else command[-1].endswith("\u2026")


def test_lines_are_as_long_as_they_may_be(swlock, folder):
    """At some of these lengths lines come to be cut."""
    seen = set()
    for length in range(3760, 3880):
        assert swlock.run("run", "--record", "record", "lock", "true", "x" * length).returncode == 0
        [row] = records(folder)
        cut = row["command"][1] != "x" * length
        seen.add(cut)
        assert not cut or len((folder / "record").read_bytes()) > 4080
        (folder / "record").unlink()
    assert seen == {False, True}


def test_a_long_path_is_cut_as_well(swlock, folder):
    place = folder
    # A character that takes six bytes where it is escaped.
    for _ in range(4):
        place = place / ("\u202e" * 80)
    place.mkdir(parents=True)
    row = recorded(swlock, folder, str(place / "lock"), "true")
    assert row["path"].endswith("/lock")
    for _ in range(4):
        place = place / ("\u202e" * 80)
    place.mkdir(parents=True)
    row = recorded(swlock, folder, str(place / "lock"), "true")
    assert row["path"].endswith("\u2026") and row["command"] == ["true"]


def test_names_are_bytes(swlock, folder):
    row = recorded(swlock, folder, b"lock\xff\n", "true", b"\xc3\xa4\xe4")
    assert os.fsencode(row["path"]) == os.fsencode(folder) + b"/lock\xff\n"
    assert os.fsencode(row["command"][1]) == b"\xc3\xa4\xe4"


# The file


def test_it_is_created_as_a_shell_would_and_appended_to(swlock, folder):
    for _ in range(3):
        assert swlock.run("run", "--record", "record", "lock", "true", umask=0o027).returncode == 0
    assert len(records(folder)) == 3
    assert (folder / "record").stat().st_mode & 0o777 == 0o640


def test_a_name_is_a_name(swlock, folder):
    assert swlock.run("run", "--record", "-", "--chdir", "/", "lock", "true").stdout == b""
    assert len(records(folder, "-")) == 1
    os.symlink("there", folder / "link")
    assert swlock.run("run", "--record=link", "lock", "true").returncode == 0
    assert len(records(folder, "there")) == 1


@in_every_way
def test_the_command_has_no_descriptor_of_it(swlock, folder, shape):
    code = "import os\nfor n in os.listdir('/proc/self/fd'):\n try: print(os.readlink('/proc/self/fd/' + n))\n except OSError: pass"
    result = swlock.run("run", *shape, "--record", "record", "lock", *python(code))
    assert result.returncode == 0 and str(folder / "record").encode() not in result.stdout


def no_folder(folder):
    return "missing/record", 73


def there_is_a_folder(folder):
    (folder / "there").mkdir()
    return "there", 73


def a_fifo_without_a_reader(folder):
    os.mkfifo(folder / "fifo")
    return "fifo", 71


def an_empty_name(folder):
    return "", 64


def the_lock_by_another_name(folder):
    (folder / "lock").touch()
    os.link(folder / "lock", folder / "other")
    return "other", 64


def the_lock_before_there_is_one(folder):
    return f"../{folder.name}/./lock", 64


@in_every_mode
@pytest.mark.parametrize(
    "make",
    [no_folder, there_is_a_folder, a_fifo_without_a_reader, an_empty_name, the_lock_by_another_name,
     the_lock_before_there_is_one],
)
def test_without_the_file_nothing_is_done(swlock, folder, make, shape):
    path, status = make(folder)
    before = sorted(os.listdir(folder))
    with held(folder / "lock") if status != 64 else open("/dev/null"):
        result = swlock.run("run", *shape, "--record", path, "lock", "touch", "started")
    assert has_failed(result, status, path.encode() if status != 64 else b"record")
    assert sorted(set(os.listdir(folder)) - {"lock"}) == sorted(set(before) - {"lock"})


def test_the_lock_that_is_made_later(swlock, folder):
    """By a link that led nowhere when it was looked at."""
    os.symlink("lock", folder / "link")
    result = swlock.run("run", "-m", "posix", "--record", "link", "lock", "touch", "started")
    assert has_failed(result, 64, b"record") and not (folder / "started").exists()
    assert (folder / "lock").read_bytes() == b""


@needs_root
def test_a_file_that_may_not_be_written_is_77(folder):
    (folder / "record").touch()
    folder.chmod(0o777)
    result = subprocess.run(
        [SWLOCK, "run", "--record", "record", "lock", "touch", "started"],
        cwd=folder, user="nobody", group="nogroup", extra_groups=[], capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    assert has_failed(result, 77, b"record") and not (folder / "started").exists()


def test_there_has_to_be_a_swlock(swlock, folder):
    result = swlock.run("run", "-F", "--record", "record", "lock", "touch", "started")
    assert has_failed(result, 64, b"--record")
    assert os.listdir(folder) == []


@in_every_mode
def test_a_full_disk_is_said_and_changes_nothing(swlock, folder, shape):
    result = swlock.run("run", *shape, "--record", "/dev/full", "lock", "sh", "-c", "exit 3")
    assert has_failed(result, 3, b"unable to write the record to /dev/full: No space left")
    assert is_free(folder / "lock") if (folder / "lock").exists() else "hardlink" in shape


def test_a_file_that_is_as_large_as_it_may_be(swlock, folder):
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    result = swlock.run("run", "--record", "record", "lock", "sh", "-c", "exit 3", preexec_fn=limit)
    assert has_failed(result, 3, b"record: File too large")
    with held(folder / "lock"):
        process = swlock.start("run", "--record", "record", "lock", "true", preexec_fn=limit)
        wait_until(lambda: waits_on(folder / "lock"))
        process.terminate()
        assert process.wait(timeout=PATIENCE) == 143
    assert records(folder) == []


@pytest.mark.parametrize("shape", [[], ["-m", "posix"], HARDLINK], ids=" ".join)
def test_a_fifo_is_written_to_its_reader_while_there_is_one(swlock, folder, shape):
    os.mkfifo(folder / "fifo")
    reader = os.open(folder / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    words = ["run", *shape, "--record", "fifo", "lock", "sh", "-c"]
    assert swlock.run(*words, "exit 3").returncode == 3
    assert json.loads(os.read(reader, 5000))["status"] == 3
    # One that is full is not waited for, nor one that nobody reads any more.
    filler = os.open(folder / "fifo", os.O_WRONLY | os.O_NONBLOCK)
    fcntl.fcntl(filler, fcntl.F_SETPIPE_SZ, 4096)
    os.write(filler, bytes(4096))
    assert has_failed(swlock.run(*words, "exit 3"), 3, b"fifo: Resource temporarily unavailable")
    process = swlock.start(*words, "echo >inside; until [ -e go ]; do sleep 0.01; done; exit 3")
    appears(folder / "inside")
    os.close(reader)
    os.close(filler)
    (folder / "go").touch()
    assert process.wait(timeout=PATIENCE) == 3
    assert b"fifo: Broken pipe" in process.stderr.read()


def test_a_wait_for_whose_record_nobody_waits(swlock, folder):
    os.mkfifo(folder / "fifo")
    reader = os.open(folder / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    with held(folder / "lock"):
        process = swlock.start("run", "--record", "fifo", "lock", "true")
        wait_until(lambda: waits_on(folder / "lock"))
        os.close(reader)
        process.terminate()
        assert process.wait(timeout=PATIENCE) == 143
