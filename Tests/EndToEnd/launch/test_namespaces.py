"""--unshare: what is isolated, and that a command in a pid namespace ends, stops and is killed as any."""

import os
import pwd
import shlex
import signal
import socket
import subprocess
import sys

import pytest

from conftest import SWLOCK, needs_root, needs_tool
from observing import (
    appears,
    descendants_of,
    descriptors_of,
    end,
    has_failed,
    is_alive,
    is_free,
    is_held,
    is_stopped,
    name_of,
    nothing_left,  # noqa: F401
    processes_in,
    stat_of,
    wait_until,
)
from terminals import SUSPEND, terminal  # noqa: F401

NOBODY = pwd.getpwnam("nobody")
PYTHON = [os.path.realpath(sys.executable), "-I", "-S", "-c"]


def can_unshare(*options, user=False):
    """Whether this machine makes these namespaces at all."""
    words = ["unshare", *options, "true"]
    if user:
        words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *words]
    try:
        return subprocess.run(words, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


AS_ROOT = os.geteuid() == 0
# Others have everything in a user namespace of theirs.
EXTRA = [] if AS_ROOT else ["--unshare", "user"]
needs_namespaces = pytest.mark.skipif(
    not can_unshare("-p", "-m", "-n", "-i", "-u", "-f", *([] if AS_ROOT else ["-U", "-r"])),
    reason="needs namespaces",
)
needs_user_namespaces = pytest.mark.skipif(
    not AS_ROOT or not can_unshare("-U", "-r", "-p", "-f", "--mount-proc", user=True),
    reason="needs root, and user namespaces for ordinary users",
)
pytestmark = needs_namespaces

KINDS = {"net": "net", "ipc": "ipc", "mount": "mnt", "pid": "pid", "uts": "uts", "user": "user"}
WITH = {"net": {"net", "uts"}, "pid": {"pid", "mount"}}


def run(swlock, kinds, *words, options=(), **others):
    return swlock.run("run", *EXTRA, "--unshare", kinds, *options, "lock", "--", *words, **others)


def output(swlock, kinds, *words, **others):
    result = run(swlock, kinds, *words, **others)
    assert (result.returncode, result.stderr) == (0, b""), result
    return result.stdout.decode()


def namespace_of(kind, pid="self"):
    return os.readlink(f"/proc/{pid}/ns/{KINDS[kind]}")


def init_of(process):
    """The init, once it has nothing more to do than to wait."""

    def search():
        return [pid for pid in descendants_of(process.pid) if name_of(pid) == "swlock init"]

    return wait_until(search)[0]


# What is isolated


@pytest.mark.parametrize("kinds", [*KINDS, "net,ipc,mount,pid,uts,user", "ipc,uts"])
def test_the_command_has_these_namespaces_of_its_own_and_no_others(swlock, kinds):
    words = " ".join(f"/proc/self/ns/{file}" for file in KINDS.values())
    inside = output(swlock, kinds, "sh", "-c", f"readlink {words}").split()
    own = {kind for kind, link in zip(KINDS, inside) if link != namespace_of(kind)}
    asked = set(kinds.split(","))
    expected = asked.union(*(WITH.get(kind, set()) for kind in asked))
    assert own == expected | ({"user"} if EXTRA else set())


def test_lists_add_up(swlock):
    result = output(
        swlock, "ipc", "readlink", "/proc/self/ns/ipc", "/proc/self/ns/uts",
        options=["--unshare=uts"],
    )  # fmt: skip
    assert namespace_of("ipc") not in result and namespace_of("uts") not in result


def test_no_fork_unshares_as_well(swlock):
    result = output(
        swlock, "net,ipc,mount,uts,user", "sh", "-c", "hostname; echo $PPID", options=["--no-fork"]
    )
    assert result.split() == ["localhost", str(os.getpid())]


def test_the_network_is_a_loopback_interface_that_names_resolve_on(swlock):
    code = """
import os, socket
print(socket.gethostname())
found = socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
print(bool(found))
for family, address in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "10.0.0.1"), \
    (socket.AF_INET6, "::1"), (socket.AF_INET6, "fd00::1"):
    with socket.socket(family) as bound:
        bound.bind((address, 0))
        bound.listen()
        with socket.create_connection(bound.getsockname()[:2]):
            print(address)
"""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("needs IPv6")
    lines = output(swlock, "net", *PYTHON, code).splitlines()
    assert lines[:2] == ["localhost", "True"]
    assert lines[2:] == ["127.0.0.1", "10.0.0.1", "::1", "fd00::1"]


def test_the_host_keeps_its_name_and_its_network(swlock):
    before = socket.gethostname(), socket.if_nameindex()
    output(swlock, "net", "true")
    assert (socket.gethostname(), socket.if_nameindex()) == before


def test_proc_shows_the_namespace_and_nothing_else(swlock):
    code = "import os; print(os.getpid(), *sorted(name for name in os.listdir('/proc') if name.isdigit()))"
    assert output(swlock, "pid", *PYTHON, code).split() == ["2", "1", "2"]


def test_the_init_holds_nothing_but_its_report(swlock, folder):
    with open(folder / "more", "w") as more:
        process = swlock.start(
            "run", *EXTRA, "--unshare", "pid", "lock", "--", "sh", "-c", "echo in; read x",
            stdin=subprocess.PIPE, pass_fds=[more.fileno()],
        )  # fmt: skip
        assert process.stdout.readline() == b"in\n"
        init = init_of(process)
        (held,) = descriptors_of(init).values()
        assert held.startswith("socket:")
        assert os.readlink(f"/proc/{init}/cwd") == "/"
        process.communicate(b"\n")
    assert process.returncode == 0


MOUNTS = pytest.mark.skipif(not AS_ROOT, reason="needs root")
BOTH_WAYS = """
mount -t tmpfs inside inner
echo ready >ready
while [ ! -e go ]; do sleep 0.01; done
test -e outer/file && echo seen || echo unseen
"""


@MOUNTS
@pytest.mark.parametrize(
    "options, seen", [([], "seen"), (["--propagation", "private"], "unseen")], ids=["slave", "private"]
)
def test_mounts_go_into_the_namespace_but_not_out(swlock, folder, options, seen):
    (folder / "inner").mkdir()
    (folder / "outer").mkdir()
    # A namespace of the test's own, whose mounts are shared.
    script = """
mount --make-rshared /
"$@" >output &
i=0; while [ ! -e ready ] && [ $i -lt 1000 ]; do sleep 0.01; i=$((i + 1)); done
grep -c "$PWD/inner" /proc/self/mountinfo
mount -t tmpfs outside outer && echo >outer/file
echo >go; wait $! || exit
cat output
"""
    command = [SWLOCK, "run", "--unshare", "mount", *options, "lock", "--", "sh", "-c", BOTH_WAYS]
    result = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", *command],
        cwd=folder, capture_output=True, timeout=30,
    )  # fmt: skip
    assert result.stdout.decode().split() == ["0", seen], result


