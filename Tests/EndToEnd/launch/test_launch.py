"""The launch options of `run`: what the command finds, and what keeps it from being started."""

import grp
import os
import pathlib
import pwd
import re
import resource
import shutil
import signal
import subprocess

import pytest

from conftest import needs_root, needs_tool
from observing import descendants_of, is_free, is_held, nothing_left, python, stat_of, wait_until  # noqa: F401

needs_user = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
NOBODY = pwd.getpwnam("nobody")


def output(swlock, *words, **options):
    """What the command of `run WORDS` writes, which must succeed and say nothing else."""
    result = swlock.run("run", *words, **options)
    assert (result.returncode, result.stderr) == (0, b"")
    return result.stdout


def refused(swlock, folder, status, *words, **options):
    """The message of `run WORDS lock -- touch started`, which must start nothing."""
    result = swlock.run("run", *words, "lock", "--", "touch", str(folder / "started"), **options)
    assert result.returncode == status, result.stderr
    assert not (folder / "started").exists()
    assert result.stderr.startswith(b"swlock: ") and result.stderr.count(b"\n") == 1
    # A lock that is no file any more is free.
    assert not (folder / "lock").exists() or is_free(folder / "lock")
    return result.stderr.decode()


# Folder and umask


def test_chdir_is_where_the_command_works_and_the_lock_does_not_move(swlock, folder):
    (folder / "inside").mkdir()
    words = ["--chdir", "inside", "lock", "--", "sh", "-c", "pwd; echo $SWLOCK_PATH"]
    assert output(swlock, *words).decode().splitlines() == [f"{folder}/inside", f"{folder}/lock"]
    assert (folder / "lock").exists()


def test_a_program_named_by_a_relative_path_is_found_from_the_folder(swlock, folder):
    (folder / "inside").mkdir()
    (folder / "inside" / "program").write_text("#!/bin/sh\necho here\n")
    (folder / "inside" / "program").chmod(0o755)
    assert output(swlock, "--chdir", "inside", "lock", "./program") == b"here\n"


@pytest.mark.parametrize("name, reason", [("missing", "No such file"), ("file", "Not a directory")])
def test_a_folder_that_cannot_be_entered(swlock, folder, name, reason):
    (folder / "file").touch()
    message = refused(swlock, folder, 71, "--chdir", name)
    assert f"chdir {name}: {reason}" in message


@pytest.mark.parametrize("mask", ["0", "000", "077", "27"])
def test_umask(swlock, folder, mask):
    output(swlock, "--umask", mask, "lock", "--", "sh", "-c", "touch made")
    assert (folder / "made").stat().st_mode & 0o777 == 0o666 & ~int(mask, 8)


@pytest.mark.parametrize("mask", ["", "8", "1000", "-1", "x"])
def test_what_is_no_umask(swlock, folder, mask):
    assert "--umask" in refused(swlock, folder, 64, f"--umask={mask}")


# Environment


def test_changes_of_the_environment_happen_in_the_order_given(swlock):
    env = {**os.environ, "KEPT": "kept", "GONE": "gone"}
    words = ["--env", "A=1", "--unset", "A", "--env", "A=2=3", "--env=B=", "--unset=GONE", "lock"]
    lines = output(swlock, *words, "env", env=env).decode().splitlines()
    assert {"A=2=3", "B=", "KEPT=kept"} <= set(lines)
    assert not [line for line in lines if line.startswith(("GONE", "A=1"))]


def test_a_cleared_environment_has_what_follows_and_what_swlock_says(swlock):
    words = ["--env", "A=1", "--clear-env", "--env", "B=2", "lock", "/usr/bin/env"]
    names = [line.partition("=")[0] for line in output(swlock, *words).decode().splitlines()]
    assert sorted(names) == ["B", "SWLOCK_HELD", "SWLOCK_MODE", "SWLOCK_PATH", "SWLOCK_SINCE"]


def test_what_swlock_says_of_its_lock_cannot_be_changed(swlock, folder):
    words = ["--env", "SWLOCK_PATH=/else", "--unset", "SWLOCK_HELD", "lock", "--", "sh", "-c"]
    assert output(swlock, *words, "echo $SWLOCK_PATH $SWLOCK_HELD") == (
        f"{folder}/lock flock={folder}/lock\n".encode()
    )


