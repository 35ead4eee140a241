"""`run --log`: what the command writes is shown and logged, and whatever becomes of the log, of those
who read and of swlock itself, the command runs as it would without.
"""

import datetime
import errno
import fcntl
import gzip
import os
import random
import re
import resource
import signal
import struct
import socket
import subprocess
import termios
import time

import pytest

from chance import dice_for
from conftest import SWLOCK, needs_root, needs_strace, needs_tool
from observing import (  # noqa: F401
    PATIENCE,
    SHAPES,
    appears,
    children_of,
    command_of,
    descriptors_of,
    end,
    every_shape,
    has_failed,
    is_alive,
    is_free,
    is_held,
    name_of,
    nothing_left,
    processes_in,
    python,
    relay_in,
    relays_in,
    wait_until,
)
from old_kernels import CALLS, is_lacking, lacking

HARDLINK = ["-m", "hardlink"]
EVERY = {**SHAPES, "hardlink": HARDLINK, "kill": ["--leftovers=kill"], "wait": ["--leftovers=wait"]}
in_every_way = pytest.mark.parametrize("shape", EVERY.values(), ids=EVERY.keys())

BOTH = ["sh", "-c", "echo out; echo err >&2; exit 3"]
# A second of /bin/sh that outlives it and writes when told to.
LEFT = "(echo $$ >left; until [ -e go ]; do sleep 0.01; done; echo late; echo ok >written) & echo early"


TALKING = """
import os, signal, sys, time
def bye(*_):
    os.write(1, b"bye\\n")
    if sys.argv[2:]:
        os._exit(int(sys.argv[2]))
signal.signal(getattr(signal, sys.argv[1]), bye)
os.write(1, b"in\\n")
while True:
    time.sleep(1)
"""


def talking(name, *status):
    """A command that says bye at a signal, and exits with a status if it is given one."""
    return [*python(TALKING), name, *map(str, status)]


def logged(swlock, folder, *words, command=BOTH, status=3, **options):
    """The log, and what was shown of standard output and error."""
    result = swlock.run("run", "--log", "log", *words, "lock", "--", *command, **options)
    assert result.returncode == status, result
    return (folder / "log").read_bytes(), result.stdout, result.stderr


# Shown and logged


@in_every_way
def test_output_is_shown_where_it_belongs_and_logged_and_nothing_is_left(swlock, folder, shape):
    log, shown, said = logged(swlock, folder, *shape)
    assert sorted(log.splitlines()) == [b"err", b"out"]
    assert (shown, said) == (b"out\n", b"err\n")
    assert processes_in(folder) == []


COUNTS = "i=0; while [ $i -lt 500 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done"
IN_ORDER = "".join(f"o{number}\ne{number}\n" for number in range(500)).encode()


def test_of_one_place_the_order_is_kept(swlock, folder):
    words = ["sh", "-c", COUNTS]
    process = swlock.start("run", "--log", "log", "lock", *words, stderr=subprocess.STDOUT)
    assert process.communicate(timeout=30)[0] == IN_ORDER
    assert (folder / "log").read_bytes() == IN_ORDER
    log, _, _ = logged(swlock, folder, "--log-only", command=words, status=0)
    assert log == IN_ORDER * 2


