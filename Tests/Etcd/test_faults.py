"""Nodes killed, stopped and cut off, leases revoked: who has the lock, and until when (section 6)."""

import signal

import pytest

import seam
from cluster import until
from holding import kept_for, lost_in_time, renewed_beyond


@pytest.fixture
def pair(lock):
    """One that holds with a TTL of 5 s, and one that waits."""
    holder = lock(ttl=5)
    holder.held()
    waiter = lock(ttl=5, pid=2)
    waiter.expect("waiting")
    return holder, waiter


def gives_back(holder, waiter):
    holder.release()
    waiter.held()
    assert waiter.token > holder.token


def test_leader_killed(pair, cluster):
    leader = cluster.leader()
    cluster.nodes[leader].kill()
    kept_for(pair[0], 6)
    cluster.restart(leader)
    gives_back(*pair)


def test_leader_stopped(pair, cluster):
    """A leader that was stopped, and goes on when there is another, may still have the leases revoked which it thinks have
    expired. The key is gone then, whatever a client does: who has it is told so at once, and the next one may have it
    some milliseconds earlier. Since 3.4.31 and 3.5.13 etcd asks first whether it leads, but not one that has ticked in
    the last 0.3 s, as after a stop: of seven times it was so three times with 3.5.16."""
    leader = cluster.leader()
    cluster.nodes[leader].stop()
    kept_for(pair[0], 8)
    cluster.nodes[leader].go_on()
    holder, waiter = pair
    end = seam.boottime() + 2 * 10**9
    while seam.boottime() < end and not holder.said("lost"):
        holder.read(0.1)
    if holder.said("lost"):
        assert "deleted" in holder.said("lost")[0].text
        waiter.held()
        return
    kept_for(holder, 1)
    gives_back(holder, waiter)


def test_rolling_restart(pair, cluster):
    for index in range(3):
        cluster.nodes[index].kill()
        cluster.restart(index)
        cluster.wait_until_healthy()
    renewed_beyond(pair[0], seam.boottime() + 3 * 10**9)
    gives_back(*pair)


def test_all_nodes_killed_for_a_second(lock, cluster):
    holder = lock(ttl=10)
    holder.held()
    for node in cluster.nodes:
        node.kill()
    kept_for(holder, 1)
    cluster.restart(0, 1, 2)
    renewed_beyond(holder, seam.boottime() + 8 * 10**9)
    holder.release()


def test_compaction_while_one_waits(pair, cluster):
    cluster.etcdctl("put", "x", "1")
    cluster.etcdctl("compact", str(cluster.revision()))
    kept_for(pair[0], 2)
    gives_back(*pair)


def test_quorum_away_for_less_than_the_ttl(lock, cluster):
    holder = lock(ttl=10)
    holder.held()
    for node in cluster.nodes[:2]:
        node.stop()
    kept_for(holder, 3)
    for node in cluster.nodes[:2]:
        node.go_on()
    renewed_beyond(holder, seam.boottime() + 8 * 10**9)
    holder.release()


def test_quorum_away_for_longer(pair, cluster):
    holder, waiter = pair
    for node in cluster.nodes[:2]:
        node.stop()
    deadline = lost_in_time(holder)
    for node in cluster.nodes[:2]:
        node.go_on()
    line = waiter.held(60)
    assert line.at > deadline
    assert waiter.token > holder.token


def test_a_waiter_whose_lease_has_ended_begins_again_at_the_end(lock, cluster, name):
    holder = lock(ttl=60)
    holder.held()
    first = lock(pid=2)
    first.expect("waiting")
    second = lock(pid=3)
    second.expect("waiting")
    _, key, _ = cluster.keys(name)
    cluster.etcdctl("lease", "revoke", key.rsplit("/", 1)[1])
    until(lambda: len(cluster.keys(name)) == 3)
    holder.release()
    second.held()
    assert not first.said("held")
    second.release()
    first.held()


@pytest.mark.parametrize("way", ["revoke", "delete"])
def test_taken_away_by_hand(lock, cluster, name, way):
    holder = lock(ttl=30)
    holder.held()
    waiter = lock(ttl=5, pid=2)
    waiter.expect("waiting")
    # The own key is watched half a second after `held`.
    until(lambda: seam.boottime() > holder.lines[0].at + 10**9)
    key = cluster.keys(name)[0]
    if way == "revoke":
        cluster.etcdctl("lease", "revoke", key.rsplit("/", 1)[1])
    else:
        cluster.etcdctl("del", key)
    line = holder.expect("lost")
    # By the watch: the first renewal would come 5 s after `held`.
    assert line.at < holder.lines[0].at + 4.5 * 10**9
    waiter.held()
    assert holder.wait() == 0