def test_bytes_that_are_no_text_arrive(swlock):
    words = [b"--env", b"A=\xff\n'", b"lock", b"--", b"sh", b"-c", b'printf %s "$A"']
    assert output(swlock, *words) == b"\xff\n'"


@pytest.mark.parametrize(
    "words", [["--env", "A"], ["--env", "=1"], ["--env", ""], ["--unset", ""], ["--unset", "A=1"]]
)
def test_what_is_no_variable(swlock, folder, words):
    assert words[0] in refused(swlock, folder, 64, *words)


def test_the_program_is_looked_up_in_the_path_of_the_command(swlock, folder):
    for name in ["one", "two"]:
        (folder / name).mkdir()
        (folder / name / "tool").write_text(f"#!/bin/sh\necho {name}\n")
        (folder / name / "tool").chmod(0o755)
    env = {**os.environ, "PATH": f"{folder}/one:{os.environ['PATH']}"}
    assert output(swlock, "--env", "PATH=two:/bin", "lock", "tool", env=env) == b"two\n"


# The program


def test_the_path_passes_over_folders_and_what_cannot_be_executed(swlock, folder):
    (folder / "one" / "tool").mkdir(parents=True)
    (folder / "two").mkdir()
    (folder / "two" / "tool").write_text("no program")
    (folder / "tool").write_text("#!/bin/sh\necho here\n")
    (folder / "tool").chmod(0o755)
    # An empty entry is the working folder.
    assert output(swlock, "--env", "PATH=one:two:", "lock", "tool") == b"here\n"
    for path, status in [("one:two", 126), ("one", 126), ("/nowhere", 127)]:
        result = swlock.run("run", "--env", f"PATH={path}", "lock", "tool")
        assert result.returncode == status
        assert result.stderr.startswith(b"swlock: unable to execute tool: ")


def test_without_a_lookup_the_command_is_a_path(swlock, folder):
    assert swlock.run("run", "--path-lookup=no", "lock", "true").returncode == 127
    (folder / "tool").write_text("#!/bin/sh\necho here\n")
    (folder / "tool").chmod(0o755)
    assert output(swlock, "--path-lookup=no", "lock", "tool") == b"here\n"
    assert output(swlock, "--path-lookup=yes", "lock", "echo", "a") == b"a\n"
    assert swlock.run("run", "--path-lookup=maybe", "lock", "true").returncode == 64


def test_a_program_may_be_told_another_name(swlock):
    words = ["--argv0", "-other", "lock", "--", "sh", "-c", "tr '\\0' ' ' </proc/$$/cmdline"]
    assert output(swlock, *words).split()[0] == b"-other"


def test_bash_runs_a_shell_command(swlock):
    assert output(swlock, "--shell", "lock", "--", "echo ${BASH_VERSION:+bash} $1", "one") == (
        b"bash one\n"
    )
    assert output(swlock, "--shell", "lock", "-c", "echo ${BASH_VERSION:+bash}") == b"bash\n"
    traced = swlock.run("run", "--trace", "lock", "--", "echo hello")
    assert (traced.stdout, traced.stderr) == (b"hello\n", b"+ echo hello\n")


def test_sandbox_gets_one_shell_command(swlock, folder):
    (folder / "bin").mkdir()
    (folder / "bin" / "sandbox").write_text('#!/bin/sh\necho sandboxed\nexec sh -c "$1"\n')
    (folder / "bin" / "sandbox").chmod(0o755)
    env = {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}"}
    words = ["--sandbox", "lock", "--", "printf", "[%s]", "a  b", "it's"]
    assert output(swlock, *words, env=env) == b"sandboxed\n[a  b][it's]"


@pytest.mark.skipif(shutil.which("sandbox") is not None, reason="there is a sandbox(1) here")
def test_without_sandbox_bash_runs_the_command_and_it_is_said(swlock):
    result = swlock.run("run", "--sandbox", "lock", "-c", "echo ${BASH_VERSION:+bash}")
    assert (result.returncode, result.stdout) == (0, b"bash\n")
    assert result.stderr.startswith(b"swlock: no sandbox(1) here")


