"""How `run` starts its command, what the command finds, and what becomes of its leftovers."""

import os
import resource
import signal
import subprocess
import time

import pytest

from conftest import SWLOCK
from observing import (  # noqa: F401
    MODES,
    PATIENCE,
    appears,
    command_of,
    descriptors_of,
    end,
    every_shape,
    has_failed,
    held,
    is_alive,
    is_free,
    is_held,
    mode_of,
    name_of,
    nothing_left,
    processes_in,
    wait_until,
    waits_on,
)

QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}

every_mode = pytest.mark.parametrize("mode", MODES)


def script(path, text):
    path.write_text(text)
    path.chmod(0o755)


def environment(**changes):
    """The tests' environment with changes; None removes a variable."""
    names = {"SWLOCK_PATH": None, "SWLOCK_MODE": None, "SWLOCK_HELD": None, **changes}
    merged = {**os.environ, **names}
    return {name: value for name, value in merged.items() if value is not None}


# The shell


def test_a_shell_command_is_run_by_the_users_shell(swlock, folder):
    script(folder / "shell", '#!/bin/sh\nprintf "[%s]" "$@"\n')
    env = environment(SHELL=str(folder / "shell"))
    for words in (["lock", "-c", "a  b"], ["-c", "a  b", "lock"], ["--command=a  b", "lock"]):
        assert swlock.run("run", *words, env=env).stdout == b"[-c][a  b]"


@pytest.mark.parametrize("shell", [None, ""], ids=["unset", "empty"])
def test_without_a_users_shell_it_is_bin_sh(swlock, shell):
    result = swlock.run("run", "lock", "-c", "readlink /proc/$$/exe", env=environment(SHELL=shell))
    assert result.stdout.decode().strip() == os.path.realpath("/bin/sh")


@pytest.mark.parametrize("text, status", [("exit 7", 7), ("", 0), ("kill -TERM $$", 143)])
def test_the_shell_commands_status_is_passed_on(swlock, text, status):
    assert swlock.run("run", "lock", "-c", text).returncode == status


def test_a_users_shell_that_is_missing_is_127(swlock, folder):
    env = environment(SHELL="/nonexistent/shell")
    assert has_failed(swlock.run("run", "lock", "-c", "true", env=env), 127, b"/nonexistent/shell")


# In place


@every_mode
@pytest.mark.parametrize("words", [["sh", "-c", "echo $$; read x"], ["-c", "echo $$; read x"]])
def test_without_a_fork_the_command_is_swlocks_own_process_and_holds_the_lock(
    swlock, folder, mode, words
):
    process = swlock.start("run", "-F", "-m", mode, "lock", *words, stdin=subprocess.PIPE)
    assert int(process.stdout.readline()) == process.pid
    assert is_held(folder / "lock", mode)
    process.communicate(timeout=10)
    assert is_free(folder / "lock", mode)


def test_without_a_fork_the_lock_is_taken_first(swlock, folder):
    with held(folder / "lock"):
        assert has_failed(swlock.run("run", "-Fn", "lock", "touch", "ran"), 75)
    assert not (folder / "ran").exists()


def test_without_a_fork_a_signal_status_is_the_commands_own(swlock):
    assert swlock.run("run", "-F", "lock", "-c", "kill -TERM $$").returncode == -signal.SIGTERM


# Commands that cannot be started


def not_found(path):
    pass


def not_executable(path):
    path.write_text("#!/bin/sh\n")


def a_directory(path):
    path.mkdir()


def without_its_interpreter(path):
    script(path, "#!/nonexistent/interpreter\n")


START = [[], ["-F"], ["--close"], ["-m", "posix"], ["--max-runtime=9"], ["--leftovers=wait"]]
START += [["--leftovers=kill"], ["-m", "ofd", "--unlink"]]
every_start = pytest.mark.parametrize("options", START, ids=" ".join)


@every_start
@pytest.mark.parametrize(
    "make, statuses",
    [
        (not_found, [127]),
        (not_executable, [126]),
        (a_directory, [126]),
        (without_its_interpreter, [126, 127]),
    ],
)
def test_a_command_that_cannot_be_started_is_126_or_127(swlock, folder, options, make, statuses):
    make(folder / "command")
    result = swlock.run("run", *options, "lock", "./command")
    assert result.returncode in statuses
    assert has_failed(result, result.returncode, b"swlock: unable to execute ./command: ")
    if "--unlink" in options:
        assert not (folder / "lock").exists()
    else:
        assert is_free(folder / "lock") and is_free(folder / "lock", "posix")


