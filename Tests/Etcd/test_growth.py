"""What many waiters at one name cost etcd: a hand-over wakes one of them, however many there are.
SWLOCK_WAITERS asks for another number."""

import os
import time

import pytest

from cluster import until

HAND_OVERS = 10
MANY = int(os.environ.get("SWLOCK_WAITERS", "100"))
COUNTED = ("Txn", "LeaseRevoke", "Range", "LeaseKeepAlive", "LeaseGrant", "Watch")


def calls_per_hand_over(lock, cluster, crowd, name):
    """With lifetimes that are so long that nobody renews meanwhile."""
    queue = []
    for index in range(crowd + 1):
        queue.append(lock(ttl=3600, pid=index, name=name))
        # No more at once than the machine can start in time.
        if index % 50 == 49 or index == crowd:
            for engine in queue[-50:]:
                engine.lines or engine.expect("waiting", "held")
    order = sorted(queue, key=lambda engine: bool(engine.said("waiting")))
    keys = cluster.keys(name)
    assert len(keys) == crowd + 1
    until(lambda: sum(bool(engine.said("waiting")) for engine in queue) == crowd)
    print(crowd, "waiters,", sum(engine.memory() for engine in queue) // len(queue), "KiB each")
    before = cluster.calls()
    started = time.monotonic()
    holder = next(engine for engine in order if engine.said("held"))
    for _ in range(HAND_OVERS):
        holder.release()
        queue.remove(holder)
        holder = until(lambda: next((engine for engine in queue if engine.said("held")), None))
    print("a hand-over in", round((time.monotonic() - started) / HAND_OVERS * 1000), "ms")
    after = cluster.calls()
    for engine in queue:
        engine.say("release")
    return {method: (after.get(method, 0) - before.get(method, 0)) / HAND_OVERS for method in COUNTED}


@pytest.mark.timeout(180 + MANY)
def test_calls_per_hand_over_do_not_grow_with_the_waiters(lock, cluster, name, record_property):
    few = calls_per_hand_over(lock, cluster, 12, f"{name}few")
    many = calls_per_hand_over(lock, cluster, MANY, f"{name}many")
    record_property(f"calls per hand-over, 12 and {MANY} waiters", f"{few} {many}")
    print(few, many)
    # Two that are held a little longer than the others may have begun to watch their own key.
    assert few["Txn"] == pytest.approx(many["Txn"], abs=0.5)
    assert few["LeaseRevoke"] == pytest.approx(many["LeaseRevoke"], abs=0.5)
    assert sum(many.values()) <= sum(few.values()) + 2
    assert sum(many.values()) < 6