@needs_tool("fakeroot")
def test_fakeroot_keeps_its_state(swlock, folder):
    folder.chmod(0o777)
    user = NOBODY.pw_uid if os.geteuid() == 0 else os.geteuid()
    become = ["--user", "nobody"] if os.geteuid() == 0 else []
    made = "touch made; chown 12:34 made; stat -c %u:%g made"
    words = [*become, "--fakeroot=state", "lock", "--", "sh", "-c"]
    assert output(swlock, *words, made) == b"12:34\n"
    assert output(swlock, *words, "stat -c %u:%g made") == b"12:34\n"
    assert (folder / "made").stat().st_uid == user
    assert output(swlock, *become, "--fakeroot", "lock", "id", "-u") == b"0\n"


@pytest.mark.parametrize(
    "words",
    [["--shell", "--sandbox"], ["--trace", "--fakeroot"], ["--shell", "--argv0=a"]],
)
def test_programs_that_exclude_each_other(swlock, folder, words):
    refused(swlock, folder, 64, *words)


# User and groups

WHO = ["grep", "-E", "^(Uid|Gid|Groups):", "/proc/self/status"]


def who(user, group, groups):
    """What `WHO` shows of a process that is this user and no other."""
    lines = [["Uid:"] + [str(user)] * 4, ["Gid:"] + [str(group)] * 4]
    return [*lines, ["Groups:", *map(str, sorted(groups))]]


def shown(text):
    return [line.split() for line in text.decode().splitlines()]


@needs_user
def test_a_user_brings_its_own_groups_and_none_of_roots(swlock):
    expected = sorted(os.getgrouplist("nobody", NOBODY.pw_gid))
    for name in ["nobody", str(NOBODY.pw_uid)]:
        said = shown(output(swlock, "--user", name, "lock", "--", *WHO))
        assert said == who(NOBODY.pw_uid, NOBODY.pw_gid, expected)


@needs_user
def test_a_member_of_groups_is_in_them(swlock):
    members = [group for group in grp.getgrall() if group.gr_mem]
    users = [name for group in members for name in group.gr_mem if name in every_user()]
    if not users:
        pytest.skip("no user here is a member of another group")
    user = pwd.getpwnam(users[0])
    said = shown(output(swlock, "--user", users[0], "lock", "--", *WHO))
    assert said == who(user.pw_uid, user.pw_gid, os.getgrouplist(users[0], user.pw_gid))


def every_user():
    return {user.pw_name for user in pwd.getpwall()}


@needs_user
@pytest.mark.parametrize(
    "words, user, group, groups",
    [
        (["--user", "12345:54321"], 12345, 54321, []),
        (["--user", "12345:daemon"], 12345, grp.getgrnam("daemon").gr_gid, []),
        (["--user", ":54321"], 0, 54321, None),
        (["--user", "nobody:54321"], NOBODY.pw_uid, 54321, [NOBODY.pw_gid]),
        (["--groups", "12,daemon"], 0, 0, [grp.getgrnam("daemon").gr_gid, 12]),
        (["--groups", ""], 0, 0, []),
        (["--user", "nobody", "--groups", "7"], NOBODY.pw_uid, NOBODY.pw_gid, [7]),
    ],
)
def test_users_and_groups_by_name_and_number(swlock, words, user, group, groups):
    said = shown(output(swlock, *words, "lock", "--", *WHO))
    assert said == who(user, group, os.getgroups() if groups is None else groups)


@needs_user
def test_a_user_that_only_getent_knows(swlock, folder):
    """As of a directory service: a getent of its own stands first in $PATH."""
    (folder / "getent").write_text(
        "#!/bin/sh\n"
        'case "$*" in\n'
        '  "-- passwd far") echo far:x:4711:4712:::;;\n'
        '  "-- group team") echo team:x:4713:;;\n'
        "  *) exit 2;;\n"
        "esac\n"
    )
    (folder / "getent").chmod(0o755)
    env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    said = shown(output(swlock, "--user", "far", "lock", "--", *WHO, env=env))
    assert said == who(4711, 4712, [4712])
    said = shown(output(swlock, "--user", "far:team", "lock", "--", *WHO, env=env))
    assert said == who(4711, 4713, [4712])


@pytest.mark.parametrize(
    "words", [["--user", "nosuchuser"], ["--user", "nobody:nosuchgroup"], ["--user", ""],
              ["--user", "nobody:"], ["--user", "4294967295:1"], ["--groups", "nosuchgroup"]],
)  # fmt: skip
def test_who_does_not_exist(swlock, folder, words):
    refused(swlock, folder, 64, *words)


def test_a_number_without_an_account_needs_a_group(swlock, folder):
    assert "GROUP" in refused(swlock, folder, 64, "--user", "54321")


