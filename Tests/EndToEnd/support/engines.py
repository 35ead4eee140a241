"""An engine of the tests' own, what it does wrong, and the processes around a lock that it keeps."""

import os
import pathlib
import shutil
import subprocess

import pytest

from observing import children_of, end, is_alive, wait_until

ENGINE = pathlib.Path(__file__).resolve().parents[1] / "engine" / "folder"


class Engine:
    """`-m folder`, with its locks in a folder of this test."""

    def __init__(self, swlock, folder):
        self.swlock = swlock
        self.folder = folder
        self.locks = folder / "locks"
        self.place = folder / "engines"
        self.locks.mkdir()
        self.place.mkdir(mode=0o755)
        self.program = self.place / "folder"
        shutil.copy(ENGINE, self.program)
        self.program.chmod(0o755)
        self.environment = os.environ | {
            "SWLOCK_ENGINE_PATH": str(self.place),
            "ENGINE_FOLDER": str(self.locks),
        }

    def run(self, command, *words, **options):
        options.setdefault("env", self.environment)
        return self.swlock.run(command, "-m", "folder", *words, **options)

    def start(self, command, *words, **options):
        options.setdefault("env", self.environment)
        return self.swlock.start(command, "-m", "folder", *words, **options)

    def script(self, text, **options):
        return subprocess.run(
            ["bash", "-c", text], cwd=self.folder, env=self.environment, capture_output=True,
            timeout=60, **options)  # fmt: skip

    def faults(self, *words):
        """What goes wrong from now on, and nothing else."""
        new = self.locks / ".faults.new"
        new.write_text(" ".join(words))
        new.rename(self.locks / ".faults")

    def mute(self, *others):
        """Returns when the engine, of which there is one, changes nothing any more."""
        (self.locks / ".mute").unlink(missing_ok=True)
        self.faults("mute", *others)
        wait_until((self.locks / ".mute").exists, "the engine is mute")

    def entries(self, name="job"):
        """Who has the lock, and who waits: their tokens."""
        try:
            lines = (self.locks / name).read_text().split("\n")[1:]
        except OSError:
            return []
        return [line.split("\t")[0] for line in lines if line]

    def helpers(self):
        """The numbers of engines that run."""
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                words = pathlib.Path("/proc", entry, "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if os.fsencode(self.program) in words[:3]:
                found.append(int(entry))
        return found

    def nothing_left(self, name="job"):
        wait_until(lambda: not self.helpers(), "all engines have ended")
        assert self.entries(name) == []


# Tells when it lives, and has SIGTERM noted.
BEAT = """
trap 'echo term >> "$1"' TERM
echo "start $SWLOCK_TOKEN" >> "$1"
while :; do date +%s.%N >> "$1.beats"; sleep 0.02; done
"""


class Section:
    """A command that runs under a lock, as long as it is not killed, and the processes around it."""

    def __init__(self, engine, *options, log="log", name="job", **started):
        self.engine = engine
        self.log = engine.folder / log
        self.beats = engine.folder / (log + ".beats")
        helpers = set(engine.helpers())
        self.front = engine.start(
            "run", *options, name, "--", "sh", "-c", BEAT, "sh", str(self.log),
            **started)  # fmt: skip
        wait_until(lambda: self.started() or self.front.poll() is not None, "the command runs")
        wait_until(lambda: self.last_beat() > 0, "the command beats")
        (self.holder,) = children_of(self.front.pid)
        (self.command,) = children_of(self.holder)
        (self.helper,) = set(engine.helpers()) - helpers

    def lines(self):
        try:
            return self.log.read_text().split("\n")[:-1]
        except OSError:
            return []

    def started(self):
        return any(line.startswith("start") for line in self.lines())

    def was_asked(self):
        return "term" in self.lines()

    def all_beats(self):
        try:
            return [float(line) for line in self.beats.read_text().split("\n")[:-1]]
        except OSError:
            return []

    def last_beat(self):
        return max(self.all_beats(), default=0)

    def first_beat(self):
        return min(self.all_beats())

    def runs(self):
        return is_alive(self.command)

    def wait_for_end(self):
        wait_until(lambda: not self.runs(), "the command has ended")

    def result(self):
        output, errors = self.front.communicate(timeout=30)
        return self.front.returncode, output, errors


@pytest.fixture
def engine(swlock, folder):
    made = Engine(swlock, folder)
    yield made
    for helper in made.helpers():
        end(helper)
