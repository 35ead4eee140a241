"""The examples for systemd and cron, as systemd and cron take them."""

import os
import shutil
import subprocess

import pytest

from conftest import PROJECT, SWLOCK, needs_tool
from observing import appears, held, is_free, is_held, nothing_left  # noqa: F401
from observing import wait_until, waits_on

EXAMPLES = PROJECT / "examples"
UNITS = ["swlock-archive.service", "swlock-archive.timer"]


# systemd


@needs_tool("systemd-analyze")
@pytest.mark.parametrize("prefix", ["/usr/local", "/usr"])
def test_systemd_accepts_the_units(folder, prefix):
    """The programs are looked for below `folder`; nothing there is run."""
    units = folder / "etc/systemd/system"
    units.mkdir(parents=True)
    for name in UNITS:
        shutil.copy(EXAMPLES / name, units)
    for path in (f"{prefix}/bin/swlock", "usr/bin/tar"):
        place = folder / path.strip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SWLOCK, place)
    # The units that every unit depends on.
    for name in ("sysinit", "basic", "shutdown", "timers", "time-sync", "time-set"):
        (units / f"{name}.target").write_text("[Unit]\nDefaultDependencies=no\n")
    command = ["systemd-analyze", "verify", "--man=no", f"--root={folder}", *UNITS]
    result = subprocess.run(command, capture_output=True, timeout=60)
    assert (result.returncode, result.stderr, result.stdout) == (0, b"", b"")


def exec_start(name):
    lines = (EXAMPLES / name).read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("ExecStart=")]
    return line.removeprefix("ExecStart=").split()


def test_the_units_command_is_right_for_swlock(swlock, folder):
    words = exec_start("swlock-archive.service")
    assert words[0] == "swlock"
    places = {"/run/archive/lock": "lock", "/srv": ".", "/var/backups/srv.tar": "/dev/null"}
    words = [places.get(word, word) for word in words[1:]]
    assert swlock.run(*words).returncode == 0
    with held(folder / "lock"):
        # What SuccessExitStatus= in the unit is for.
        assert swlock.run(*words).returncode == 75
    assert "SuccessExitStatus=75\n" in (EXAMPLES / "swlock-archive.service").read_text()


# cron

# Debian's cron with nothing of the machine's: its crontabs, the files beside it and its pid file are
# in a mount namespace of its own. It runs @reboot at once where there is an empty /run.
CRON = """
set -e
mount --bind crontabs /var/spool/cron/crontabs
mount --bind empty /etc/cron.d
mount --bind /dev/null /etc/crontab
mount -t tmpfs none /run
exec cron -f
"""


def namespaces_work():
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


@pytest.fixture
def cron(folder):
    """Starts it with these lines as root's crontab, or as a file in /etc/cron.d."""
    if shutil.which("cron") is None:
        pytest.skip("needs cron")
    if os.geteuid() != 0 or not namespaces_work():
        pytest.skip("needs root and mount namespaces")
    started = []
    for name in ("crontabs", "empty"):
        (folder / name).mkdir()

    def start(table, *lines):
        table = folder / table
        table.write_text("\n".join(lines) + "\n")
        table.chmod(0o600)
        words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", CRON]
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen(
                words, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        started.append(process)

    yield start
    for process in started:
        process.kill()
        process.wait()


def jobs():
    """The crontab's PATH, and each line's job, lock file and command."""
    lines = [line for line in (EXAMPLES / "crontab").read_text().splitlines() if line]
    lines = [line for line in lines if not line.startswith("#")]
    assert lines[0].startswith("PATH=")
    words = (line.split(maxsplit=5) for line in lines[1:])
    commands = [word[5] for word in words]
    names = [("rsync", "sync.lock"), ("check", "check.lock"), ("archive", "sync.lock")]
    return lines[0], list(zip(names, commands, strict=True))


PATH, JOBS = jobs()

# Says that it runs, and ends when it is told to.
JOB = """#!/bin/sh
echo $$ >ran.new && mv ran.new ran
until [ -e stop ]; do sleep 0.05; done
echo done >>done
"""


@pytest.mark.parametrize("table", ["crontabs/root", "empty/examples"], ids=["crontab -e", "cron.d"])
@pytest.mark.parametrize("job", JOBS, ids=lambda job: job[0][0])
def test_cron_runs_the_examples_line_under_its_lock(cron, folder, job, table):
    (name, lock), command = job
    (folder / "bin").mkdir()
    (folder / "bin/swlock").symlink_to(SWLOCK)
    (folder / "bin" / name).write_text(JOB)
    (folder / "bin" / name).chmod(0o755)
    # Only the time is another than the example's.
    user = "root " if table.startswith("empty") else ""
    line = f"@reboot {user}cd {folder} && {command}; echo $? >status"
    start = [table, PATH.replace("=", f"={folder}/bin:"), f"HOME={folder}", line]
    waits = "--timeout" in command

    with held(folder / lock):
        cron(*start)
        if waits:
            wait_until(lambda: waits_on(folder / lock), timeout=60)
        else:
            wait_until(lambda: (folder / "status").exists(), timeout=60)
            assert appears(folder / "status") == b"0\n"
        assert not (folder / "ran").exists()
    if not waits:
        (folder / "status").unlink()
        cron(*start)
    wait_until(lambda: (folder / "ran").exists(), timeout=60)
    assert is_held(folder / lock)
    assert not (folder / "status").exists()
    (folder / "stop").touch()
    wait_until(lambda: (folder / "status").exists(), timeout=60)
    assert appears(folder / "status") == b"0\n"
    assert (folder / "done").read_text() == "done\n"
    assert is_free(folder / lock)
