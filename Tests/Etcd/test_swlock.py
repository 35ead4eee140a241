"""swlock and the engine together, with real etcd: `-m etcd` from the command line."""

import contextlib
import json
import os
import random
import signal
import subprocess
import threading
import time

import pytest

import commands as support
from cluster import until

SECONDS = float(os.environ.get("SWLOCK_STORM_SECONDS", "10"))


@pytest.fixture
def commands(cluster, tmp_path):
    if not os.access(support.SWLOCK, os.X_OK):
        pytest.skip(f"{support.SWLOCK} is not there: make")
    commands = support.Commands(tmp_path, cluster.environment())
    yield commands
    commands.end()


def nothing_left(commands, cluster, name):
    until(lambda: not any(commands.processes(name).values()))
    until(lambda: not cluster.keys(name))


# What is used every day


def test_the_command_has_the_token_and_the_key_and_they_are_gone_afterwards(commands, cluster, name):
    script = 'echo "$SWLOCK_TOKEN $ETCD_LOCK_KEY $ETCD_LOCK_REV"; env | grep -c "^ETCDCTL_USER" || true'
    done = commands.run("run", name, "--", "sh", "-c", script, environment={"ETCDCTL_USER": "nobody:secret"})
    assert done.returncode == 0, done
    token, key, revision = done.stdout.splitlines()[0].split()
    assert token == revision and key.startswith(f"{name}/")
    assert done.stdout.splitlines()[1] == "0"
    nothing_left(commands, cluster, name)
    again = commands.run("run", name, "--", "sh", "-c", "echo $SWLOCK_TOKEN")
    assert int(again.stdout) > int(token)


def test_status_of_the_command_and_busy(commands, cluster, name):
    assert commands.run("run", name, "--", "sh", "-c", "exit 3").returncode == 3
    holder = commands.start_section(name, 60)
    until(lambda: commands.log("enter"))
    busy = commands.run("run", "-n", name, "--", "true")
    assert busy.returncode == 75 and f"pid {holder.pid}" in busy.stderr, busy
    late = commands.run("run", "-w", "0.5", "-E", "9", name, "--", "true")
    assert late.returncode == 9, late
    # Neither has left anything.
    assert len(cluster.keys(name)) == 1
    holder.terminate()
    assert holder.wait(30) == 143
    nothing_left(commands, cluster, name)


def test_status_shows_holders_and_waiters_in_order(commands, name):
    assert "free" in commands.run("status", name).stdout
    first = commands.start_section(name, 60)
    until(lambda: commands.log("enter"))
    second = commands.start_section(name, 0.1)
    until(lambda: str(second.pid) in commands.run("status", name).stdout)
    (report,) = [json.loads(line) for line in commands.run("status", "--json", name).stdout.splitlines()]
    assert report["state"] == "held"
    assert [entry["pid"] for entry in report["holders"]] == [first.pid]
    assert [entry["pid"] for entry in report["waiters"]] == [second.pid]
    first.terminate()
    assert second.wait(30) == 0