@every_start
def test_a_command_that_is_nowhere_on_the_search_path_is_127(swlock, options):
    for command in ("no-such-command", "", "--"):
        words = ("run", *options, "lock", "--", command)
        result = swlock.run(*words, env=environment(PATH="/usr/bin:/bin"))
        assert has_failed(result, 127, b"swlock: unable to execute " + command.encode())


def test_the_search_passes_over_what_cannot_be_executed(swlock, folder):
    for name in ("directory", "plain", "good"):
        (folder / name).mkdir()
    (folder / "directory" / "command").mkdir()
    (folder / "plain" / "command").write_text("#!/bin/sh\n")
    script(folder / "good" / "command", "#!/bin/sh\necho ran\n")
    for path, status in (
        (["directory", "plain", "good"], 0),
        (["missing", "plain"], 126),
        (["missing", "lock"], 127),
    ):
        env = environment(PATH=":".join(str(folder / name) for name in path))
        result = swlock.run("run", "lock", "command", env=env)
        assert result.returncode == status, path
        assert result.stdout == (b"ran\n" if status == 0 else b"")


def test_an_empty_entry_of_the_search_path_is_the_working_folder(swlock, folder):
    script(folder / "command", "#!/bin/sh\necho ran\n")
    for path in ("/nonexistent:", ":/nonexistent", "/nonexistent::/nonexistent"):
        assert swlock.run("run", "lock", "command", env=environment(PATH=path)).stdout == b"ran\n"


def test_without_a_search_path_the_systems_own_is_used(swlock):
    assert swlock.run("run", "lock", "echo", "ran", env={}).stdout == b"ran\n"


@every_start
def test_a_script_without_a_first_line_is_run_by_sh(swlock, folder, options):
    script(folder / "command", 'printf "[%s]" "$@"\n')
    result = swlock.run("run", *options, "lock", "./command", "a b", "-c", "")
    assert (result.returncode, result.stdout) == (0, b"[a b][-c][]")


