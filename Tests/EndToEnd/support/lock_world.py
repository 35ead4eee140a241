"""A program that makes 100 locks of all kinds, at random from a seed, and says who has them.

usage: lock_world.py SEED FOLDER

Writes one line of JSON, and keeps the locks until its standard input ends. Its processes open, lock,
fork, hand descriptors on and end as they are told; what they have is kept book of here, and never read
from the kernel.
"""

import array
import fcntl
import json
import os
import random
import signal
import socket
import struct
import sys
import time

LOCKS = 100
WORKERS = 24
FILES = 36
WAITERS = 14
BLOCK = 1000  # bytes that one record lock has for itself


class Open:
    """An open file (not a descriptor: several processes may share it)."""

    def __init__(self, file):
        self.file = file
        self.flock = None  # None, or whether it is shared
        self.records = []  # of ofd locks: (shared, start, length)
        self.locker = None


class Worker:
    def __init__(self, pid, channel):
        self.pid = pid
        self.channel = channel
        self.opens = {}  # Open: descriptor
        self.doubled = set()  # of those, the ones with a second descriptor
        self.posix = []  # (file, shared, start, length)

    def ask(self, *words, send=()):
        message = json.dumps(words).encode()
        ancillary = []
        if send:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", send))]
        self.channel.sendmsg([message], ancillary)

    def answer(self):
        text, ancillary, _, _ = self.channel.recvmsg(4096, socket.CMSG_SPACE(4))
        descriptors = array.array("i")
        for _, _, data in ancillary:
            descriptors.frombytes(data)
        return json.loads(text), list(descriptors)

    def do(self, *words, send=()):
        self.ask(*words, send=send)
        return self.answer()


def take(descriptor, mode, shared, start, length, wait):
    if mode == "flock":
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
        return
    if mode == "posix":
        command = fcntl.F_SETLKW if wait else fcntl.F_SETLK
    else:
        command = fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK
    kind = fcntl.F_RDLCK if shared else fcntl.F_WRLCK
    fcntl.fcntl(descriptor, command, struct.pack("hhqqi4x", kind, os.SEEK_SET, start, length, 0))