def test_acquire_and_release(commands, cluster, name):
    script = f"""
        swlock acquire -m etcd {name} && swlock status -q -m etcd {name} || exit 1
        swlock run -n -m etcd {name} -- true; [ $? = 75 ] || exit 2
        swlock run -n --reentrant -m etcd {name} -- true || exit 3
        swlock release -m etcd {name} || exit 4
        swlock status -q -m etcd {name}; [ $? = 1 ] || exit 5
    """
    done = subprocess.run(
        ["bash", "-c", script],
        env=commands.environment | {"PATH": f"{commands.folder}/bin:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done
    nothing_left(commands, cluster, name)


def test_the_lock_of_a_script_that_ends_is_given_back(commands, cluster, name):
    script = f"swlock acquire -m etcd {name} && kill -9 $$"
    environment = commands.environment | {"PATH": f"{commands.folder}/bin:{os.environ['PATH']}"}
    subprocess.run(["bash", "-c", script], env=environment, capture_output=True, timeout=90)
    nothing_left(commands, cluster, name)


def test_break_asks_first_and_the_next_one_comes_after_the_last_sign_of_life(commands, cluster, name):
    holder = commands.start_section(name, 60)
    until(lambda: commands.log("enter"))
    refused = commands.run("break", name)
    assert refused.returncode == 75 and f"pid {holder.pid}" in refused.stderr, refused
    waiter = commands.start_section(name, 0.1)
    until(lambda: len(cluster.keys(name)) == 2)
    assert commands.run("break", "--force", name).returncode == 0
    assert holder.wait(30) == 76
    assert waiter.wait(30) == 0
    assert not commands.log("overlap")
    nothing_left(commands, cluster, name)


# Who excludes whom


def test_with_etcdctl_lock_no_increment_is_lost(commands, cluster, name):
    turns = 8
    ours = [commands.start_loop(name, turns) for _ in range(3)]
    theirs = [
        subprocess.Popen(
            ["bash", "-c", f"for i in $(seq {turns}); do etcdctl lock {name} -- bash {commands.section} 0.01; done"],
            env=commands.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(2)
    ]
    for process in [*ours, *theirs]:
        assert process.wait(110) == 0
    assert not commands.log("overlap")
    assert commands.count == turns * 5
    nothing_left(commands, cluster, name)


def test_slots_are_so_many_at_once(commands, cluster, name):
    started = [commands.start_section(name, 60, "--slots", "2") for _ in range(4)]
    until(lambda: len(commands.log("enter")) == 2)
    until(lambda: len(cluster.keys(name)) == 4)
    assert len(commands.log("enter")) == 2
    for process in started:
        process.terminate()
    for process in started:
        process.wait(30)
    assert len(commands.log("enter")) <= 4


# What goes wrong


def test_a_revoked_lease_ends_the_command(commands, cluster, name):
    holder = commands.start_section(name, 60)
    until(lambda: commands.log("enter"))
    (key,) = cluster.keys(name)
    cluster.etcdctl("lease", "revoke", key.rpartition("/")[2])
    assert holder.wait(30) == 76
    assert "the key was deleted" in holder.stderr.read()
    nothing_left(commands, cluster, name)


def test_without_a_quorum_the_command_has_ended_when_the_lock_can_be_anothers(commands, cluster, name):
    holder = commands.start_section(name, 60)
    until(lambda: commands.log("enter"))
    for index in 0, 1:
        cluster.nodes[index].kill()
    assert holder.wait(30) == 76
    cluster.restart(0, 1)
    assert commands.start_section(name, 0.1).wait(60) == 0
    assert not commands.log("overlap")


ALL = ["engine", "holder", "front", "engine+holder", "engine+front", "front+holder"]


class Trial:
    """A section, and one that waits for its lock."""

    def __init__(self, commands, name, who):
        self._commands, self._name = commands, name
        self.front = commands.start_section(name, 600)
        until(lambda: commands.log("enter"))
        (engine,) = commands.processes(name)["etcd"]
        (holder,) = [pid for pid in commands.processes(name)["swlock"] if pid != self.front.pid]
        pids = {"engine": engine, "front": self.front.pid, "holder": holder}
        self._victims = [pids[word] for word in who.split("+")]
        self.waiter = commands.start_section(name, 0.1)
        until(lambda: len(commands.processes(name)["etcd"]) == 2)

    def send(self, number):
        for pid in self._victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def end_command(self):
        (entry,) = self._commands.log("enter")
        os.kill(int(entry[2]), signal.SIGKILL)

    def next_enters_alone(self):
        assert self.waiter.wait(60) == 0
        assert not self._commands.log("overlap")


@pytest.mark.parametrize("who", ALL)
def test_after_a_kill_the_next_one_is_alone(commands, cluster, name, who):
    trial = Trial(commands, name, who)
    trial.send(signal.SIGKILL)
    if who == "front":
        # The command goes on, and the lock with it.
        trial.end_command()
    trial.next_enters_alone()
    trial.front.wait(30)
    nothing_left(commands, cluster, name)


@pytest.mark.parametrize("who", ALL)
def test_after_a_stop_the_next_one_is_alone(commands, cluster, name, who):
    trial = Trial(commands, name, who)
    trial.send(signal.SIGSTOP)
    if who in ("front", "front+holder"):
        # As with Ctrl-Z: it is kept.
        trial.end_command()
        trial.send(signal.SIGCONT)
    trial.next_enters_alone()
    trial.send(signal.SIGCONT)
    trial.front.wait(30)
    nothing_left(commands, cluster, name)


def test_the_status_is_the_commands_where_only_the_release_is_not_answered(own_cluster, name, tmp_path):
    cluster = own_cluster()
    commands = support.Commands(tmp_path, cluster.environment())
    pid = cluster.nodes[0].pid
    done = commands.run("run", "--lifetime", "5s", name, "--", "sh", "-c", f"kill -STOP {pid}; exit 3")
    cluster.nodes[0].go_on()
    assert done.returncode == 3, done
    assert "the lock ends with its lifetime" in done.stderr and "was ended" not in done.stderr


@pytest.mark.parametrize("byte", ["x", "\x01"], ids=["plain", "escaped"])
def test_the_longest_name_leaves_room_for_the_variables(commands, cluster, byte):
    long = byte * 1024
    done = commands.run("run", long, "--", "sh", "-c", 'echo ${#ETCD_LOCK_KEY} "$ETCD_LOCK_REV" "$SWLOCK_TOKEN"')
    assert done.returncode == 0, done
    length, revision, token = done.stdout.split()
    assert int(length) > 1024 and revision == token


def test_without_a_cluster_it_says_so(commands, name):
    environment = {"ETCDCTL_ENDPOINTS": "127.0.0.1:1"}
    done = commands.run("run", "-n", name, "--", "true", environment=environment)
    assert done.returncode == 69 and "127.0.0.1:1" in done.stderr, done
    assert len(done.stderr.splitlines()) == 1


def test_without_a_cluster_nobody_was_too_late(commands, name):
    for endpoints, reason in ("127.0.0.1:1", "no etcd has answered"), ("127.0.0.1:x", "ETCDCTL_ENDPOINTS"):
        started = time.monotonic()
        environment = {"ETCDCTL_ENDPOINTS": endpoints}
        done = commands.run("run", "-w", "2", name, "--", "true", environment=environment)
        assert (done.returncode, reason in done.stderr) == (69 if endpoints[-1] == "1" else 64, True), done
        assert len(done.stderr.splitlines()) == 1 and time.monotonic() - started < 4


def test_a_silent_cluster_is_not_waited_for_longer(own_cluster, name, tmp_path):
    cluster = own_cluster()
    commands = support.Commands(tmp_path, cluster.environment())
    cluster.nodes[0].stop()
    started = time.monotonic()
    done = commands.run("run", "-w", "1", name, "--", "true")
    assert done.returncode == 69 and time.monotonic() - started < 4, done
    cluster.nodes[0].go_on()


class Storm:
    """Sections in a row from many at once, while processes of theirs are killed and stopped, and nodes killed."""

    def __init__(self, commands, cluster, name, seed):
        self._commands, self._cluster, self._name = commands, cluster, name
        self._random = random.Random(seed)
        self._end = time.monotonic() + SECONDS

    def _work(self):
        while time.monotonic() < self._end:
            process = self._commands.start_section(self._name, 0.05)
            process.communicate(timeout=120)

    def _work_beside(self):
        """etcdctl, which is left alone: one that is stopped may overlap."""
        while time.monotonic() < self._end:
            self._commands.start_etcdctl(self._name, 5, 0.05).communicate(timeout=120)

    def _harm(self):
        killed = None
        while time.monotonic() < self._end - 2:
            time.sleep(self._random.uniform(0.1, 0.6))
            found = self._commands.processes(self._name)
            victims = found["etcd"] + found["swlock"]
            if victims:
                self._hurt(self._random.choice(victims))
            if self._random.random() < 0.15:
                if killed is not None:
                    self._cluster.restart(killed)
                killed = self._random.randrange(len(self._cluster.nodes))
                self._cluster.nodes[killed].kill()
        if killed is not None:
            self._cluster.restart(killed)

    def _hurt(self, pid):
        stops = self._random.random() < 0.5
        try:
            os.kill(pid, signal.SIGSTOP if stops else signal.SIGKILL)
        except ProcessLookupError:
            return
        if stops:
            timer = threading.Timer(self._random.choice([0.3, 6]), self._go_on, (pid,))
            timer.daemon = True
            timer.start()

    @staticmethod
    def _go_on(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    def run(self):
        threads = [threading.Thread(target=self._work) for _ in range(6)]
        threads += [threading.Thread(target=self._work_beside) for _ in range(2)]
        threads.append(threading.Thread(target=self._harm))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def test_control_an_overlap_is_seen(commands, name):
    """Of an etcdctl that is stopped past its TTL, whose command runs on."""
    process = commands.start_etcdctl(name, 2, 60)
    until(lambda: commands.log("enter"))
    process.send_signal(signal.SIGSTOP)
    assert commands.start_section(name, 0.1).wait(60) == 0
    assert commands.log("overlap")
    os.killpg(process.pid, signal.SIGKILL)


def test_storm(commands, cluster, name):
    seed = int(os.environ.get("SWLOCK_SEED", time.time()))
    print("SWLOCK_SEED", seed)
    Storm(commands, cluster, name, seed).run()
    entered = commands.log("enter")
    # etcdctl gives no token.
    tokens = [int(line[1]) for line in entered if len(line) == 3]
    print(len(tokens), "entered, and by etcdctl", len(entered) - len(tokens))
    assert not commands.log("overlap")
    assert tokens == sorted(tokens) and len(set(tokens)) == len(tokens)
    assert len(tokens) > 2