@needs_user
def test_the_folder_is_entered_as_the_user(swlock, folder):
    folder.chmod(0o755)
    (folder / "private").mkdir(mode=0o700)
    message = refused(swlock, folder, 71, "--user", "nobody", "--chdir", "private")
    assert "chdir private: Permission denied" in message


@needs_user
@pytest.mark.parametrize("words", [["--user", "nobody"], ["--groups", "1"], ["--user", ":1"]])
def test_an_ordinary_user_may_not_become_another(swlock, folder, words):
    folder.chmod(0o777)
    result = subprocess.run(
        [swlock.binary, "run", *words, "lock", "touch", "started"],
        cwd=folder, user=12345, group=12345, extra_groups=[], capture_output=True,
    )  # fmt: skip
    assert result.returncode == 77
    assert b"Operation not permitted" in result.stderr and result.stderr.count(b"\n") == 1
    assert not (folder / "started").exists()


ORDINARY = [
    (["--chdir", "/"], 0, b""),
    (["--umask", "0"], 0, b""),
    (["--user", "12345:12345"], 0, b""),
    (["--fd", "5=/dev/null", "--close-fds"], 0, b""),
    (["--nice", "1"], 0, b""),
    (["--nice", "-1"], 77, b"setpriority: Permission denied"),
    (["--ionice", "idle"], 0, b""),
    (["--ionice", "realtime"], 77, b"ioprio_set: Operation not permitted"),
    (["--rlimit", "core=0:0"], 0, b""),
    (["--rlimit", "nofile=1G:2G"], 77, b"setrlimit nofile: Operation not permitted"),
    (["--cgroup", "/sys/fs/cgroup"], 73, b"cgroup.procs"),
    (["--fd", "5=/etc/shadow"], 77, b"/etc/shadow: Permission denied"),
]


@needs_user
@pytest.mark.parametrize("words, status, message", ORDINARY, ids=lambda value: str(value)[:24])
def test_what_an_ordinary_user_may(swlock, folder, words, status, message):
    folder.chmod(0o777)
    result = subprocess.run(
        [swlock.binary, "run", *words, "lock", "touch", f"{folder}/started"],
        cwd=folder, user=12345, group=12345, extra_groups=[], capture_output=True,
    )  # fmt: skip
    if words[0] == "--cgroup":
        # Missing, or somebody else's: as the machine's control groups are mounted.
        assert result.returncode in (66, 73, 77) and message in result.stderr
    else:
        assert (result.returncode, message in result.stderr) == (status, True), result.stderr
    assert (folder / "started").exists() == (status == 0)


@needs_user
@pytest.mark.parametrize("mode", ["flock", "posix", "hardlink"])
def test_the_lock_is_held_whoever_the_command_is_and_ends_with_swlock(swlock, folder, mode):
    """A change of user takes the parent-death signal away."""
    folder.chmod(0o777)
    command = ["sh", "-c", "echo $$; exec sleep 1000"]
    process = swlock.start("run", "-m", mode, "--user", "nobody", "lock", "--", *command)
    child = int(process.stdout.readline())
    assert os.stat(f"/proc/{child}").st_uid == NOBODY.pw_uid
    if mode == "flock":
        process.terminate()
    else:
        # The holder, which is the command's parent.
        stat = pathlib.Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        os.kill(int(stat[1]), signal.SIGKILL)
    process.wait(30)
    wait_until(lambda: not pathlib.Path(f"/proc/{child}").exists())


# Descriptors


def test_descriptors_may_be_exchanged(swlock):
    command = ["sh", "-c", "echo out; echo error >&2"]
    result = swlock.run("run", "--fd", "1=2", "--fd", "2=1", "lock", "--", *command)
    assert (result.stdout, result.stderr) == (b"error\n", b"out\n")


def test_descriptors_of_the_caller_and_files(swlock, folder):
    (folder / "in").write_text("from a file\n")
    (folder / "more").write_text("before\n")
    given, other = os.pipe()
    os.write(other, b"from a pipe\n")
    os.close(other)
    command = "cat; head -n1 <&7; echo a >&8; echo b >&9; echo c >&10"
    words = ["--fd", "0=in", "--fd", f"7={given}", "--fd", "8=>new", "--fd", "9=>>more"]
    words += ["--fd", "10=</dev/null", "lock", "--", "sh", "-c", command]
    result = swlock.run("run", *words, pass_fds=[given])
    os.close(given)
    assert result.stdout == b"from a file\nfrom a pipe\n"
    assert (folder / "new").read_text() == "a\n"
    assert (folder / "more").read_text() == "before\nb\n"
    # Only read from; dash knows no descriptor of two digits.
    assert result.returncode != 0 and (b"10" in result.stderr or b"Bad" in result.stderr)


