"""acquire in jobs of a real cron daemon, which has a spool, a /run and processes of its own."""

import contextlib
import subprocess

import pytest

from conftest import SWLOCK, needs_root, needs_tool
from observing import (  # noqa: F401
    MODES,
    appears,
    is_free,
    is_held,
    nothing_left,
    wait_until,
)
from keepers import keepers, words_of

pytestmark = [needs_root, needs_tool("cron"), needs_tool("unshare"), needs_tool("mount")]

# It runs the jobs of `@reboot` as soon as it has started, and looks at no other crontab than that of the
# test: the rest is hidden in a mount namespace.
SETTING = """
set -e
for place in /run /var/spool/cron /etc/cron.d; do
  [ ! -d "$place" ] || mount -t tmpfs none "$place"
done
[ ! -e /etc/crontab ] || mount --bind /dev/null /etc/crontab
mkdir /var/spool/cron/crontabs
install -m 600 crontab /var/spool/cron/crontabs/root
exec cron -f
"""


@contextlib.contextmanager
def running(folder, *jobs):
    """A cron daemon with these jobs; everything that it has started ends with it."""
    lines = ["SHELL=/bin/sh", f"S={SWLOCK}", f"FOLDER={folder}"]
    lines += [f'@reboot cd "$FOLDER" && {job}' for job in jobs]
    (folder / "crontab").write_text("\n".join(lines) + "\n")
    words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [*words, "sh", "-c", SETTING],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("mode", [*MODES, "hardlink"])
def test_the_owner_is_the_jobs_own_shell_and_the_lock_ends_with_it(swlock, folder, mode):
    job = f'"$S" acquire -m {mode} lock; echo $? $$ >job; until [ -e stop ]; do sleep 0.01; done'
    with running(folder, job):
        status, owner = appears(folder / "job").split()
        assert status == b"0"
        if mode == "hardlink":
            # Its owner is named by its number there, and seen to be alive only there.
            claim = (folder / "lock").read_bytes()
            assert b"|%s|" % owner in claim
        else:
            assert is_held(folder / "lock", "flock" if mode == "flock" else "ofd")
            (keeper,) = keepers(folder)
            assert words_of(keeper)[4] == owner
        (folder / "stop").touch()
        if mode != "hardlink":
            wait_until(lambda: is_free(folder / "lock", "flock" if mode == "flock" else "ofd"))
            assert keepers(folder) == []


def test_a_script_of_the_job_is_the_owner(swlock, folder):
    (folder / "script").write_text(
        '"$S" acquire -n lock || exit\necho $$ >job\nuntil [ -e stop ]; do sleep 0.01; done\n'
    )
    with running(folder, "sh script; echo >after; until [ -e end ]; do sleep 0.01; done"):
        owner = appears(folder / "job").strip()
        (keeper,) = keepers(folder)
        assert words_of(keeper)[4] == owner
        (folder / "stop").touch()
        # The script has ended, the job goes on.
        appears(folder / "after")
        wait_until(lambda: is_free(folder / "lock"))
        (folder / "end").touch()


def test_a_second_job_is_left_out_while_the_first_runs(swlock, folder):
    first = '"$S" acquire lock && echo >first; until [ -e stop ]; do sleep 0.01; done'
    second = 'until [ -s first ]; do sleep 0.01; done; "$S" acquire -n lock; echo $? >second'
    with running(folder, first, second):
        assert appears(folder / "second") == b"75\n"
        assert is_held(folder / "lock")
        (folder / "stop").touch()
        wait_until(lambda: is_free(folder / "lock"))
