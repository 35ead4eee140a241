"""swlock with the engine, as they are installed, and a section that finds out whether it is alone."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess

from seam import ENGINE, PROJECT

SWLOCK = os.environ.get("SWLOCK", str(PROJECT / "build" / "swlock"))

# section SECONDS: writes into $SECTION/log who is inside. The kernel's lock of $SECTION/probe is gone with the last
# process of a section, however that ends: one that finds it taken is not alone.
SECTION = """\
exec 9>>"$SECTION/probe"
flock -n 9 || echo "overlap $SWLOCK_TOKEN" >>"$SECTION/log"
echo "enter $SWLOCK_TOKEN $$" >>"$SECTION/log"
# As a shell would: what was read before is lost if somebody else comes in between.
read -r count <"$SECTION/count"
# Without a process for it, which could outlive this one.
exec 8<> <(:)
read -rt "$1" -u 8
echo $((count + 1)) >"$SECTION/count"
echo "leave $SWLOCK_TOKEN $$" >>"$SECTION/log"
"""


class Commands:
    """swlock and the engine below a folder of a test's, and what sections there have written."""

    def __init__(self, folder, environment):
        self.folder = pathlib.Path(folder)
        (self.folder / "bin").mkdir()
        (self.folder / "libexec/swlock/engine").mkdir(parents=True)
        self.swlock = shutil.copy(SWLOCK, self.folder / "bin/swlock")
        self.engine = shutil.copy(ENGINE, self.folder / "libexec/swlock/engine/etcd")
        self.section = self.folder / "section"
        self.section.write_text(SECTION)
        (self.folder / "count").write_text("0\n")
        (self.folder / "log").touch()
        kept = {key: value for key, value in environment.items() if not key.startswith("SWLOCK")}
        self.environment = kept | {"SECTION": str(self.folder), "LC_ALL": "C"}
        self._started = []

    def run(self, command, *words, environment=None, **options):
        options = {"capture_output": True, "text": True, "timeout": 90, **options}
        return subprocess.run(
            [self.swlock, command, "-m", "etcd", *words],
            env=self.environment | (environment or {}),
            cwd=self.folder,
            **options,
        )

    def _begin(self, words):
        """In a group of its own; ended with the test."""
        process = subprocess.Popen(
            words,
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def start(self, command, *words):
        return self._begin([self.swlock, command, "-m", "etcd", *words])

    def start_section(self, name, seconds, *options):
        return self.start("run", "--lifetime", "5s", *options, name, "--", "bash", self.section, str(seconds))

    def start_etcdctl(self, name, ttl, seconds):
        """A section under `etcdctl lock`, in a group of its own."""
        return self._begin(["etcdctl", "lock", "--ttl", str(ttl), name, "--", "bash", self.section, str(seconds)])

    def start_loop(self, name, turns):
        """One section after the other."""
        script = 'for i in $(seq "$1"); do "$2" run -m etcd "$3" -- bash "$4" 0.01 || exit; done'
        process = subprocess.Popen(
            ["bash", "-c", script, "loop", str(turns), self.swlock, name, self.section],
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
        )
        self._started.append(process)
        return process

    def log(self, *events):
        """What sections wrote: lists of words."""
        lines = [line.split() for line in (self.folder / "log").read_text().splitlines()]
        return [line for line in lines if not events or line[0] in events]

    @property
    def count(self):
        return int((self.folder / "count").read_text())

    def processes(self, name):
        """Those of swlock and of its engine that have to do with a lock: by the last part of their program's path."""
        found = {"swlock": [], "etcd": []}
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                words = entry.joinpath("cmdline").read_bytes().split(b"\0")
                program = os.readlink(entry / "exe").removesuffix(" (deleted)")
                if program.startswith(str(self.folder)) and os.fsencode(name) in words:
                    found[os.path.basename(program)].append(int(entry.name))
        return found

    def end(self):
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for entry in list(pathlib.Path("/proc").iterdir()):
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if os.readlink(entry / "exe").startswith(str(self.folder)):
                        os.kill(int(entry.name), signal.SIGKILL)


def children(pid):
    with contextlib.suppress(OSError):
        return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