def serve(channel):
    """The life of a worker."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        text, ancillary, _, _ = channel.recvmsg(4096, socket.CMSG_SPACE(4))
        if not text:
            os._exit(0)
        received = array.array("i")
        for _, _, data in ancillary:
            received.frombytes(data)
        word, *rest = json.loads(text)
        result, send = 0, []
        if word == "open":
            result = os.open(rest[0], os.O_RDWR | os.O_CREAT, 0o600)
        elif word == "lock":
            take(*rest)
        elif word == "close":
            os.close(rest[0])
        elif word == "dup":
            result = os.dup(rest[0])
        elif word == "send":
            send = [rest[0]]
        elif word == "receive":
            result = received[0]
        elif word == "fork":
            near, far = received[0], rest
            child = os.fork()
            if child == 0:
                channel.close()
                channel = socket.socket(fileno=near)
                continue
            os.close(near)
            result = child
        elif word == "exit":
            os._exit(0)
        message = json.dumps(result).encode()
        if send:
            channel.sendmsg(
                [message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", send))]
            )
        else:
            channel.send(message)


class World:
    def __init__(self, seed, folder):
        self.random = random.Random(seed)
        self.folder = folder
        self.workers = []
        self.blocks = {}  # file: how many are used
        self.whole = set()  # files with a record lock of the whole file
        self.flocked = {}  # file: whether shared
        self.deleted = set()
        self.shareable = []  # (file, mode, start, length) of shared record locks

    def start(self):
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            near.close()
            # Whoever has the other end of these would keep others from seeing the end.
            for worker in self.workers:
                worker.channel.close()
            serve(far)
        far.close()
        self.workers.append(Worker(pid, near))
        return self.workers[-1]

    def fork(self, parent):
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid, _ = parent.do("fork", send=[far.fileno()])
        far.close()
        child = Worker(pid, near)
        child.opens, child.doubled = dict(parent.opens), set(parent.doubled)
        self.workers.append(child)

    def open(self, worker, file):
        descriptor, _ = worker.do("open", os.path.join(self.folder, file))
        opened = Open(file)
        worker.opens[opened] = descriptor
        return opened

    def file(self):
        file = f"file{self.random.randrange(FILES)}"
        return None if file in self.deleted else file

    # What may happen.

    def lock_flock(self, worker):
        shared = self.random.random() < 0.4
        file = self.file()
        # Shared ones may be several, an exclusive one is alone.
        if file is None or file in self.flocked and not (shared and self.flocked[file]):
            return
        opened = self.open(worker, file)
        worker.do("lock", worker.opens[opened], "flock", shared, 0, 0, False)
        opened.flock, opened.locker = shared, worker
        self.flocked[file] = shared

    def lock_record(self, worker, mode):
        if (file := self.file()) is None or file in self.whole:
            return
        shared = self.random.random() < 0.5
        if file not in self.blocks and self.random.random() < 0.2:
            start, length = 0, 0
            self.whole.add(file)
        else:
            block = self.blocks[file] = self.blocks.get(file, -1) + 1
            start = block * BLOCK + self.random.randrange(100)
            length = self.random.randrange(1, 800)
        self.record(worker, file, mode, shared, start, length)
        if shared and length:
            self.shareable.append((file, mode, start, length))

    def lock_the_same(self, worker):
        if not self.shareable:
            return
        file, mode, start, length = self.random.choice(self.shareable)
        held = [record[1:] for record in worker.posix if record[0] == file]
        if file in self.deleted or (True, start, length) in held:
            return
        self.record(worker, file, mode, True, start, length)

    def record(self, worker, file, mode, shared, start, length):
        opened = next((known for known in worker.opens if known.file == file), None)
        if mode == "ofd" and opened and (shared, start, length) in opened.records:
            opened = None
        opened = opened or self.open(worker, file)
        worker.do("lock", worker.opens[opened], mode, shared, start, length, False)
        if mode == "posix":
            worker.posix.append((file, shared, start, length))
        else:
            opened.records.append((shared, start, length))

    def hand_on(self, worker):
        other = self.random.choice(self.workers)
        free = [one for one in worker.opens if one not in other.opens]
        if other is worker or not free:
            return
        opened = self.random.choice(free)
        _, (descriptor,) = worker.do("send", worker.opens[opened])
        other.opens[opened], _ = other.do("receive", send=[descriptor])
        os.close(descriptor)
        # Closing it drops the posix locks of whoever closes it on that file.
        if opened in worker.doubled or any(record[0] == opened.file for record in worker.posix):
            return
        worker.do("close", worker.opens.pop(opened))

    def finish(self, worker):
        """An end at which its locks stay with others, if these have them."""
        if len(self.workers) > 5 and worker.opens and self.random.random() < 0.5:
            self.workers.remove(worker)
            worker.ask("exit")
            while worker.channel.recv(1):
                pass
            # Reaped, or gone from its parent: no process has its locks any more.
            while os.path.exists(f"/proc/{worker.pid}/fd/0"):
                try:
                    os.waitpid(worker.pid, os.WNOHANG)
                except ChildProcessError:
                    pass
                time.sleep(0.001)
            self.forget_gone()

    def forget_gone(self):
        """What nobody has any more is free again."""
        files = {one.file for worker in self.workers for one in worker.opens if one.flock is not None}
        self.flocked = {file: shared for file, shared in self.flocked.items() if file in files}

    def delete(self, _):
        if len(self.deleted) < 2 and (file := self.file()) and file in self.blocks:
            os.unlink(os.path.join(self.folder, file))
            self.deleted.add(file)

    def step(self):
        if len(self.workers) < 5:
            return self.start()
        worker = self.random.choice(self.workers)
        what = self.random.random()
        if what < 0.06 and len(self.workers) < WORKERS:
            self.start()
        elif what < 0.30:
            self.lock_flock(worker)
        elif what < 0.50:
            self.lock_record(worker, "posix")
        elif what < 0.70:
            self.lock_record(worker, "ofd")
        elif what < 0.76:
            self.lock_the_same(worker)
        elif what < 0.82 and len(self.workers) < WORKERS:
            self.fork(worker)
        elif what < 0.87:
            self.hand_on(worker)
        elif what < 0.90:
            self.finish(worker)
        elif what < 0.93 and worker.opens:
            opened = self.random.choice(list(worker.opens))
            worker.do("dup", worker.opens[opened])
            worker.doubled.add(opened)
        elif what < 0.96 and (file := self.file()):
            self.open(worker, file)
        elif what < 0.97:
            self.delete(worker)

    # The truth.

    def locks(self):
        """Equal ones, which nothing tells apart, together."""
        found = {}

        def add(file, mode, shared, start, length, worker, one):
            key = (file, mode, shared, start, length)
            holders, opens = found.setdefault(key, (set(), set()))
            holders.add(worker.pid)
            opens.add(one)

        for worker in self.workers:
            for opened in worker.opens:
                if opened.flock is not None:
                    add(opened.file, "flock", opened.flock, 0, 0, worker, opened)
                for shared, start, length in opened.records:
                    add(opened.file, "ofd", shared, start, length, worker, opened)
            for record in worker.posix:
                add(record[0], "posix", *record[1:], worker, worker)
        return found

    def count(self):
        return sum(len(opens) for _, opens in self.locks().values())

    def wait_for(self, key, mode):
        """A worker that waits, once the kernel has queued it."""
        file, _, _, start, length = key
        path = os.path.join(self.folder, file)
        worker = self.start()
        opened = self.open(worker, file)
        worker.ask("lock", worker.opens[opened], mode, False, start, length, True)
        # Of `ofd`, where nobody is named, there is one at most on a file.
        while (-1 if mode == "ofd" else worker.pid) not in waiting_on(path):
            time.sleep(0.002)
        return worker.pid


def waiting_on(path):
    """Who waits. Not how many: the table may have a line twice, or not at all, where others come and go."""
    number = f":{os.stat(path).st_ino}"
    with open("/proc/locks") as table:
        return {int(line.split()[5]) for line in table if "->" in line and line.split()[-3].endswith(number)}


def main(seed, folder):
    world = World(seed, folder)
    while world.count() < LOCKS:
        world.step()
    waiters = {}
    living = {worker.pid for worker in world.workers}
    unnamed = set()
    for key, (holders, opens) in sorted(world.locks().items(), key=lambda item: item[0]):
        file, mode, shared, _, _ = key
        (one, *more) = opens
        if shared or more or file in world.deleted or len(waiters) >= WAITERS:
            continue
        if mode == "flock" and one.locker.pid not in living:
            continue
        wanted = [mode] if mode == "flock" else ["posix", "ofd"]
        for _ in range(world.random.randrange(3)):
            chosen = world.random.choice(wanted)
            if chosen == "ofd":
                if file in unnamed:
                    continue
                unnamed.add(file)
            waiters.setdefault(key, []).append((chosen, world.wait_for(key, chosen)))
    truth = []
    for key, (holders, opens) in world.locks().items():
        file, mode, shared, start, length = key
        lockers = [one.locker.pid for one in opens if mode == "flock"]
        truth.append(
            dict(
                file=file,
                deleted=file in world.deleted,
                mode=mode,
                shared=shared,
                start=start,
                length=length,
                holders=sorted(holders),
                count=len(opens),
                lockers=lockers or sorted(holders),
                waiters=waiters.get(key, []),
            )
        )
    print(json.dumps(truth), flush=True)
    sys.stdin.read()
    # All end with their channel; those that wait are children, and their numbers still theirs.
    for waiting in waiters.values():
        for _, pid in waiting:
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