@pytest.mark.parametrize("options", [[], ["-F"], ["--close"]], ids=" ".join)
def test_arguments_that_leave_no_room_for_the_environment_are_126(swlock, folder, options):
    """swlock itself just fits; its command, with the variables that swlock adds, does not."""

    def small_stack():
        resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, 1 << 20))

    def attempt(size):
        filling = ["x" * 65536] * (size // 65536) + ["x" * (size % 65536)]
        try:
            return swlock.run(
                *("run", *options, "lock", "/bin/echo", *filling), env={}, preexec_fn=small_stack
            )
        except OSError:
            return None

    low, high = 0, 1 << 18
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if attempt(middle) else (low, middle)
    assert has_failed(attempt(low), 126, b"swlock: unable to execute /bin/echo: ")
    assert is_free(folder / "lock")


def test_names_of_commands_are_escaped_in_messages(swlock):
    env = environment(PATH="/usr/bin:/bin")
    result = swlock.run("run", "lock", b"a\n\xff\x1b[31m", env=env)
    assert has_failed(result, 127, rb"a\n\xff\x1b[31m")


# What the command finds


@every_shape
def test_the_standard_streams_pass_through(swlock, shape):
    data = os.urandom(1 << 20)
    result = swlock.run("run", *shape, "lock", "cat", stdin=None, input=data)
    assert (result.returncode, result.stdout, result.stderr) == (0, data, b"")
    result = swlock.run("run", *shape, "lock", "sh", "-c", "cat >&2", stdin=None, input=data)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", data)


@pytest.mark.parametrize(
    "options, locked",
    [
        ([], 1),
        (["-m", "ofd"], 1),
        (["--leftovers=wait"], 1),
        (["--leftovers=kill"], 1),
        (["--max-runtime=60"], 1),
        (["--unlink"], 1),
        (["-F"], 1),
        (["-m", "posix", "-F"], 1),
        (["--close"], 0),
        (["--close", "--max-runtime=60"], 0),
        (["-m", "ofd", "--leftovers=release"], 0),
        (["-m", "posix"], 0),
        (["-m", "posix", "--leftovers=kill"], 0),
    ],
    ids=str,
)
def test_no_descriptor_reaches_the_command_but_the_lock_and_the_callers_own(
    swlock, folder, options, locked
):
    reader, writer = os.pipe()
    words = ("run", *options, "lock", "sh", "-c", "echo >ready; read x")
    process = swlock.start(*words, pass_fds=[reader], stdin=subprocess.PIPE)
    appears(folder / "ready")
    command = process.pid if "-F" in options else command_of(process, "sh")
    seen = descriptors_of(command)
    target = os.readlink(f"/proc/self/fd/{reader}")
    os.close(reader)
    os.close(writer)
    process.communicate(timeout=10)
    assert seen.pop(reader) == target
    others = [path for number, path in seen.items() if number > 2]
    assert others == [str((folder / "lock").resolve())] * locked
    assert set(seen) >= {0, 1, 2}


@pytest.mark.parametrize("options", [[], ["--close"], ["-F"]], ids=" ".join)
def test_folder_umask_limits_and_group_are_the_callers(swlock, folder, options):
    text = "pwd; umask; ulimit -n; cut -d' ' -f5 /proc/$$/stat"

    def prepare():
        resource.setrlimit(resource.RLIMIT_NOFILE, (123, 123))

    words = ("run", *options, "lock", "sh", "-c", text)
    lines = swlock.run(*words, umask=0o027, preexec_fn=prepare).stdout.decode().split()
    assert lines == [str(folder.resolve()), "0027", "123", str(os.getpgrp())]


def lock_variables(result):
    entries = dict(entry.split(b"=", 1) for entry in result.stdout.split(b"\0")[:-1])
    return [entries.get(name) for name in (b"SWLOCK_PATH", b"SWLOCK_MODE", b"SWLOCK_HELD")]


SHOW = ["cat", "/proc/self/environ"]


@every_mode
@pytest.mark.parametrize("options", [[], ["-F"], ["--max-runtime=60"]], ids=" ".join)
def test_the_command_is_told_path_and_mode(swlock, folder, mode, options):
    absolute = os.fsencode(folder / "lock")
    for path in ("lock", "./lock", folder / "lock"):
        result = swlock.run("run", "-m", mode, *options, path, *SHOW, env=environment())
        path, told, chain = lock_variables(result)
        assert path.startswith(b"/") and os.path.samefile(path, absolute)
        assert told == mode.encode() and chain == told + b"=" + path


def test_nested_runs_are_told_of_every_lock_innermost_last(swlock, folder):
    words = ["run", "one", SWLOCK, "run", "-m", "ofd", "two", SWLOCK, "run", "-mposix", "three"]
    path, mode, chain = lock_variables(swlock.run(*words, *SHOW, env=environment()))
    root = os.fsencode(folder)
    assert path == root + b"/three" and mode == b"posix"
    assert chain == b"flock=%b/one:ofd=%b/two:posix=%b/three" % (root, root, root)


def test_odd_names_are_escaped_in_the_list_and_plain_in_the_path(swlock, folder):
    name = b"a:b%c\n\xff=d"
    words = ["run", name, SWLOCK, "run", "two"]
    path, _, chain = lock_variables(swlock.run(*words, *SHOW, env=environment()))
    root = os.fsencode(folder)
    assert chain == b"flock=%b/a%%3Ab%%25c\n\xff=d:flock=%b/two" % (root, root)
    path, _, _ = lock_variables(swlock.run("run", name, *SHOW, env=environment()))
    assert path == root + b"/" + name


@pytest.mark.parametrize("junk", ["", "junk", ":", "flock=", "=:=", "%", "hardlink=/x:nfs=/y"])
def test_junk_in_the_list_hinders_nothing(swlock, folder, junk):
    result = swlock.run("run", "lock", *SHOW, env=environment(SWLOCK_HELD=junk))
    chain = lock_variables(result)[2]
    assert result.returncode == 0
    assert chain.endswith(b"flock=" + os.fsencode(folder / "lock"))


# Messages


def test_each_step_is_told_on_stderr_when_asked(swlock, folder):
    quiet = swlock.run("run", "lock", "echo", "ran")
    assert (quiet.stdout, quiet.stderr) == (b"ran\n", b"")
    for words in (["-v", "lock"], ["lock", "--verbose"]):
        result = swlock.run("run", *words, "echo", "ran")
        lines = result.stderr.splitlines(keepends=True)
        assert result.stdout == b"ran\n" and lines
        assert all(line.startswith(b"swlock: ") and line.endswith(b"\n") for line in lines)
        assert any(b"lock" in line.removeprefix(b"swlock: ") for line in lines)


def test_waiting_is_silent_where_stderr_is_no_terminal(swlock, folder):
    with held(folder / "lock"):
        process = swlock.start("run", "lock", "true")
        wait_until(lambda: waits_on(folder / "lock"))
    assert process.communicate(timeout=10) == (b"", b"")


# Leftovers

# Started by the command and not waited for: a background child, one whose parent has ended, one
# in a session of its own, each with and without a deaf ear for TERM. Each writes its pid.
LEFTOVERS = {
    "background": "{job} & while ! [ -s pid ]; do sleep 0.01; done",
    "orphan": "( {job} & ); while ! [ -s pid ]; do sleep 0.01; done",
    "session": "( setsid {job} & ); while ! [ -s pid ]; do sleep 0.01; done",
}
MEEK = "sh -c 'echo $$ >pid; exec sleep 60'"
DEAF = "sh -c 'trap \"\" TERM HUP INT; echo $$ >pid; exec sleep 60'"

every_leftover = pytest.mark.parametrize("kind", LEFTOVERS.values(), ids=LEFTOVERS.keys())


def leaving(kind, job=MEEK, status=6):
    return ["sh", "-c", kind.format(job=job) + f"; exit {status}"]


@every_leftover
@pytest.mark.parametrize(
    "mode, options",
    [
        ("flock", []),
        ("ofd", []),
        ("flock", ["--leftovers=keep"]),
        ("flock", ["--max-runtime=60"]),
        ("flock", ["-F"]),
    ],
    ids=str,
)
def test_kept_leftovers_hold_the_lock_until_they_end(swlock, folder, kind, mode, options):
    words = ("run", "-m", mode, *options, "lock", *leaving(kind))
    process = swlock.start(*words, **QUIET)
    assert process.wait(10) == 6
    leftover = int((folder / "pid").read_text())
    assert is_alive(leftover) and is_held(folder / "lock", mode)
    end(leftover)
    wait_until(lambda: is_free(folder / "lock", mode))


@every_leftover
@pytest.mark.parametrize(
    "mode, options",
    [
        ("flock", ["--close"]),
        ("flock", ["-o"]),
        ("ofd", ["--leftovers=release"]),
        ("posix", []),
        ("flock", ["--close", "--max-runtime=60"]),
        ("flock", ["--close", "--unlink"]),
    ],
    ids=str,
)
def test_released_leftovers_live_on_without_the_lock(swlock, folder, kind, mode, options):
    words = ("run", "-m", mode, *options, "lock", *leaving(kind))
    process = swlock.start(*words, **QUIET)
    assert process.wait(10) == 6
    leftover = int((folder / "pid").read_text())
    if "--unlink" in options:
        assert not (folder / "lock").exists()
    else:
        assert is_free(folder / "lock", mode)
    assert is_alive(leftover)
    end(leftover)


def names_in(folder):
    return [name_of(pid) for pid in processes_in(folder)]


@every_leftover
@every_mode
@pytest.mark.parametrize("extra", [[], ["--max-runtime=60"]], ids=" ".join)
def test_swlock_waits_for_leftovers_when_told_to(swlock, folder, kind, mode, extra):
    words = ("run", "-m", mode, "--leftovers=wait", *extra, "lock", *leaving(kind))
    process = swlock.start(*words, **QUIET)
    leftover = int(appears(folder / "pid"))
    wait_until(lambda: len(names := names_in(folder)) and "sh" not in names)
    assert process.poll() is None and is_held(folder / "lock", mode)
    end(leftover)
    assert process.wait(10) == 6
    assert is_free(folder / "lock", mode)


def test_swlock_waits_for_leftovers_beside_a_child_from_before_an_exec(swlock, folder):
    text = 'sleep 60 2>/dev/null & echo $! >stranger; exec "$@"'
    leaving = ["sh", "-c", "(sleep 0.2; touch done) & exit 4"]
    words = ["sh", "-c", text, "sh", SWLOCK, "run", "--leftovers=wait", "lock", *leaving]
    result = subprocess.run(words, cwd=folder, **{**QUIET, "stderr": subprocess.PIPE}, timeout=30)
    end(int((folder / "stranger").read_text()))
    assert (result.returncode, result.stderr) == (4, b"")
    assert (folder / "done").exists()


def test_swlock_waits_for_the_last_of_many_leftovers(swlock, folder):
    text = "for n in 1 2 3 4 5; do ( sh -c 'echo $$ >>pid; exec sleep 60' & ); done"
    process = swlock.start("run", "--leftovers=wait", "lock", "sh", "-c", text, **QUIET)
    wait_until(lambda: (folder / "pid").exists())
    pids = wait_until(
        lambda: len(words := (folder / "pid").read_text().split()) == 5 and list(map(int, words))
    )
    for pid in pids:
        assert process.poll() is None and is_held(folder / "lock")
        end(pid)
    assert process.wait(10) == 0


@every_leftover
@every_mode
@pytest.mark.parametrize("job", [MEEK, DEAF], ids=["meek", "deaf"])
def test_leftovers_are_killed_when_told_to(swlock, folder, kind, mode, job):
    words = ("run", "-m", mode, "--leftovers=kill", "--kill-after=0.1", "lock", *leaving(kind, job))
    process = swlock.start(*words, **QUIET)
    assert process.wait(10) == 6
    assert not is_alive(int((folder / "pid").read_text()))
    assert processes_in(folder) == [] and is_free(folder / "lock", mode)


def test_leftovers_may_clean_up_before_they_are_killed(swlock, folder):
    job = "sh -c 'trap \"echo >cleaned; exit\" TERM; echo $$ >pid; while :; do sleep 0.01; done'"
    kill = ("--leftovers=kill", "--kill-after=1h")
    words = ("run", *kill, "lock", *leaving(LEFTOVERS["session"], job))
    assert swlock.start(*words, **QUIET).wait(PATIENCE) == 6
    assert (folder / "cleaned").exists()


BREEDING = """
trap 'trap "" TERM; (setsid sh -c "trap : TERM; echo >>bred; exec sleep 60" &)' TERM
echo $$ >pid; while :; do sleep 0.01; done"""

# Every generation is gone before a look at the process table can lead to it.
FLEEING = """
trap '' TERM
echo $$ >>pid
[ $1 -lt 400 ] || exec sleep 60
sleep 0.004
( sh flee $(($1 + 1)) & )"""


def test_leftovers_that_breed_when_told_to_end_are_killed(swlock, folder):
    (folder / "breed").write_text(BREEDING)
    words = leaving(LEFTOVERS["orphan"], "sh breed")
    options = ("--leftovers=kill", "--kill-after=0.1")
    assert swlock.start("run", *options, "lock", *words, **QUIET).wait(10) == 6
    assert processes_in(folder) == []


@pytest.mark.parametrize("mode", ["flock", "posix"])
def test_leftovers_that_flee_from_parent_to_child_are_killed(swlock, folder, mode):
    (folder / "flee").write_text(FLEEING)
    words = leaving(LEFTOVERS["session"], "sh flee 0")
    options = ("-m", mode, "--leftovers=kill", "--kill-after=0.05")
    assert swlock.start("run", *options, "lock", *words, **QUIET).wait(20) == 6
    assert processes_in(folder) == [] and is_free(folder / "lock", mode)


def test_stopped_leftovers_are_killed(swlock, folder):
    job = "sh -c 'echo $$ >pid; kill -STOP $$'"
    words = leaving(LEFTOVERS["orphan"], job)
    options = ("--leftovers=kill", "--kill-after=0.1")
    assert swlock.start("run", *options, "lock", *words, **QUIET).wait(10) == 6
    assert processes_in(folder) == []


def test_processes_that_the_command_did_not_leave_are_spared(swlock, folder):
    stranger = subprocess.Popen(["sleep", "60"], cwd=folder, **QUIET)
    try:
        words = leaving(LEFTOVERS["orphan"])
        assert swlock.start("run", "--leftovers=kill", "lock", *words, **QUIET).wait(10) == 6
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@every_mode
def test_without_leftovers_nothing_is_waited_for(swlock, folder, mode):
    for handling in ("wait", "kill", "release"):
        words = ("-m", mode, f"--leftovers={handling}", "lock", "sh", "-c", "exit 6")
        assert swlock.run("run", *words).returncode == 6
        assert is_free(folder / "lock", mode)


# Time limits

LIMITED = [[], ["--close"], ["-m", "posix"], ["-m", "ofd"], ["--leftovers=wait"]]
every_limited = pytest.mark.parametrize("options", LIMITED, ids=" ".join)


@every_limited
def test_a_command_that_takes_too_long_is_ended(swlock, folder, options):
    words = ("run", *options, "--max-runtime=0.1", "lock", "sh", "-c", "sleep 60 & sleep 60; :")
    assert swlock.start(*words, **QUIET).wait(10) == 124
    wait_until(lambda: processes_in(folder) == [])
    assert is_free(folder / "lock", mode_of(options))


@every_limited
def test_a_command_that_ignores_term_is_killed_with_its_group(swlock, folder, options):
    text = "trap '' TERM; sleep 60 & while :; do sleep 0.02; done"
    limits = ("--max-runtime=0.1", "--kill-after=0.1")
    words = ("run", *options, *limits, "lock", "sh", "-c", text)
    assert swlock.start(*words, **QUIET).wait(10) == 124
    wait_until(lambda: processes_in(folder) == [])
    assert is_free(folder / "lock", mode_of(options))


@every_limited
def test_a_stopped_command_is_ended_too(swlock, folder, options):
    limits = ("--max-runtime=0.1", "--kill-after=30")
    words = ("run", *options, *limits, "lock", "sh", "-c", "kill -STOP $$")
    assert swlock.start(*words, **QUIET).wait(10) == 124
    assert is_free(folder / "lock", mode_of(options))


@every_limited
def test_a_command_may_clean_up_when_its_time_is_over(swlock, folder, options):
    text = "trap 'echo >cleaned; exit 3' TERM; while :; do sleep 0.02; done"
    words = ("run", *options, "--max-runtime=2", "lock", "sh", "-c", text)
    assert swlock.start(*words, **QUIET).wait(10) == 124
    assert (folder / "cleaned").exists()


@every_limited
def test_a_command_in_time_keeps_its_status(swlock, options):
    for text, status in (("exit 5", 5), ("kill -KILL $$", 137), ("kill -TERM $$", 143)):
        words = ("run", *options, "--max-runtime=60", "lock", "-c", text)
        assert swlock.run(*words).returncode == status


def test_a_signal_before_the_limit_is_not_taken_for_it(swlock):
    process = swlock.start("run", "--max-runtime=60", "lock", "sleep", "60")
    command_of(process, "sleep")
    process.terminate()
    assert process.wait(10) == 143


def test_the_limit_counts_from_the_commands_start(swlock, folder):
    limit = 0.5
    with held(folder / "lock"):
        process = swlock.start("run", f"--max-runtime={limit}", "lock", "echo", "ran")
        wait_until(lambda: waits_on(folder / "lock"))
        # That nothing happens when it is over.
        time.sleep(2 * limit)
    assert process.communicate(timeout=10)[0] == b"ran\n" and process.returncode == 0


def test_the_limit_reaches_only_the_commands_group(swlock, folder):
    text = "( setsid sh -c 'echo $$ >pid; exec sleep 60' & ); sleep 60"
    words = ("run", "--close", "--max-runtime=3", "lock", "sh", "-c", text)
    assert swlock.start(*words, **QUIET).wait(10) == 124
    leftover = int((folder / "pid").read_text())
    assert is_alive(leftover)
    end(leftover)


def test_a_limit_and_leftovers_that_are_killed_go_together(swlock, folder):
    text = "( setsid sh -c 'trap \"\" TERM; echo $$ >pid; exec sleep 60' & ); sleep 60"
    limits = ("--max-runtime=0.2", "--kill-after=0.1", "--leftovers=kill")
    assert swlock.start("run", *limits, "lock", "sh", "-c", text, **QUIET).wait(10) == 124
    assert processes_in(folder) == []


def test_the_caller_is_not_hit_by_the_limit(swlock, folder):
    """A shell that shares its process group with swlock goes on."""
    words = ["sh", "-c", '"$@"; echo status $?', "sh", SWLOCK, "run", "--max-runtime=0.1", "lock"]
    result = subprocess.run([*words, "sleep", "60"], cwd=folder, capture_output=True, timeout=10)
    assert result.stdout == b"status 124\n"