# The folder is closed again before the names are looked at.
LIST = python(
    "import os; print([n for n in os.listdir('/proc/self/fd') if os.path.exists(f'/dev/fd/{n}')])"
)


def numbers(text):
    return sorted(int(word.strip(" []'\n")) for word in text.decode().split(","))


def test_a_closed_descriptor(swlock):
    assert output(swlock, "--fd", "0=-", "--leftovers=release", "lock", "--", *LIST) != b""
    found = numbers(output(swlock, "--fd", "2=-", "--leftovers=release", "lock", "--", *LIST))
    assert 2 not in found and {0, 1} <= set(found)


@pytest.mark.parametrize("lock", [0, 1], ids=["released", "inherited"])
def test_only_what_is_asked_for_stays_open(swlock, folder, lock):
    (folder / "file").touch()
    with open(folder / "file") as one, open(folder / "file") as two:
        numbers_given = [one.fileno(), two.fileno()]
        words = ["--fd", f"50={numbers_given[1]}", "--close-fds", "lock", "--", *LIST]
        if not lock:
            words.insert(0, "--leftovers=release")
        found = numbers(output(swlock, *words, pass_fds=numbers_given))
    assert len(found) == 4 + lock and set(found) >= {0, 1, 2, 50}
    # The lock has a number of its own.
    assert set(numbers_given).isdisjoint(set(found) - {50}) or lock