def test_broken_lock_is_given_back_without_overlap(pair, cluster, engines, name):
    holder, waiter = pair
    breaker = engines(seam.Engine(cluster.environment(), "break", name))
    assert "break --force" in holder.expect("end").text
    assert cluster.value(cluster.keys(name)[0]).startswith("ending exclusive host=host ")
    renewed_beyond(holder, holder.until)
    assert not waiter.said("held")
    holder.release()
    waiter.held()
    breaker.expect("released")
    assert len(holder.said("end")) == 1


def test_broken_lock_of_one_that_does_not_answer_is_revoked(pair, cluster, engines, name):
    holder, waiter = pair
    breaker = engines(seam.Engine(cluster.environment(), "break", name))
    holder.expect("end")
    breaker.expect("released")
    holder.expect("lost")
    waiter.held()


def test_breaking_ends_all_who_hold_and_nobody_who_waits(lock, cluster, engines, name):
    holders = [lock(kind="shared", pid=index) for index in range(2)]
    for holder in holders:
        holder.held()
    waiter = lock()
    waiter.expect("waiting")
    breaker = engines(seam.Engine(cluster.environment(), "break", name))
    for holder in holders:
        holder.expect("end")
        holder.release()
    waiter.held()
    breaker.expect("released")
    assert not waiter.said("end")


def test_breaking_a_foreign_lock(cluster, engines, lock, name):
    lease = cluster.etcdctl("lease", "grant", "60").split()[1]
    cluster.etcdctl("put", f"{name}/{lease}", "", "--lease", lease)
    cluster.etcdctl("put", f"{name}/zzz", "without a lease")
    waiter = lock()
    waiter.expect("waiting")
    for _ in range(2):
        breaker = engines(seam.Engine(cluster.environment(), "break", name))
        breaker.expect("released")
    waiter.held()


def test_breaking_what_nobody_has(cluster, engines, name):
    breaker = engines(seam.Engine(cluster.environment(), "break", name))
    breaker.expect("released")
    assert len(breaker.lines) == 1


def test_engine_stopped_past_its_deadline(pair):
    holder, waiter = pair
    holder.signal(signal.SIGSTOP)
    line = waiter.held()
    assert line.at > holder.deadline()
    holder.signal(signal.SIGCONT)
    holder.expect("lost")
    assert not waiter.said("lost")


def test_engine_killed(pair):
    holder, waiter = pair
    holder.signal(signal.SIGKILL)
    assert waiter.held().at > holder.deadline()


def test_waiter_stopped_until_its_lease_is_gone(pair, cluster, name):
    """It is first when it goes on, and has lost its place: never `held` with a deadline that has passed."""
    holder, waiter = pair
    waiter.signal(signal.SIGSTOP)
    holder.release()
    until(lambda: not cluster.keys(name))
    waiter.signal(signal.SIGCONT)
    line = waiter.held()
    assert waiter.until > line.at


def test_nobody_answers(lock, cluster):
    environment = cluster.environment("127.0.0.1:1,127.0.0.1:2")
    hasty = lock("try", environment=environment)
    patient = lock(environment=environment)
    started = seam.boottime()
    line = hasty.expect("failed")
    assert line.words[0] == "69" and "none of 2 endpoints answers" in line.text and "127.0.0.1" in line.text
    assert 4.5e9 < line.at - started
    line = patient.expect("failed")
    assert line.words[0] == "69" and line.at - started > 9.5e9


def test_leaving_where_nobody_answers_takes_no_time(lock, cluster):
    impatient = lock(environment=cluster.environment("127.0.0.1:1"))
    impatient.say("release")
    line = impatient.expect("failed", limit=4)
    assert line.words[0] == "69" and "no etcd has answered" in line.text


def test_a_waiter_outlasts_its_cluster(pair, cluster):
    """Who waits already goes on waiting, and says why nothing happens."""
    holder, waiter = pair
    for node in cluster.nodes:
        node.stop()
    holder.expect("lost")
    assert "answers" in waiter.expect("waiting", limit=40).text
    for node in cluster.nodes:
        node.go_on()
    waiter.held(60)