def with_a_log(folder, redirection, refusal=None):
    """The log, and `out`, of a command that counts in a shell that is redirected, and goes on then."""
    if refusal and ("kcmp" not in CALLS or not is_lacking("kcmp")):
        pytest.skip("needs seccomp filters")
    script = '"$0" run --log log lock sh -c "$1"; echo after; echo after >&2'
    result = subprocess.run(
        ["sh", "-c", f"{{ {script}; }} {redirection}", SWLOCK, COUNTS],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        preexec_fn=refusal and lacking("kcmp", error=refusal),
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
    return (folder / "log").read_bytes(), (folder / "out").read_bytes()


without_kcmp = pytest.mark.parametrize("refusal", [None, errno.EPERM, errno.ENOSYS])


@without_kcmp
@pytest.mark.parametrize("redirection", [">out 2>&1", "2>out >&2", ">>out 2>&1", ">>out 2>>out"])
def test_of_one_file_the_order_is_kept_also_where_open_files_are_not_compared(
    folder, redirection, refusal
):
    log, out = with_a_log(folder, redirection, refusal)
    assert log == IN_ORDER
    assert out == IN_ORDER + b"after\n" * 2


@without_kcmp
def test_a_file_that_was_opened_twice_has_two_offsets(folder, refusal):
    """Each of the two overwrites the other, with a log as without."""
    log, out = with_a_log(folder, ">out 2>out", refusal)
    assert sorted(log.split()) == sorted(IN_ORDER.split())
    assert len(out) == len(IN_ORDER) // 2 + len(b"after\n")


def test_an_open_file_is_as_it_was(folder):
    """Though it is marked where open files are not compared."""
    with open(folder / "out", "wb") as out:
        fcntl.fcntl(out, fcntl.F_SETSIG, signal.SIGUSR1)
        subprocess.run(
            [SWLOCK, "run", "--log", "log", "lock", "sh", "-c", "echo out; echo err >&2"],
            cwd=folder,
            stdout=out,
            stderr=out,
            timeout=30,
            check=True,
            preexec_fn=lacking("kcmp") if is_lacking("kcmp") else None,
        )
        assert fcntl.fcntl(out, fcntl.F_GETSIG) == signal.SIGUSR1
    assert (folder / "out").read_bytes() == b"out\nerr\n"


def test_the_log_is_created_as_a_shell_would_and_appended_to(swlock, folder):
    logged(swlock, folder, umask=0o027)
    assert (folder / "log").stat().st_mode & 0o777 == 0o640
    (folder / "log").write_bytes(b"first\n")
    (folder / "log").chmod(0o604)
    assert logged(swlock, folder, umask=0o077)[0].startswith(b"first\n")
    assert (folder / "log").stat().st_mode & 0o777 == 0o604


def test_a_fifo_is_written_to_its_reader(swlock, folder):
    os.mkfifo(folder / "fifo")
    with open(folder / "read", "wb") as file:
        reader = subprocess.Popen(["cat", "fifo"], cwd=folder, stdout=file)
    # Whether it has opened the FIFO only an attempt to write there can tell.
    words = ("run", "--log=fifo", "--log-only", "lock", "seq", "300000")
    wait_until(lambda: swlock.run(*words).returncode == 0)
    assert reader.wait(timeout=10) == 0
    assert (folder / "read").read_bytes().endswith(b"\n300000\n")


def test_log_only_shows_nothing(swlock, folder):
    assert logged(swlock, folder, "--log-only") == (b"out\nerr\n", b"", b"")


def test_two_holders_do_not_mix_in_the_log(swlock, folder):
    text = "i=0; while [ $i -lt 200 ]; do echo $0; i=$((i+1)); done"
    processes = [
        swlock.start("run", "--log", "log", "lock", "--", "sh", "-c", text, name)
        for name in "abcdef"
    ]
    for process in processes:
        process.communicate(timeout=30)
    lines = (folder / "log").read_text().split()
    assert len(lines) == 1200
    assert len({index for index in range(1, 1200) if lines[index] != lines[index - 1]}) == 5


def test_bytes_are_bytes(swlock, folder):
    content = random.Random(6).randbytes(1 << 20) + bytes(range(256)) + b"no end of line"
    (folder / "content").write_bytes(content)
    log, shown, _ = logged(swlock, folder, command=["cat", "content"], status=0)
    assert shown == content and log == content


def test_much_output_arrives_whole(swlock, folder):
    code = "import os\nfor n in range(1024): os.write(1 + n % 2, bytes([n % 251]) * 65536)"
    shown = subprocess.run(
        [SWLOCK, "run", "--log", "log", "lock", *python(code)],
        cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ).stdout
    assert shown == b"".join(bytes([n % 251]) * 65536 for n in range(1024))
    assert (folder / "log").read_bytes() == shown


def test_the_descriptors_of_fd_are_where_it_is_shown(swlock, folder):
    log, shown, said = logged(swlock, folder, "--fd", "1=>one", "--fd", "2=1", "--fd", "3=1")
    assert sorted(log.splitlines()) == [b"err", b"out"]
    assert ((folder / "one").read_bytes(), shown, said) == (b"out\n", b"err\n", b"")
    (folder / "log").unlink()
    assert logged(swlock, folder, "--fd", "2=-")[:2] == (b"out\n", b"out\n")


def test_the_command_has_no_descriptor_of_the_log(swlock, folder):
    words = ["lock", "--", *python("import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))")]
    plain = swlock.run("run", *words).stdout
    for extra in ([], ["--log-filter=cat"], ["--log-timestamps"], ["--log-only"]):
        swlock.run("run", "--log", "log", *extra, *words)
        assert plain in (folder / "log").read_bytes()
        (folder / "log").unlink()


@every_shape
def test_the_process_that_copies_has_no_lock_and_swlock_no_pipe(swlock, folder, shape):
    process = swlock.start(
        "run", *shape, "--log", "log", "lock", "--", "sh", "-c", "echo in; read x; echo out",
        stdin=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"in\n"
    open_there = descriptors_of(relay_in(folder)).values()
    assert str(folder / "log") in open_there and str(folder / "lock") not in open_there
    for pid in processes_in(folder):
        if name_of(pid) == os.path.basename(SWLOCK):
            # Those of the test, and the lock; a writer would keep the pipe from its end. The command
            # may write before its parent has closed that.
            wait_until(
                lambda pid=pid: sum(path.startswith("pipe:") for path in descriptors_of(pid).values()) <= 3
            )
    assert process.communicate(b"\n", timeout=10)[0] == b"out\n"


# Before the command is started


def no_folder(folder):
    return "missing/log", 73


def a_folder(folder):
    (folder / "there").mkdir()
    return "there", 73


def a_fifo_without_a_reader(folder):
    os.mkfifo(folder / "fifo")
    return "fifo", 71


def the_lock_itself(folder):
    (folder / "lock").touch()
    os.link(folder / "lock", folder / "other")
    return "other", 64


@pytest.mark.parametrize("shape", [[], ["-m", "posix"], ["--close"]], ids=" ".join)
@pytest.mark.parametrize("make", [no_folder, a_folder, a_fifo_without_a_reader, the_lock_itself])
def test_without_a_log_the_command_is_not_started(swlock, folder, make, shape):
    path, status = make(folder)
    result = swlock.run("run", *shape, "--log", path, "lock", "--", "touch", "started")
    assert has_failed(result, status, path.encode() if status != 64 else b"lock")
    assert not (folder / "started").exists()
    assert is_free(folder / "lock") and is_free(folder / "lock", "posix")


@needs_root
def test_a_log_that_may_not_be_written_is_77(folder):
    (folder / "log").touch()
    folder.chmod(0o777)
    result = subprocess.run(
        [SWLOCK, "run", "--log", "log", "lock", "touch", "started"],
        cwd=folder, user="nobody", group="nogroup", extra_groups=[], capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    assert has_failed(result, 77, b"log") and not (folder / "started").exists()


@pytest.mark.parametrize(
    "words",
    [["--log-only"], ["--log-filter=cat"], ["--log-timestamps"], ["--log="], ["-F", "--log=log"]],
    ids=" ".join,
)
def test_what_makes_no_sense_is_a_usage_error(swlock, folder, words):
    assert has_failed(swlock.run("run", *words, "lock", "touch", "started"), 64, b"--log")
    assert not (folder / "started").exists()


def test_without_gzip_the_command_is_not_started(swlock, folder):
    env = {**os.environ, "PATH": str(folder)}
    result = swlock.run("run", "--log=log.gz", "lock", "/usr/bin/touch", "started", env=env)
    assert has_failed(result, 127, b"gzip")
    assert not (folder / "started").exists() and is_free(folder / "lock")


@needs_strace
@pytest.mark.parametrize("extra", [[], ["--pty"], ["--log-filter=cat"]], ids=" ".join)
@pytest.mark.parametrize("call", ["socketpair", "clone", "pipe2", "signalfd4", "close_range"])
def test_a_system_call_that_fails_starts_nothing(folder, call, extra):
    fault = ["-e", f"trace={call}", "-e", f"inject={call}:error=EMFILE:when=1"]
    words = [SWLOCK, "run", *extra, "--log=log", "lock", "touch", "started"]
    result = subprocess.run(
        ["strace", "-f", "-qq", "-o", "/dev/null", *fault, *words],
        cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=30,
    )
    assert has_failed(result, 71, b"Too many open files")
    assert not (folder / "started").exists() and is_free(folder / "lock")
    assert processes_in(folder) == []


@in_every_way
def test_a_command_that_cannot_be_executed_leaves_nothing(swlock, folder, shape):
    result = swlock.run("run", *shape, "--log=log", "lock", "./missing")
    assert has_failed(result, 127, b"./missing")
    assert processes_in(folder) == []


# Programs that the log goes through


@needs_tool("gzip")
def test_a_compressed_log_is_appended_to(swlock, folder):
    for text in ("one", "two"):
        result = swlock.run("run", "--log=log.gz", "lock", "echo", text)
        assert (result.returncode, result.stdout) == (0, f"{text}\n".encode())
        assert processes_in(folder) == []
    assert gzip.decompress((folder / "log.gz").read_bytes()) == b"one\ntwo\n"


@needs_tool("gzip")
@pytest.mark.parametrize("name", ["log", "log.gz"])
def test_a_filter_is_for_the_log_alone(swlock, folder, name):
    words = ["--log", name, "--log-filter", "sed 's/o/0/g' | tr x y", "--log-timestamps"]
    result = swlock.run("run", *words, "lock", "echo", "foox")
    assert (result.returncode, result.stdout, result.stderr) == (0, b"foox\n", b"")
    content = (folder / name).read_bytes()
    assert (gzip.decompress(content) if name == "log.gz" else content).endswith(b"Z f00y\n")


def test_a_filter_is_waited_for(swlock, folder):
    log, shown, _ = logged(
        swlock, folder, "--log-filter", "cat; sleep 0.3; echo end", command=["echo", "x"], status=0
    )
    assert (log, shown) == (b"x\nend\n", b"x\n")


def test_a_filter_that_fails_is_told_of_and_changes_no_status(swlock, folder):
    log, shown, said = logged(swlock, folder, "--log-filter", "cat; exit 9", "--fd=2=>/dev/null")
    assert b"out\n" in log and shown == b"out\n"
    assert said.startswith(b"swlock: ") and b"status 9" in said and said.count(b"\n") == 1


def test_a_filter_that_has_ended_early_is_told_of_once(swlock, folder):
    more = "until [ -e told ] || [ $i = 1000 ]; do echo more; sleep 0.01; i=$((i+1)); done"
    text = f"echo 1; i=0; {more}; echo last; exit 3"
    words = ("--log", "log", "--log-filter", "head -n 1", "lock", "sh", "-c", text)
    process = swlock.start("run", *words)
    told = process.stderr.readline()
    (folder / "told").touch()
    shown, said = process.communicate(timeout=20)
    assert process.returncode == 3 and (folder / "log").read_bytes() == b"1\n"
    lines = shown.splitlines()
    assert (lines[0], {*lines[1:-1]}, lines[-1]) == (b"1", {b"more"}, b"last")
    assert told.startswith(b"swlock: ") and b"head -n 1" in told and said == b""


def test_a_filter_is_not_ended_by_what_ends_the_command(swlock, folder):
    process = swlock.start(
        *("run", "--log", "log", "--log-filter", "cat; sleep 0.2; echo whole", "lock"),
        *("sh", "-c", "echo started; exec sleep 60"),
        start_new_session=True,
    )
    assert process.stdout.readline() == b"started\n"
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=10) == 130
    assert (folder / "log").read_bytes() == b"started\nwhole\n"


# Times

# For a shell: waits until the log has that.
UNTIL_LOGGED = "is_logged() { until grep -q $1 log; do sleep 0.01; done; }"
STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (.*)\n")


def stamps(log):
    lines = log.splitlines(keepends=True)
    matches = [STAMP.fullmatch(line) for line in lines]
    assert all(matches), log
    return [(datetime.datetime.fromisoformat(m[1].decode()), m[2]) for m in matches]


def test_each_line_of_the_log_begins_with_the_time(swlock, folder):
    def now():
        return datetime.datetime.now(datetime.timezone.utc)

    before = now() - datetime.timedelta(milliseconds=1)
    text = "printf 'a\\n\\nb'; is_logged b; sleep 0.05; printf 'c\\nlast\\n'"
    command = ["sh", "-c", f"{UNTIL_LOGGED}; {text}"]
    log, shown, _ = logged(swlock, folder, "--log-timestamps", command=command, status=0)
    assert shown == b"a\n\nbc\nlast\n"
    lines = stamps(log)
    assert [text for _, text in lines] == [b"a", b"", b"bc", b"last"]
    assert all(before <= time <= now() for time, _ in lines)
    assert lines == sorted(lines, key=lambda line: line[0])
    assert lines[3][0] - lines[2][0] >= datetime.timedelta(milliseconds=40)


def test_a_line_that_another_stream_comes_between_is_ended(swlock, folder):
    command = ["sh", "-c", f"{UNTIL_LOGGED}; printf a; is_logged a; echo E >&2; is_logged E; echo b"]
    log, shown, said = logged(swlock, folder, "--log-timestamps", command=command, status=0)
    assert (shown, said) == (b"ab\n", b"E\n")
    assert [text for _, text in stamps(log)] == [b"a", b"E", b"b"]


def test_many_lines_are_all_stamped(swlock, folder):
    log, shown, _ = logged(
        swlock, folder, "--log-timestamps", command=["seq", "200000"], status=0
    )
    lines = log.splitlines()
    assert len(lines) == 200000 and all(line[23:25] == b"Z " for line in lines)
    assert b"\n".join(line[25:] for line in lines) + b"\n" == shown


# Leftovers


@pytest.mark.parametrize("extra", [[], ["--close"], ["-m", "posix"], HARDLINK], ids=" ".join)
@pytest.mark.parametrize("shown", [[], ["--log-only"]], ids=["shown", "log-only"])
def test_what_is_left_behind_holds_nobody_up_and_is_still_logged(swlock, folder, extra, shown):
    words = ("run", *extra, *shown, "--log", "log", "lock", "--", "sh", "-c", LEFT)
    with open(folder / "shown", "wb") as file:
        process = swlock.start(*words, stdout=file, stderr=file)
        assert process.wait(timeout=10) == 0
    assert (folder / "log").read_bytes() == b"early\n"
    assert is_alive(relay_in(folder))
    if extra:
        # There is no lock file to ask then.
        assert extra == HARDLINK or is_free(folder / "lock", extra[-1].lstrip("-c"))
    (folder / "go").touch()
    wait_until(lambda: not processes_in(folder))
    assert (folder / "written").exists()
    assert (folder / "log").read_bytes() == b"early\nlate\n"
    assert (folder / "shown").read_bytes() == (b"" if shown else b"early\nlate\n")


def test_log_only_does_not_hold_up_whoever_reads(swlock, folder):
    result = swlock.run("run", "--log-only", "--log=log", "lock", "sh", "-c", LEFT)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
    assert is_alive(relay_in(folder))
    (folder / "go").touch()
    wait_until(lambda: not processes_in(folder))
    assert (folder / "log").read_bytes() == b"early\nlate\n"


def test_whoever_reads_what_no_leftover_writes_is_not_held_up(swlock, folder):
    process = swlock.start("run", "--log=log", "lock", "--", "sh", "-c", f"({LEFT}) 2>/dev/null")
    assert process.stderr.read() == b""
    assert process.wait(timeout=10) == 0 and is_alive(relay_in(folder))
    (folder / "go").touch()
    assert process.stdout.read() == b"early\nlate\n"


def test_a_leftover_that_never_stops_writing_does_not_hold_swlock_up(swlock, folder):
    text = "(until [ -e go ]; do echo x; done) & until grep -q x log; do :; done; echo early; exit 4"
    with open("/dev/null", "wb") as null:
        words = ("run", "--log", "log", "lock", "sh", "-c", text)
        process = swlock.start(*words, stdout=null, stderr=null)
        assert process.wait(timeout=10) == 4
    assert b"early\n" in (folder / "log").read_bytes()
    (folder / "go").touch()


def test_leftovers_that_are_waited_for_are_logged_to_their_end(swlock, folder):
    command = ["sh", "-c", "(sleep 0.3; echo late) & exit 4"]
    words = ["--leftovers=wait", "--max-runtime=9"]
    assert logged(swlock, folder, *words, command=command, status=4) == (b"late\n", b"late\n", b"")


def test_leftovers_that_are_killed_are_logged_to_their_end(swlock, folder):
    text = '"$@" & until grep -q in log; do sleep 0.01; done'
    command = ["sh", "-c", text, "sh", *talking("SIGTERM", 0)]
    log, shown, _ = logged(swlock, folder, "--leftovers=kill", command=command, status=0)
    assert log == shown == b"in\nbye\n"
    assert processes_in(folder) == []


# The log cannot be written, or nobody reads


@pytest.mark.parametrize("extra", [[], ["--log-timestamps"]], ids=" ".join)
def test_a_full_disk_is_told_of_once_and_the_output_is_shown(swlock, folder, extra):
    text = "seq 100000; until [ -e told ]; do sleep 0.01; done; seq 100000; exit 3"
    words = ("run", *extra, "--log=/dev/full", "lock", "sh", "-c", text)
    with open(folder / "shown", "wb") as shown:
        process = swlock.start(*words, stdout=shown)
    told = process.stderr.readline()
    (folder / "told").touch()
    assert (process.communicate(timeout=PATIENCE)[1], process.returncode) == (b"", 3)
    assert (folder / "shown").read_text() == "".join(f"{n}\n" for n in range(1, 100001)) * 2
    assert told.startswith(b"swlock: unable to write to the log /dev/full: ")


@needs_root
def test_a_disk_that_fills_up_is_told_of_once_and_the_output_is_shown(swlock, folder):
    (folder / "disk").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder / "disk")]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("cannot mount a tmpfs")
    try:
        command = ["sh", "-c", "seq 100000; exit 3"]
        result = swlock.run("run", "--log=disk/log", "lock", *command)
        written = (folder / "disk" / "log").read_bytes()
        packed = swlock.run(
            *("run", "--log=disk/log.gz", "lock", "sh", "-c", "head -c 500000 /dev/urandom; exit 3")
        )
    finally:
        subprocess.run(["umount", "-l", str(folder / "disk")], check=True)
    assert (result.returncode, packed.returncode) == (3, 3)
    assert len(packed.stdout) == 500000 and b"swlock: " in packed.stderr
    assert result.stdout == "".join(f"{n}\n" for n in range(1, 100001)).encode()
    assert len(written) == 65536 and result.stdout.startswith(written)
    assert result.stderr.count(b"\n") == 1 and b"disk/log" in result.stderr


