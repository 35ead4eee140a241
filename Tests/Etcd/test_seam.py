"""What the engine says and is told: the lines, and what ends what."""

import os
import pathlib
import signal
import subprocess

import seam
from cluster import until


def test_first_one_holds_and_gives_back(lock, cluster, name):
    first = lock()
    line = first.held()
    (key,) = cluster.keys(name)
    assert key.startswith(f"{name}/")
    assert first.variables == {"ETCD_LOCK_KEY": key, "ETCD_LOCK_REV": str(first.token)}
    assert line.at < first.until <= line.at + 5 * 10**9
    assert cluster.value(key) == "exclusive host=host pid=1 user=root since=1790000000 command=backup.sh"
    first.release()
    assert first.wait() == 0
    assert cluster.keys(name) == []
    assert not cluster.leases()


def test_second_one_waits_and_is_told_for_whom(lock):
    first = lock(host="web-3", pid=4711)
    first.held()
    lease = first.variables["ETCD_LOCK_KEY"].rsplit("/", 1)[1]
    second = lock()
    assert second.expect("waiting").text == seam.INFORMATION.format("web-3", 4711) + f" lease={lease}"
    first.release()
    second.held()
    assert second.token > first.token


def test_those_who_wait_come_in_order_of_arrival(lock, cluster, name):
    holder = lock()
    holder.held()
    waiters = []
    for index in range(4):
        waiters.append(lock(pid=index))
        waiters[-1].expect("waiting")
    for waiter in waiters:
        holder.release()
        waiter.held()
        assert waiter.token > holder.token
        holder = waiter


def test_try_is_busy_and_leaves_nothing(lock, cluster, name):
    first = lock(host="web-3", pid=4711)
    first.held()
    lease = first.variables["ETCD_LOCK_KEY"].rsplit("/", 1)[1]
    for kind in "exclusive", "shared", "slots:2":
        second = lock("try", kind=kind)
        assert second.expect("busy", "held", "failed").raw.startswith("busy ")
        assert second.lines[-1].text == seam.INFORMATION.format("web-3", 4711) + f" lease={lease}"
        assert len(cluster.keys(name)) == 1
        assert second.wait() == 0
    assert len(cluster.leases()) == 1
    first.release()
    lock("try").held()


def test_renewals_never_shorten_the_lock(lock):
    holder = lock(ttl=3)
    holder.held()
    newest = holder.until
    for _ in range(4):
        line = holder.expect("until")
        assert int(line.words[0]) >= newest
        newest = int(line.words[0])
        assert newest > line.at
    assert newest > holder.until


def test_release_while_waiting_takes_its_place_away(lock, cluster, name):
    holder = lock()
    holder.held()
    waiter = lock()
    waiter.expect("waiting")
    assert len(cluster.keys(name)) == 2
    waiter.release()
    assert waiter.wait() == 0
    assert len(cluster.keys(name)) == 1


def test_release_at_once_leaves_nothing(lock, cluster, name):
    for _ in range(10):
        early = lock()
        early.release()
        assert early.wait() == 0
    until(lambda: not cluster.keys(name) and not cluster.leases())


def test_end_of_file_while_waiting_revokes(lock, cluster, name):
    holder = lock()
    holder.held()
    waiter = lock()
    waiter.expect("waiting")
    waiter.close()
    assert waiter.wait(6) == 0
    assert len(cluster.keys(name)) == 1


def test_end_of_file_while_held_leaves_the_lease(lock, cluster, name):
    holder = lock(ttl=2)
    holder.held()
    holder.close()
    assert holder.wait(5) == 0
    assert len(cluster.keys(name)) == 1
    successor = lock()
    line = successor.held()
    assert line.at >= holder.until


def test_signals_do_not_end_it(lock):
    holder = lock()
    holder.held()
    for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
        holder.signal(number)
    holder.expect("until")
    holder.release()


def test_unknown_lines_are_ignored(lock):
    holder = lock()
    holder.say("hello world")
    holder.held()
    holder.say("x" * 10_000)
    holder.expect("until")
    holder.release()


def test_names_are_bytes(lock, cluster, engines):
    strange = os.fsdecode(b"/a b/%41\n\xff")
    holder = lock(name=strange)
    holder.held()
    line = next(line.raw for line in holder.lines if line.verb == "held")
    assert "ETCD_LOCK_KEY=/a%20b/%2541%0A\xff/" in line
    assert lock("try", name=strange).expect("busy", "held").verb == "busy"


def test_mistakes_are_told(cluster, engines, name):
    for words, told in (
        (["ttl=0", "kind=exclusive"], "not a lifetime in whole seconds: ttl=0"),
        (["ttl=x"], "not a lifetime in whole seconds: ttl=x"),
        (["kind=range"], "etcd has no kind of lock range"),
        (["kind=slots:0"], "etcd has no kind of lock slots:0"),
        (["sideways"], "not a word of lock: sideways"),
    ):
        line = engines(seam.Engine(cluster.environment(), "lock", name, *words)).expect("failed")
        assert line.words == ["64", told]
    assert engines(seam.Engine(cluster.environment(), "unlock", name)).expect("failed").words[0] == "64"
    assert engines(seam.Engine(cluster.environment(), "lock", "")).expect("failed").words[0] == "64"


def test_show_has_holder_and_waiters_in_order(lock, cluster, engines, name):
    holder = lock(host="a")
    holder.held()
    waiter = lock(host="b", kind="shared")
    waiter.expect("waiting")
    foreign = subprocess.Popen(
        ["etcdctl", "lock", name, "true"], env=cluster.environment(), stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        until(lambda: len(cluster.keys(name)) == 3)
        show = engines(seam.Engine(cluster.environment(), "show", name))
        show.expect("done")
        first, second, third, _ = show.lines
        leases = [key.rsplit("/", 1)[1] for key in cluster.keys(name)]
        assert first.words[:2] == ["exclusive", str(holder.token)] and 0 < int(first.words[2]) <= 5
        assert first.words[3] == seam.INFORMATION.format("a", 1) + f" lease={leases[0]}"
        assert second.words[0] == "shared" and "host=b pid=1 user=root" in second.words[3]
        assert third.words[0] == "exclusive" and third.words[3] == f"another client, lease {leases[2]}"
        tokens = [int(line.words[1]) for line in (first, second, third)]
        assert tokens == sorted(tokens)
        assert show.wait() == 0
    finally:
        foreign.kill()
        foreign.wait()


def test_show_of_a_free_lock_is_done(cluster, engines, name):
    show = engines(seam.Engine(cluster.environment(), "show", name))
    show.expect("done")
    assert len(show.lines) == 1


def test_lines_are_no_longer_than_they_may_be(lock, cluster, engines, name):
    holder = engines(
        seam.Engine(cluster.environment(), "lock", name, "ttl=5", "info=host=h command=" + "\x01" * 3000)
    )
    holder.held()
    lock().expect("waiting")
    show = engines(seam.Engine(cluster.environment(), "show", name))
    show.expect("done")
    assert all(len(line.raw) < 4096 for line in show.lines)


def test_other_processes_cannot_look_into_it(lock):
    holder = lock()
    holder.held()
    assert not os.access(f"/proc/{holder.pid}/environ", os.R_OK) or os.geteuid() == 0
    assert pathlib.Path(f"/proc/{holder.pid}/environ").stat().st_uid == 0
