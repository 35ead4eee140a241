"""What `cleanup` asks the kernel for: as much for each of many dead locks as for each of few."""

import os
import pathlib
import subprocess

import pytest

from conftest import SWLOCK, is_everybodys, needs_strace
from hardlink_world import dead_pid, tag_of

pytestmark = needs_strace

FEW, MANY = 50, 500


def make_flufl(folder, number, pid):
    path = folder / f"lock{number}"
    claim = f"{path}|nowhere|{pid}|{tag_of(pid)}"
    pathlib.Path(claim).write_text(claim)
    os.link(claim, path)
    return claim, path


def make_rights(folder, number, pid):
    """The same, and the right to end it, of one who was killed before that."""
    claim, path = make_flufl(folder, number, pid)
    token = claim.rsplit("|", 1)[1].split(".")[0]
    right = f"{path}|nowhere|{pid}|{tag_of(pid)}"
    pathlib.Path(right).write_text(right)
    os.rename(right, folder / f".lock{number}.swlock-retire-{token}")


def make_doors(folder, number, pid):
    """What is left of rights on rights, where the lock is free."""
    path, previous = folder / f"lock{number}", os.urandom(16).hex()
    for _ in range(2):
        tag = tag_of(pid)
        right = f"{path}|nowhere|{pid}|{tag}"
        pathlib.Path(right).write_text(right)
        os.rename(right, folder / f".lock{number}.swlock-retire-{previous}")
        previous = tag.split(".")[0]
        (folder / f".lock{number}.swlock-exit-{previous}").mkdir()


def make_portage(folder, number, pid):
    path = folder / f"lock{number}"
    path.touch()
    os.link(path, folder / f".lock{number}.hardlock-{os.uname().nodename}-{pid}")


STYLES = {
    "flufl": (make_flufl, []),
    "rights": (make_rights, []),
    "doors": (make_doors, []),
    "portage": (make_portage, ["--style=portage"]),
}


def calls(folder, count, make, options):
    """How often each system call was made to clean up after so many locks."""
    folder.mkdir()
    pid = dead_pid()
    for number in range(count):
        make(folder, number, pid)
    trace = ["strace", "-f", "-qq", "-c", "-U", "name,calls", "-o", "counts"]
    words = [*trace, SWLOCK, "cleanup", "-q", *options, folder]
    subprocess.run(words, cwd=folder.parent, check=True)
    left = [name for name in os.listdir(folder) if not name.startswith("lock")]
    lines = [line.split() for line in (folder.parent / "counts").read_text().splitlines()]
    return {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdigit()}, left


@pytest.mark.parametrize("style", STYLES)
def test_dead_locks_take_as_many_calls_each_however_many_they_are(folder, style):
    make, options = STYLES[style]
    if style == "portage" and is_everybodys(os.uname().nodename):
        pytest.skip("nobody can tell whose placeholder it is on a host without a name of its own")
    few, left = calls(folder / "few", FEW, make, options)
    if style == "portage" and left:
        pytest.skip("not all processes of this host can be seen")
    many, left = calls(folder / "many", MANY, make, options)
    assert left == []
    names = {name for name in many if not name.startswith("total")}
    growth = {name: (few.get(name, 0), many[name]) for name in names}
    # The folder is read a few times, 32 KiB at once; /proc too, for each few hundred placeholders.
    assert many["getdents64"] <= few["getdents64"] + (60 if style == "portage" else 24), growth
    for name, (before, after) in growth.items():
        assert after <= MANY // FEW * max(before, FEW) * 1.2, (name, growth)