def test_a_file_size_limit_of_swlock_is_no_end(swlock, folder):
    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))

    log, shown, said = logged(
        swlock, folder, command=["seq", "10000"], status=0, preexec_fn=limited
    )
    assert len(log) == 10000 and shown.endswith(b"\n10000\n") and said.count(b"\n") == 1


@every_shape
def test_output_that_cannot_be_written_is_no_success(swlock, folder, shape):
    """As it would be without a log: the command gets SIGPIPE, or swlock says so instead."""
    words = ["run", *shape, "--log=log", "lock", "sh", "-c"]
    with open("/dev/full", "wb") as full:
        for text, status in ("seq 3", 74), ("seq 3; exit 3", 3), ("exec yes", 128 + signal.SIGPIPE):
            process = swlock.start(*words, text, stdout=full)
            said = process.communicate(timeout=20)[1]
            assert (process.returncode, said.count(b"\n")) == (status, 1)
            assert b"No space left" in said
    assert (folder / "log").read_bytes().startswith(b"1\n2\n3\n1\n2\n3\ny\n")


def test_when_the_reader_has_gone_the_command_sees_it_as_without_a_log(swlock, folder):
    process = swlock.start("run", "--log", "log", "lock", "sh", "-c", "exec yes")
    assert process.stdout.read(2) == b"y\n"
    process.stdout.close()
    assert process.wait(timeout=10) == 128 + signal.SIGPIPE
    assert is_free(folder / "lock")
    assert (folder / "log").read_bytes().startswith(b"y\n" * 1000)


