"""Answers that are lost, late or wrong: the same key and token in the end, and nothing that does not count."""

import contextlib

import pytest

import seam
from cluster import until
from holding import kept_for, lost_in_time, renewed_beyond
from proxy import CUT, LOSE, BlackHole, Proxy


@pytest.fixture
def proxy(cluster):
    with Proxy(("127.0.0.1", cluster.clients[0])) as proxy:
        yield proxy


class Once:
    """Does something to the first `times` answers for which `applies`."""

    def __init__(self, applies, verdict, times=1):
        self.applies, self.verdict, self.left, self.done = applies, verdict, times, 0

    def __call__(self, exchange):
        if self.left and self.applies(exchange):
            self.left -= 1
            self.done += 1
            return self.verdict
        return None


@pytest.mark.parametrize("verdict", [CUT, LOSE], ids=["cut", "lost"])
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("step", ["is_grant", "is_enter", "is_revoke"])
def test_a_lost_answer_changes_nothing(lock, cluster, proxy, name, step, times, verdict):
    proxy.answer = Once(lambda exchange: getattr(exchange, step), verdict, times)
    holder = lock(environment=cluster.environment(proxy.endpoint), ttl=6)
    holder.held()
    (key,) = cluster.keys(name)
    assert holder.variables["ETCD_LOCK_KEY"] == key
    assert f'"create_revision":{holder.token},' in cluster.etcdctl("get", key, "-w", "json")
    holder.release()
    assert proxy.answer.done == times
    assert not cluster.keys(name) and not cluster.leases()


def test_a_lost_answer_to_try_is_not_taken_for_another_holder(lock, cluster, proxy):
    proxy.answer = Once(lambda exchange: exchange.is_enter, CUT)
    holder = lock("try", environment=cluster.environment(proxy.endpoint))
    holder.held()
    holder.release()


def test_connections_that_end_are_made_again(lock, cluster, proxy):
    environment = cluster.environment(proxy.endpoint)
    holder = lock(environment=environment, ttl=6)
    holder.held()
    waiter = lock(environment=environment, ttl=6)
    waiter.expect("waiting")
    for _ in range(3):
        newest = holder.deadline()
        proxy.cut()
        renewed_beyond(holder, newest)
    holder.release()
    waiter.held()


def test_a_keep_alive_without_a_ttl_is_the_end(lock, cluster, proxy):
    """K1: the status is 0 all the same."""
    proxy.answer = lambda exchange: exchange.without(3) if exchange.is_keep_alive else None
    holder = lock(environment=cluster.environment(proxy.endpoint))
    holder.held()
    line = holder.expect("lost")
    assert line.at < holder.until


def test_a_keep_alive_of_another_term_does_not_count(lock, cluster, proxy):
    """K2: so answers a leader that was deposed."""
    wrong = []

    def answer(exchange):
        if exchange.is_keep_alive and holding:
            wrong.append(exchange)
            return exchange.header_with(4, 99)
        return None

    holding = False
    proxy.answer = answer
    holder = lock(environment=cluster.environment(proxy.endpoint), ttl=3)
    holder.held()
    renewed_beyond(holder, holder.until)
    holding = True
    newest = holder.deadline()
    line = holder.expect("lost")
    # One renewal may have been on its way.
    assert holder.deadline() <= newest + 10**9
    assert len(wrong) > 3
    assert line.at < holder.deadline() + 10**9
    # Again at once, but not without end.
    assert len(wrong) < 400


def test_a_keep_alive_of_another_term_once_is_repeated(lock, cluster, proxy):
    seen = []

    def answer(exchange):
        if exchange.is_keep_alive and not seen:
            seen.append(exchange)
            return exchange.header_with(4, 99)
        return None

    proxy.answer = answer
    holder = lock(environment=cluster.environment(proxy.endpoint), ttl=4)
    holder.held()
    renewed_beyond(holder, holder.until)
    assert seen
    holder.release()


def test_a_watch_that_is_dead_delays_and_no_more(lock, cluster, proxy):
    """K5: the waiter looks again at each renewal."""
    proxy.answer = lambda exchange: LOSE if exchange.has_events else None
    holder = lock()
    holder.held()
    waiter = lock(environment=cluster.environment(proxy.endpoint), ttl=5)
    waiter.expect("waiting")
    holder.release()
    waiter.held(10)


def test_a_granted_lifetime_counts(lock, cluster, proxy):
    """The server may grant more than was asked for: its least is 2 s."""
    holder = lock(ttl=1)
    line = holder.held()
    assert holder.until - line.at > 10**9


def test_endpoints_that_are_silent_or_closed_are_passed_over(lock, cluster):
    with BlackHole() as hole:
        for _ in range(4):
            endpoints = f"{hole.endpoint},127.0.0.1:1,{cluster.urls[0]}"
            holder = lock(environment=cluster.environment(endpoints), name="/locks/passed")
            holder.held()
            renewed_beyond(holder, holder.until)
            holder.release()


def test_one_endpoint_among_dead_ones_keeps_the_lock(lock, cluster, proxy):
    with BlackHole() as hole:
        holder = lock(environment=cluster.environment(f"{proxy.endpoint},{hole.endpoint},{cluster.urls[1]}"), ttl=6)
        holder.held()
        proxy.answer = lambda exchange: LOSE
        kept_for(holder, 7)
        holder.release()


def test_packets_to_all_nodes_are_dropped(lock, cluster):
    with contextlib.ExitStack() as stack:
        proxies = [stack.enter_context(Proxy(("127.0.0.1", port))) for port in cluster.clients]
        endpoints = ",".join(proxy.endpoint for proxy in proxies)
        holder = lock(environment=cluster.environment(endpoints))
        holder.held()
        waiter = lock()
        waiter.expect("waiting")
        for proxy in proxies:
            proxy.answer = lambda exchange: LOSE
        deadline = lost_in_time(holder)
        assert waiter.held().at > deadline
        assert waiter.token > holder.token


def test_what_is_no_etcd_is_told(lock, cluster):
    """A web server, say."""
    import http.server
    import threading

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    server.RequestHandlerClass.log_message = lambda *words: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        engine = lock("try", environment=cluster.environment("127.0.0.1:%d" % server.server_port))
        assert engine.expect("failed").words[0] == "69"
    finally:
        server.shutdown()
        server.server_close()


def test_garbage_is_not_believed(lock, cluster, proxy, name):
    """Answers that cannot be read: neither held nor lost by them."""
    proxy.answer = lambda exchange: b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" if exchange.is_enter else None
    engine = lock(environment=cluster.environment(proxy.endpoint), ttl=4)
    until(lambda: cluster.keys(name))
    engine.read(1)
    assert not engine.said("held")
    proxy.answer = lambda exchange: None
    engine.held()
    assert engine.until > seam.boottime()