def test_folder_descriptors_and_the_rest_are_done_inside(swlock, folder):
    (folder / "sub").mkdir()
    (folder / "file").write_text("content\n")
    result = output(
        swlock, "pid,net", "sh", "-c", "pwd; umask; echo $X; cat <&5; ulimit -n; nice",
        options=["--chdir", "sub", "--umask", "027", "--env", "X=y", "--fd", "5=file",
                 "--close-fds", "--rlimit", "nofile=100", "--nice", "3"],
    )  # fmt: skip
    assert result.split() == [f"{folder}/sub", "0027", "y", "content", "100", str(min(os.nice(0) + 3, 19))]


# Users


@needs_user_namespaces
@needs_tool("setpriv")
def test_an_ordinary_user_has_everything_in_a_user_namespace(swlock, folder):
    folder.chmod(0o777)
    words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", SWLOCK, "run", "--unshare"]
    check = "id -u; id -g; hostname; ls /proc | grep -c '^[0-9]'; cat /proc/self/setgroups"
    result = subprocess.run(
        [*words, "user,pid,net,ipc,uts,mount", folder / "lock", "--", "sh", "-c", check],
        capture_output=True, cwd="/", timeout=30,
    )  # fmt: skip
    assert result.stdout.decode().split()[:3] == ["65534", "65534", "localhost"], result
    assert result.stdout.decode().split()[-1] == "deny"
    refused = subprocess.run(
        [*words, "net", folder / "lock", "--", "touch", folder / "started"],
        capture_output=True, cwd="/", timeout=30,
    )  # fmt: skip
    assert has_failed(refused, 77, b"unshare net", b"takes user as well")
    assert not (folder / "started").exists()


