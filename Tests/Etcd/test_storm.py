"""Many at one name, while they are killed and stopped, and nodes killed: never two at once, and tokens that grow.
SWLOCK_STORM_SECONDS asks for a longer one."""

import os
import random
import signal
import threading
import time

import seam

SECONDS = float(os.environ.get("SWLOCK_STORM_SECONDS", "12"))
WORKERS = 8
TTL = 2


class Section:
    """Who is inside, by what each was promised: until which deadline."""

    def __init__(self):
        self._lock = threading.Lock()
        self._inside = {}
        self.entered, self.newest, self.faults = 0, 0, []

    def enter(self, engine, line):
        with self._lock:
            for other, promise in self._inside.items():
                if promise() > line.at:
                    self.faults.append(f"{engine.token} beside {other}")
            if engine.token <= self.newest:
                self.faults.append(f"token {engine.token} after {self.newest}")
            self.newest = max(self.newest, engine.token)
            self._inside[engine.token] = engine.promise
            self.entered += 1

    def leave(self, engine):
        with self._lock:
            del self._inside[engine.token]


class Storm:
    def __init__(self, cluster, name, seed):
        self._cluster, self._name = cluster, name
        self._random = random.Random(seed)
        self.section, self.failed = Section(), []
        self._engines, self._lock = set(), threading.Lock()
        self._end = time.monotonic() + SECONDS

    def _use(self, engine, hold):
        """As swlock: inside until told otherwise, until the deadline at the latest."""
        line = engine.expect("held", "failed", limit=60)
        if line.verb == "failed":
            self.failed.append(line.raw)
            return
        engine.token, engine.until = int(line.words[0]), int(line.words[1])
        newest = [engine.until]
        engine.promise = lambda: newest[0]
        self.section.enter(engine, line)
        end = time.monotonic() + hold
        while True:
            for said in engine.read(min(0.02, max(0, end - time.monotonic()))):
                if said.verb == "until":
                    newest[0] = int(said.words[0])
                elif said.verb in ("lost", "end"):
                    end = 0
            if engine.ended or time.monotonic() >= end or seam.boottime() >= newest[0]:
                break
        self.section.leave(engine)
        if not engine.ended:
            engine.say("release")
            engine.read(1)

    def _work(self, number):
        mine = random.Random(number)
        while time.monotonic() < self._end:
            with seam.lock(self._cluster.environment(), self._name, ttl=TTL, pid=number) as engine:
                with self._lock:
                    self._engines.add(engine)
                try:
                    self._use(engine, mine.choice([0.005, 0.02, 0.1, 0.1, 1.5]))
                except (AssertionError, OSError):
                    # Killed while it waited, or before it was told to release.
                    if not engine.ended and engine.process.poll() is None:
                        raise
                finally:
                    with self._lock:
                        self._engines.discard(engine)

    def _harm(self):
        # A node that is stopped may revoke leases of others when it goes on (test_faults.py): killed ones do not.
        killed = None
        while time.monotonic() < self._end - 3:
            time.sleep(self._random.uniform(0.2, 0.8))
            with self._lock:
                victims = list(self._engines)
            if victims:
                victim = self._random.choice(victims)
                if self._random.random() < 0.4:
                    victim.signal(signal.SIGKILL)
                else:
                    victim.signal(signal.SIGSTOP)
                    threading.Timer(self._random.choice([0.3, 3]), victim.signal, (signal.SIGCONT,)).start()
            if self._random.random() < 0.25:
                if killed is not None:
                    self._cluster.restart(killed)
                killed = self._random.randrange(len(self._cluster.nodes))
                self._cluster.nodes[killed].kill()
        if killed is not None:
            self._cluster.restart(killed)

    def run(self):
        threads = [threading.Thread(target=self._work, args=(number,)) for number in range(WORKERS)]
        threads.append(threading.Thread(target=self._harm))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def test_never_two_at_once(cluster, name):
    seed = int(os.environ.get("SWLOCK_SEED", time.time()))
    print("SWLOCK_SEED", seed)
    storm = Storm(cluster, name, seed)
    storm.run()
    print(storm.section.entered, "entered")
    assert not storm.section.faults
    assert storm.section.entered > 5