def test_the_lock_is_kept_under_another_number(swlock, folder):
    """The command's descriptor 3 would be the lock's, and every other as well."""
    words = [word for number in range(3, 20) for word in ("--fd", f"{number}=/dev/null")]
    process = swlock.start(
        "run", *words, "--close-fds", "lock", "--", "sh", "-c", "echo up; read line",
        stdin=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout.readline() == b"up\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    # The command has inherited it.
    assert is_held(folder / "lock")
    process.communicate()
    wait_until(lambda: is_free(folder / "lock"))


def test_the_numbers_of_swlocks_own_descriptors_are_free(swlock, folder):
    """Also that of the control group's file, in which the command has to be written before."""
    (folder / "group").mkdir()
    (folder / "group" / "cgroup.procs").touch()
    words = [f"--fd={number}=1" for number in range(3, 20)] + ["--cgroup", "group"]
    assert output(swlock, *words, "lock", "--", "true") == b""
    assert (folder / "group" / "cgroup.procs").read_bytes() == b"0\n"


def test_the_highest_number_may_be_given(swlock, folder):
    script = f'ulimit -n 64; exec "{swlock.binary}" run "$@" lock -- ls -l /proc/self/fd'
    words = ["sh", "-c", script, "sh"]
    result = subprocess.run([*words, "--fd=63=1"], cwd=folder, capture_output=True)
    assert (result.returncode, result.stderr) == (0, b"") and b" 63 -> " in result.stdout
    refused(swlock, folder, 71, "--fd=2147483647=1")
    assert output(swlock, "--fd=2147483647=-", "lock", "--", "echo", "up") == b"up\n"


@pytest.mark.parametrize("words", [["--fd=3=-"], ["--fd=9=lock"], ["--stdin=null"], ["--close-fds"]])
def test_in_place_nothing_may_end_a_posix_lock(swlock, folder, words):
    assert "--mode ofd" in refused(swlock, folder, 64, "-F", "-m", "posix", *words)
    inside = f'! "{swlock.binary}" run -n -m ofd lock true 2>/dev/null && echo up'
    assert output(swlock, "-F", "-m", "ofd", *words, "lock", "--", "sh", "-c", inside) == b"up\n"


@pytest.mark.parametrize("value", ["1=>lock", "1=>>lock", "5=>./lock"])
def test_a_hardlink_lock_is_not_written_to(swlock, folder, value):
    assert "lock" in refused(swlock, folder, 64, "-m", "hardlink", "--fd", value)
    assert os.listdir(folder) == []


@pytest.mark.parametrize("mode", ["flock", "posix", "hardlink"])
@pytest.mark.parametrize("words", [["--fd=1=>fifo"], ["--fd=0=fifo"]])
def test_a_fifo_that_nobody_opens_is_waited_for_until_a_signal(swlock, folder, mode, words):
    os.mkfifo(folder / "fifo")
    process = swlock.start("run", "-m", mode, *words, "lock", "--", "touch", "started")
    wait_until((folder / "lock").exists)
    wait_until(lambda: stat_of([process.pid, *descendants_of(process.pid)][-1])[0] == "S")
    process.terminate()
    process.communicate()
    # Where the kernel releases the lock, the signal itself may end swlock.
    assert process.returncode in (128 + signal.SIGTERM, -signal.SIGTERM)
    assert sorted(os.listdir(folder)) == ["fifo"] + ["lock"] * (mode != "hardlink")


@pytest.mark.parametrize("value", ["", "1", "=1", "1=", "x=1", "-1=2", "1=>", "1=>>", "99999999999=1"])
def test_what_is_no_descriptor(swlock, folder, value):
    assert "--fd" in refused(swlock, folder, 64, "--fd", value)


def test_descriptors_that_cannot_be_given(swlock, folder):
    assert "not open" in refused(swlock, folder, 71, "--fd", "5=77")
    # swlock's own are nobody else's.
    assert "not open" in refused(swlock, folder, 71, "--fd", "5=3")
    refused(swlock, folder, 64, "--fd", "5=1", "--fd", "5=2")
    assert "missing" in refused(swlock, folder, 73, "--fd", "5=missing")
    refused(swlock, folder, 73, "--fd", "5=>no/such/folder")
    refused(swlock, folder, 71, "--fd", "999999999=1")


def test_a_file_is_truncated_only_under_the_lock(swlock, folder):
    (folder / "file").write_text("precious")
    process = swlock.start("run", "lock", "cat", stdin=subprocess.PIPE)
    wait_until(lambda: (folder / "lock").exists() and is_held(folder / "lock"))
    busy = swlock.run("run", "-n", "--fd", "1=>file", "lock", "true")
    assert busy.returncode == 75 and (folder / "file").read_text() == "precious"
    process.communicate()


def test_standard_input_may_be_nothing(swlock):
    assert output(swlock, "--stdin=null", "lock", "cat", stdin=None, input=b"text") == b""
    assert swlock.run("run", "--stdin=file", "lock", "true").returncode == 64


# Priorities and limits


def test_niceness_is_added(swlock):
    before = os.getpriority(os.PRIO_PROCESS, 0)
    said = output(swlock, "--nice", "3", "lock", "--", "nice")
    assert int(said) == min(before + 3, 19)


@needs_root
def test_niceness_may_be_negative(swlock):
    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert int(output(swlock, "--nice", "-3", "lock", "--", "nice")) == max(before - 3, -20)


@needs_tool("ionice")
@pytest.mark.parametrize(
    "value, said", [("idle", b"idle"), ("best-effort:7", b"best-effort: prio 7"), ("2:0", b"prio 0")]
)
def test_priority_of_input_and_output(swlock, value, said):
    assert said in output(swlock, "--ionice", value, "lock", "--", "ionice")


def test_limits(swlock):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    code = "import resource as r; print(r.getrlimit(r.RLIMIT_NOFILE), r.getrlimit(r.RLIMIT_CORE))"
    words = ["--rlimit", "nofile=99", "--rlimit", "core=1K:2M", "lock", "--", *python(code)]
    assert output(swlock, *words).decode() == f"(99, {hard}) ({1 << 10}, {2 << 20})\n"
    code = "import resource as r; print(r.getrlimit(r.RLIMIT_CPU)[0])"
    assert output(swlock, "--rlimit", "cpu=unlimited", "lock", "--", *python(code)) == b"-1\n"


@pytest.mark.parametrize(
    "words",
    [["--nice", "x"], ["--nice", "40"], ["--nice", ""], ["--ionice", "idle:3"], ["--ionice", "x"],
     ["--ionice", "realtime:8"], ["--rlimit", "nofile"], ["--rlimit", "nofil=1"],
     ["--rlimit", "cpu=-1"], ["--rlimit", "cpu=2:1"], ["--rlimit", "cpu=99999999999G"]],
)  # fmt: skip
def test_what_is_no_priority_and_no_limit(swlock, folder, words):
    assert words[0] in refused(swlock, folder, 64, *words)


def test_a_limit_that_is_not_granted(swlock, folder):
    hard = 1 << 60
    message = refused(swlock, folder, 71, "--rlimit", f"nofile={hard}:{hard}")
    assert "setrlimit" in message


# The environment's size


def test_a_large_environment_is_said(swlock):
    words = ["--warn-large-env", "--env", f"LARGE={'x' * 100_000}", "lock", "true"]
    result = swlock.run("run", *words)
    assert result.returncode == 0 and b"LARGE" in result.stderr and b"100006" in result.stderr
    assert swlock.run("run", "--warn-large-env", "--clear-env", "lock", "/bin/true").stderr == b""


def test_too_large_an_environment_says_what_is(swlock):
    env = {"PATH": os.environ["PATH"], "LARGE": "y" * 100_000}
    words = [f"--env=V{number}={'x' * 60_000}" for number in range(30)]
    limit = ["--rlimit", "stack=1M"]
    result = swlock.run("run", *limit, *words[:15], "lock", "true", env=env)
    assert result.returncode == 126
    assert b"Argument list too long" in result.stderr and b"LARGE with 100006" in result.stderr


# All together


@pytest.mark.parametrize("shape", [[], ["--close"], ["-m", "posix"], ["-F"], ["--max-runtime", "60"]])
def test_every_option_in_every_shape(swlock, folder, shape):
    (folder / "inside").mkdir()
    words = ["--chdir=inside", "--umask=027", "--env=A=1", "--fd=5=/dev/null", "--close-fds"]
    words += ["--nice=1", "--rlimit=core=0", "--stdin=null"]
    command = "pwd; umask; echo $A; nice; ulimit -c; readlink /proc/$$/fd/5; exit 7"
    before = os.getpriority(os.PRIO_PROCESS, 0)
    result = swlock.run("run", *shape, *words, "lock", "--", "sh", "-c", command)
    said = f"{folder}/inside 0027 1 {min(before + 1, 19)} 0 /dev/null".split()
    assert (result.returncode, result.stdout.decode().split(), result.stderr) == (7, said, b"")
    assert is_free(folder / "lock")


RUNS = int(os.environ.get("SWLOCK_RUNS", "10"))

EVERY_OPTION = [
    ["--chdir=/"], ["--umask=0"], ["--env=A=1"], ["--unset=A"], ["--clear-env"], ["--argv0=a"],
    ["--fd=5=/dev/null"], ["--fd=1=2", "--fd=2=1"], ["--stdin=null"], ["--close-fds"],
    ["--path-lookup=no"], ["--shell"], ["--trace"], ["--nice=1"], ["--ionice=idle"],
    ["--rlimit=core=0"], ["--warn-large-env"], ["--user=nobody"], ["--groups=1"],
]  # fmt: skip


@needs_root
@pytest.mark.parametrize("words", EVERY_OPTION, ids=lambda words: words[0])
def test_no_option_leaks_a_descriptor_into_the_command(swlock, folder, words):
    """RUNS times each: the command has what a plain one has, and what was asked for."""
    list_them = "ls /proc/self/fd; exit 3"
    command = [list_them] if words[0] in ("--shell", "--trace") else ["/bin/sh", "-c", list_them]
    plain = swlock.run("run", "lock", "--", "/bin/sh", "-c", list_them).stdout.split()
    for _ in range(RUNS):
        result = swlock.run("run", *words, "lock", "--", *command)
        assert result.returncode == 3
        found = (result.stdout + result.stderr if "--fd=1=2" in words else result.stdout).split()
        assert set(found) - {b"5"} <= set(plain) and len(found) <= len(plain) + 1


def test_nothing_of_it_costs_a_plain_command_a_system_call(swlock, folder):
    """One clone with the memory shared, and no fork."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    calls = folder / "calls"
    subprocess.run(
        ["strace", "-f", "-o", calls, "-e", "trace=clone,clone3,fork,vfork,pipe2",
         swlock.binary, "run", "lock", "true"], cwd=folder, check=True,
    )  # fmt: skip
    text = calls.read_text()
    # A call that another process interrupts has a second line, without the parenthesis.
    assert len(re.findall(r"\b(?:clone3?|v?fork)\(", text)) == 1
    assert "CLONE_VFORK" in text and "pipe2" not in text