@needs_user_namespaces
@pytest.mark.parametrize("kinds", ["user", "user,pid,net", "pid,net"])
def test_another_user_in_its_own_namespaces(swlock, folder, kinds):
    folder.chmod(0o755)
    (folder / "lock").touch()
    check = "id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map"
    words = output(swlock, kinds, "sh", "-c", check, options=["--user", "nobody"]).split()
    assert words[:2] == [str(NOBODY.pw_uid), str(NOBODY.pw_gid)]
    if "user" in kinds:
        assert words[2:] == [words[0], words[0], "1", words[1], words[1], "1"]


# What cannot be had


@MOUNTS
@pytest.mark.parametrize("form", ["flag", "list"])
def test_an_optional_namespace_is_done_without(swlock, folder, form):
    words = ["--unshare", "net", "--unshare-optional"] if form == "flag" else ["--unshare-optional=net"]
    script = 'echo 0 >/proc/sys/user/max_net_namespaces && exec "$@"'
    outer = ["unshare", "-U", "-r", "sh", "-c", script, "sh", SWLOCK, "run"]
    link = ["readlink", "/proc/self/ns/net", "/proc/self/ns/ipc"]
    result = subprocess.run(
        [*outer, *words, "--unshare=ipc", "lock", "--", *link],
        cwd=folder, capture_output=True, timeout=30,
    )  # fmt: skip
    assert result.returncode == 0, result
    assert result.stderr.count(b"\n") == 1
    assert b"running readlink without --unshare net: unshare net: " in result.stderr
    net, ipc = result.stdout.decode().split()
    assert net == namespace_of("net") and ipc != namespace_of("ipc")
    # The same without: closed.
    result = subprocess.run(
        [*outer, "--unshare=net", "lock", "--", "touch", "started"],
        cwd=folder, capture_output=True, timeout=30,
    )  # fmt: skip
    assert has_failed(result, 71, b"unable to run touch: unshare net: ")
    assert not (folder / "started").exists() and is_free(folder / "lock")


@MOUNTS
@pytest.mark.parametrize("kind", ["pid", "ipc", "mnt", "uts"])
def test_what_cannot_be_had_keeps_the_command_from_being_started(swlock, folder, kind):
    script = f'echo 0 >/proc/sys/user/max_{kind}_namespaces && exec "$@"'
    option = "mount" if kind == "mnt" else kind
    result = subprocess.run(
        ["unshare", "-U", "-r", "sh", "-c", script, "sh", SWLOCK, "run", "--unshare", option,
         "lock", "--", "touch", "started"],
        cwd=folder, capture_output=True, timeout=30,
    )  # fmt: skip
    assert has_failed(result, 71, f"unable to run touch: unshare {option}: ".encode())
    assert not (folder / "started").exists() and is_free(folder / "lock")


def test_a_program_that_is_missing_is_reported_from_inside(swlock, folder):
    assert has_failed(run(swlock, "pid", "./missing"), 127, b"unable to execute ./missing")
    assert has_failed(run(swlock, "pid", "."), 126, b"unable to execute .")
    assert is_free(folder / "lock")


@pytest.mark.parametrize(
    "words, part",
    [
        (["--unshare", "nets"], b"net, ipc, mount, pid, uts, user"),
        (["--unshare", ""], b"net, ipc, mount, pid, uts, user"),
        (["--unshare", "net,,ipc"], b"net, ipc, mount, pid, uts, user"),
        (["--unshare-optional"], b"--unshare"),
        (["--propagation", "private"], b"--unshare mount"),
        (["--propagation", "shared", "--unshare", "mount"], b"slave or private"),
        (["--no-fork", "--unshare", "pid"], b"--unshare pid"),
        (["--no-fork", "--unshare-optional=pid"], b"--unshare pid"),
    ],
)
def test_a_mistake_is_a_usage_error(swlock, folder, words, part):
    assert has_failed(swlock.run("run", *words, "lock", "--", "true"), 64, part)