def test_when_the_reader_has_gone_what_was_written_is_logged(swlock, folder):
    text = "echo 1; read x; echo 2; echo 3; echo more >&2; echo 4 >&2"
    process = swlock.start("run", "--log=log", "lock", "sh", "-c", text, stdin=subprocess.PIPE)
    assert process.stdout.readline() == b"1\n"
    process.stdout.close()
    process.stdin.write(b"\n")
    process.stdin.flush()
    # The shell may have written all before the relay has, and dash says of the pipe what others die of.
    assert process.wait(timeout=10) in (0, 2, 128 + signal.SIGPIPE)
    assert (folder / "log").read_bytes().startswith(b"1\n2\n")


def unread(pipe):
    """How many bytes are in it."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]


def test_a_stream_that_nobody_reads_does_not_hold_up_the_other(swlock):
    code = "import os, threading; threading.Thread(target=os.write, args=(1, b'x' * 9000000)).start()"
    code += "\nos.read(0, 1); os.write(2, b'ready\\n')"
    process = swlock.start("run", "--log", "log", "lock", *python(code), stdin=subprocess.PIPE)
    full = fcntl.fcntl(process.stdout, fcntl.F_GETPIPE_SZ) - 4096
    wait_until(lambda: unread(process.stdout) >= full)
    process.stdin.write(b"\n")
    process.stdin.flush()
    assert process.stderr.readline() == b"ready\n"
    assert len(process.communicate(timeout=20)[0]) == 9000000


def test_the_lock_is_held_until_all_is_shown_or_a_signal_comes(swlock, folder):
    process = swlock.start("run", "--log=log", "lock", *python("import os; os.write(1, b'x' * 500000)"))
    appears(folder / "log")
    wait_until(lambda: len(processes_in(folder)) == 2)  # the command has ended
    assert process.poll() is None and is_held(folder / "lock")
    # One that comes before swlock knows of the end is for the command.
    wait_until(lambda: process.terminate() or process.poll() is not None)
    assert process.returncode == 0
    assert is_free(folder / "lock")
    assert len(process.stdout.read()) == 500000


def test_a_hardlink_lock_is_refreshed_until_all_is_shown(swlock, folder):
    words = ("run", *HARDLINK, "--lifetime=1s", "--log=log", "lock")
    process = swlock.start(*words, *python("import os; os.write(1, b'x' * 500000)"))
    appears(folder / "log")
    wait_until(lambda: len(processes_in(folder)) == 3)
    for _ in range(3):
        expiry = (folder / "lock").stat().st_mtime
        wait_until(lambda: (folder / "lock").stat().st_mtime > expiry)  # noqa: B023
    assert len(process.communicate(timeout=10)[0]) == 500000
    assert process.returncode == 0 and not (folder / "lock").exists()


def test_a_pipe_that_does_not_wait_gets_everything(folder):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    words = [SWLOCK, "run", "--log", "log", "lock", "--", "seq", "300000"]
    with subprocess.Popen(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=writer) as process:
        os.close(writer)
        with open(reader, "rb") as file:
            assert file.read().endswith(b"\n300000\n")
    assert process.returncode == 0


def test_a_socket_gets_everything_and_stays_as_it_is(folder):
    ours, theirs = socket.socketpair()
    words = [SWLOCK, "run", "--log", "log", "lock", "--", "seq", "300000"]
    with subprocess.Popen(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=theirs) as process:
        relay_in(folder)
        assert not fcntl.fcntl(theirs, fcntl.F_GETFL) & os.O_NONBLOCK
        theirs.close()
        with ours.makefile("rb") as file:
            assert file.read().endswith(b"\n300000\n")
    assert process.returncode == 0


# Signals and kills


@in_every_way
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=str)
def test_last_words_are_shown_and_logged(swlock, folder, shape, number):
    words = ("run", *shape, "--log", "log", "lock", "--", *talking(number.name, 7))
    process = swlock.start(*words)
    assert process.stdout.readline() == b"in\n"
    end(relay_in(folder), number)
    process.send_signal(number)
    assert process.wait(timeout=10) == 7
    assert process.stdout.read() == b"bye\n"
    assert (folder / "log").read_bytes() == b"in\nbye\n"


def test_a_time_out_is_logged_to_its_end(swlock, folder):
    words = ["--max-runtime=3", "--kill-after=3", "--fd=2=>/dev/null"]
    log, shown, _ = logged(swlock, folder, *words, command=talking("SIGTERM"), status=124)
    assert log == shown == b"in\nbye\n"


@in_every_way
def test_after_a_time_out_a_reader_that_sleeps_is_not_waited_for(swlock, folder, shape):
    words = [*shape, "--max-runtime=1.5", "--kill-after=0.2", "--log=log"]
    process = swlock.start("run", *words, "lock", "sh", "-c", "exec yes")
    assert process.wait(timeout=20) == 124
    shown = process.stdout.read()
    assert shown.startswith(b"y\n") and len(shown) <= (folder / "log").stat().st_size


STAYING = ["sh", "-c", "echo in; read x <fifo; echo out"]


def staying(swlock, folder, *words):
    os.mkfifo(folder / "fifo")
    process = swlock.start("run", *words, "--log", "log", "lock", "--", *STAYING)
    assert process.stdout.readline() == b"in\n"
    return process


@every_shape
def test_a_killed_command(swlock, folder, shape):
    process = staying(swlock, folder, *shape)
    end(command_of(process, "sh"))
    assert process.wait(timeout=10) == 128 + signal.SIGKILL
    assert process.stderr.read() == b""
    assert (folder / "log").read_bytes() == b"in\n"
    assert relays_in(folder) == []


def test_a_killed_swlock_leaves_command_and_log(swlock, folder):
    process = staying(swlock, folder)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert is_held(folder / "lock")
    (folder / "fifo").write_text("\n")
    assert process.stdout.read() == b"out\n"
    wait_until(lambda: not processes_in(folder))
    assert (folder / "log").read_bytes() == b"in\nout\n"


@pytest.mark.parametrize("shape", [[], ["--pty"], ["-m", "posix"], HARDLINK], ids=" ".join)
def test_a_swlock_that_is_killed_at_any_time_leaves_nothing(swlock, folder, shape):
    dice = dice_for("kills")
    for number in range(25):
        words = ("run", *shape, f"--log=log{number % 2 * '.gz'}", f"lock{number}", "echo", "x")
        process = swlock.start(*words)
        # The moment itself is what is tried.
        time.sleep(dice.uniform(0, 0.02))
        process.kill()
        assert process.communicate(timeout=10)[1] == b""
    wait_until(lambda: not processes_in(folder))


@pytest.mark.parametrize("victim", ["front", "holder", "both"])
@pytest.mark.parametrize("shape", [["-m", "posix"], ["--close"], HARDLINK], ids=" ".join)
def test_of_two_processes_of_swlock_one_is_killed(swlock, folder, shape, victim):
    process = staying(swlock, folder, *shape)
    name = os.path.basename(SWLOCK)
    holder = [pid for pid in children_of(process.pid) if name_of(pid) == name][0]
    if victim != "front":
        end(holder)
    if victim != "holder":
        process.kill()
    if victim == "front":
        (folder / "fifo").write_text("\n")
        assert process.stdout.read() == b"out\n"
    process.wait(timeout=20)
    wait_until(lambda: not processes_in(folder), timeout=20)
    assert (folder / "log").read_bytes() == (b"in\nout\n" if victim == "front" else b"in\n")


@every_shape
def test_a_killed_relay_is_told_of_and_ends_only_what_writes(swlock, folder, shape):
    process = staying(swlock, folder, *shape)
    end(relay_in(folder))
    wait_until(lambda: not relays_in(folder))
    (folder / "fifo").write_text("\n")
    # dash says of the pipe what others die of.
    assert process.wait(timeout=10) in (0, 1, 2, 128 + signal.SIGPIPE)
    assert process.stderr.read().startswith(b"swlock: some output may be lost")
    assert is_free(folder / "lock") and is_free(folder / "lock", "posix")


def test_a_lost_lease_does_not_end_the_log(swlock, folder):
    words = ("run", *HARDLINK, "--lifetime=1s", "--log=log", "lock", *talking("SIGTERM"))
    process = swlock.start(*words)
    assert process.stdout.readline() == b"in\n"
    (folder / "lock").unlink()
    assert process.wait(timeout=20) == 76
    # KILL comes at once where the loss is only seen after the time for a warning.
    assert (folder / "log").read_bytes() in (b"in\nbye\n", b"in\n")
    assert processes_in(folder) == []