# How the command ends


def test_every_exit_status_is_the_commands(swlock):
    for code in range(256):
        assert run(swlock, "pid", "sh", "-c", f"exit {code}").returncode == code


@pytest.mark.parametrize("name", ["TERM", "KILL", "SEGV", "INT", "HUP", "ABRT"])
def test_a_signal_that_ends_the_command_is_its_status(swlock, name):
    number = getattr(signal, f"SIG{name}")
    result = run(swlock, "pid", "sh", "-c", f"ulimit -c 0; kill -{name} $$")
    assert (result.returncode, result.stderr) == (128 + number, b"")


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "USR1", "QUIT"])
def test_a_signal_to_swlock_reaches_the_command(swlock, folder, name):
    script = f'trap "exit 7" {name}; echo in; while :; do sleep 0.01; done'
    process = swlock.start("run", *EXTRA, "--unshare", "pid", "lock", "--", "sh", "-c", script)
    assert process.stdout.readline() == b"in\n"
    process.send_signal(getattr(signal, f"SIG{name}"))
    process.communicate(timeout=10)
    assert process.returncode == 7


def test_a_signal_to_the_init_reaches_the_command(swlock, folder):
    process = swlock.start(
        "run", *EXTRA, "--unshare", "pid", "lock", "--",
        "sh", "-c", 'trap "exit 8" TERM; echo in; while :; do sleep 0.01; done',
    )  # fmt: skip
    assert process.stdout.readline() == b"in\n"
    os.kill(init_of(process), signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 8


def test_max_runtime_ends_it_and_what_ignores_the_end(swlock, folder):
    result = run(
        swlock, "pid", "sh", "-c", "trap '' TERM; echo in; while :; do sleep 1; done",
        options=["--max-runtime", "2", "--kill-after", "0.1"],
    )  # fmt: skip
    assert result.returncode == 124 and result.stdout == b"in\n"


# Orphans and leftovers

ORPHANS = """
import os, sys
for _ in range(int(sys.argv[1])):
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            os._exit(0)
        os._exit(0)
    os.waitpid(child, 0)
import time
end = time.monotonic() + 30
while len([name for name in os.listdir("/proc") if name.isdigit()]) > 2:
    assert time.monotonic() < end
    time.sleep(0.01)
print("reaped")
"""


def test_the_init_reaps_orphans(swlock):
    count = os.environ.get("SWLOCK_ORPHANS", "500")
    assert output(swlock, "pid", *PYTHON, ORPHANS, count, timeout=120) == "reaped\n"


LEFTOVER = "(setsid sh -c 'trap : TERM; while [ ! -e stop ]; do sleep 0.01; done; echo end >end' &) ; exit 4"


def leave(swlock, *options):
    return swlock.start(
        "run", *EXTRA, "--unshare", "pid", *options, "lock", "--", "sh", "-c", LEFTOVER,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def test_a_leftover_that_is_kept_lives_on_with_the_lock_and_so_does_the_init(swlock, folder):
    process = leave(swlock)
    assert process.wait(10) == 4
    assert is_held(folder / "lock")
    (folder / "stop").touch()
    appears(folder / "end")
    wait_until(lambda: is_free(folder / "lock"))


def test_a_leftover_without_the_lock_lives_on_when_swlock_ends(swlock, folder):
    process = leave(swlock, "--close")
    assert process.wait(10) == 4
    assert is_free(folder / "lock") and processes_in(folder)
    (folder / "stop").touch()
    appears(folder / "end")


def test_a_leftover_is_waited_for(swlock, folder):
    process = leave(swlock, "--leftovers=wait")
    wait_until(lambda: len(processes_in(folder)) > 1)
    (folder / "stop").touch()
    assert process.wait(10) == 4
    assert (folder / "end").exists() and is_free(folder / "lock")


def test_a_leftover_is_killed(swlock, folder):
    process = leave(swlock, "--leftovers=kill", "--kill-after", "0.2")
    assert process.wait(10) == 4
    assert not (folder / "end").exists() and not processes_in(folder) and is_free(folder / "lock")


# Killed


def start_staying(swlock, *options):
    process = swlock.start(
        "run", *EXTRA, *options, "--unshare", "pid", "lock", "--",
        "sh", "-c", "sleep 1000 & echo in; wait",
    )  # fmt: skip
    assert process.stdout.readline() == b"in\n"
    return process


@pytest.mark.parametrize("options", [[], ["--close"], ["-m", "posix"]], ids=["plain", "close", "posix"])
def test_when_the_init_is_killed_everything_is_gone(swlock, folder, options):
    process = start_staying(swlock, *options)
    end(init_of(process))
    process.communicate(timeout=10)
    assert process.returncode == 137
    assert not processes_in(folder) and is_free(folder / "lock") and is_free(folder / "lock", "posix")


def test_when_swlock_is_killed_the_command_goes_on_with_the_lock(swlock, folder):
    process = start_staying(swlock)
    init = init_of(process)
    process.kill()
    process.wait()
    assert is_held(folder / "lock") and is_alive(init)
    end(init)
    wait_until(lambda: is_free(folder / "lock"))


@pytest.mark.parametrize("options", [["--close"], ["-m", "posix"]], ids=["close", "posix"])
def test_when_the_holder_is_killed_the_command_dies_with_it(swlock, folder, options):
    process = start_staying(swlock, *options)
    init = init_of(process)
    end(stat_of(init)[1])
    process.communicate(timeout=10)
    assert process.returncode == 137
    assert not processes_in(folder) and not is_alive(init)


# Job control


@pytest.mark.parametrize("terminal", ["bash"], indirect=True)
@pytest.mark.parametrize("options", ["", "--close", "--max-runtime 60"])
def test_the_job_stops_and_continues(terminal, folder, options):
    extra = " ".join(EXTRA)
    terminal.type(f'"$S" run {options} {extra} --unshare pid lock sh -c "echo started; exec sleep 60"')
    terminal.expect("started")
    terminal.send(SUSPEND)
    terminal.prompt()
    wait_until(lambda: all(map(is_stopped, set(processes_in(folder)) - {terminal.child.pid})))
    assert is_held(folder / "lock")
    terminal.type("fg")
    wait_until(lambda: not any(map(is_stopped, processes_in(folder))))
    terminal.send("\x03")
    terminal.prompt()
    assert terminal.status() == 130
    wait_until(lambda: processes_in(folder) == [terminal.child.pid])


@pytest.mark.parametrize("terminal", ["bash"], indirect=True)
def test_an_interactive_shell_has_job_control_inside(terminal, folder):
    inner = shlex.join(["bash", "--norc", "--noprofile", "--noediting", "-i"])
    extra = " ".join(EXTRA)
    terminal.do(f'"$S" run {extra} --unshare pid lock env PS1="$PS1" {inner}')
    assert terminal.do("echo $$").split() == ["2"]
    terminal.type("sleep 60")
    wait_until(lambda: any(name_of(pid) == "sleep" for pid in processes_in(folder)))
    terminal.send(SUSPEND)
    terminal.prompt()
    assert "Stopped" in terminal.do("jobs")
    terminal.type("fg")
    wait_until(lambda: not any(map(is_stopped, processes_in(folder))))
    terminal.send("\x03")
    terminal.prompt()
    assert terminal.status() == 130
    terminal.do("exit 5")
    assert terminal.status() == 5
    assert terminal.owned_by_the_shell()


@needs_root
def test_nothing_is_left_of_it(folder):
    # In a namespace whose mounts are shared, and not with those of other tests.
    script = """
mount --make-rprivate / && mount --make-rshared / && cat /proc/self/mountinfo >before || exit
for _ in $(seq 20); do "$@" || exit; done
exec cat /proc/self/mountinfo >after
"""
    command = [SWLOCK, "run", "--unshare", "net,ipc,mount,pid,uts,user", "lock", "true"]
    words = ["unshare", "-m", "sh", "-c", script, "sh", *command]
    result = subprocess.run(words, cwd=folder, capture_output=True, timeout=60)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
    assert (folder / "after").read_text() == (folder / "before").read_text() != ""
