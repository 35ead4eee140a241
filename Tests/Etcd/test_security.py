"""TLS, users and passwords: what is refused is told with 77 within 5 s, and no secret is shown."""

import pathlib
import shutil
import subprocess

import pytest

import seam
from certificates import Authority, openssl
from cluster import until
from holding import renewed_beyond

SOON = 5  # seconds


def refused(engine):
    started = seam.boottime()
    line = engine.expect("failed", "held")
    assert line.verb == "failed" and line.words[0] == "77", line
    assert line.at - started < SOON * 1e9, line
    return line.text


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    return Authority(tmp_path_factory.mktemp("certificates"), "authority")


@pytest.fixture
def secure(own_cluster, authority):
    """A node that wants certificates, and the environment of one that has them."""
    server, server_key = authority.issue("server")
    certificate, key = authority.issue("client")
    return own_cluster(
        tls=(
            *("--cert-file", server, "--key-file", server_key),
            *("--client-cert-auth", "--trusted-ca-file", authority.file),
        ),
        client={"ETCDCTL_CACERT": authority.file, "ETCDCTL_CERT": certificate, "ETCDCTL_KEY": key},
    )


def test_tls_with_certificates(secure, engines, authority, name):
    environment = secure.environment()
    holder = engines(seam.lock(environment, name))
    holder.held()
    waiter = engines(seam.lock(environment, name))
    waiter.expect("waiting")
    renewed_beyond(holder, holder.until)
    holder.release()
    waiter.held()
    waiter.release()
    # Without a scheme it is TLS, since there is a certificate to do it with.
    bare = secure.environment(secure.endpoints.replace("https://", ""))
    engines(seam.lock(bare, name)).held()
    # The server is not looked at, if that is wanted.
    unsure = secure.environment(ETCDCTL_INSECURE_SKIP_TLS_VERIFY="true")
    del unsure["ETCDCTL_CACERT"]
    assert engines(seam.lock(unsure, name, "try")).expect("busy", "held", "failed").verb == "busy"

    # Certificates that are refused, ours or theirs.
    expired = dict(zip(("ETCDCTL_CERT", "ETCDCTL_KEY"), authority.issue("expired", days=-1), strict=True))
    stranger = Authority(pathlib.Path(authority.folder), "stranger")
    foreign = dict(zip(("ETCDCTL_CERT", "ETCDCTL_KEY"), stranger.issue("foreign"), strict=True))
    for more in expired, foreign, {"ETCDCTL_CACERT": stranger.file}:
        for words in ((), ("try",)):
            assert "certificate" in refused(engines(seam.lock(secure.environment(**more), name, *words)))
    without = {key: value for key, value in environment.items() if key not in ("ETCDCTL_CERT", "ETCDCTL_KEY")}
    assert "certificate" in refused(engines(seam.lock(without, name)))
    missing = refused(engines(seam.lock(secure.environment(ETCDCTL_CACERT="/nowhere/ca.pem"), name)))
    assert "ETCDCTL_CACERT" in missing and "/nowhere/ca.pem" in missing
    show = engines(seam.Engine(secure.environment(**foreign), "show", name))
    assert "certificate" in refused(show)


def test_an_expired_server_is_refused(own_cluster, engines, authority, name):
    server, key = authority.issue("old-server", days=-1)
    # The node itself does not look: it is asked for its health without TLS.
    cluster = own_cluster(tls=("--cert-file", server, "--key-file", key), client={"ETCDCTL_CACERT": authority.file})
    assert "certificate" in refused(engines(seam.lock(cluster.environment(), name)))


def with_users(cluster):
    """root, and alice who may use /team/."""
    for words in (
        ("user", "add", "root:rootword"),
        ("user", "add", "alice:topsecret"),
        ("role", "add", "team"),
        ("role", "grant-permission", "team", "readwrite", "--prefix=true", "/team/"),
        ("user", "grant-role", "alice", "team"),
        ("user", "grant-role", "root", "root"),
        ("auth", "enable"),
    ):
        cluster.etcdctl(*words)
    cluster.client["ETCDCTL_USER"] = "root:rootword"
    return cluster


@pytest.fixture
def guarded(own_cluster):
    return with_users(own_cluster())


def test_users(guarded, engines, tmp_path):
    for login in (
        {"ETCDCTL_USER": "alice:topsecret"},
        {"ETCDCTL_USER": "alice", "ETCDCTL_PASSWORD": "topsecret"},
    ):
        holder = engines(seam.lock(guarded.environment(**login), "/team/a", log=tmp_path / "log"))
        holder.held()
        renewed_beyond(holder, holder.until)
        assert engines(seam.lock(guarded.environment(), "/team/a", "try")).expect("busy", "failed").verb == "busy"
        assert "topsecret" not in pathlib.Path(f"/proc/{holder.pid}/cmdline").read_text()
        holder.release()
        assert "topsecret" not in "".join(line.raw for line in holder.lines)
    assert "topsecret" not in (tmp_path / "log").read_text()

    wrong = engines(seam.lock(guarded.environment(ETCDCTL_USER="alice:guessed"), "/team/a", log=tmp_path / "log"))
    text = refused(wrong)
    assert "alice" in text and "guessed" not in text
    assert "guessed" not in (tmp_path / "log").read_text()
    text = refused(engines(seam.lock(guarded.environment(ETCDCTL_USER="alice:topsecret"), "/other/a")))
    assert "alice" in text and "/other/a" in text and "permission" in text
    # Its lease is gone with it.
    assert not guarded.leases()
    nobody = guarded.environment()
    del nobody["ETCDCTL_USER"]
    assert "ETCDCTL_USER" in refused(engines(seam.lock(nobody, "/team/a")))
    for verb in "show", "break":
        alice = guarded.environment(ETCDCTL_USER="alice:topsecret")
        assert "permission" in refused(engines(seam.Engine(alice, verb, "/other/a")))


def test_a_user_where_none_is_wanted(lock, cluster):
    lock(environment=cluster.environment(ETCDCTL_USER="alice:topsecret")).held()


def test_tokens_that_the_server_has_forgotten(guarded, engines):
    """A node that starts again knows none of the tokens that it gave."""
    holder = engines(seam.lock(guarded.environment(ETCDCTL_USER="alice:topsecret"), "/team/a", ttl=10))
    holder.held()
    guarded.nodes[0].kill()
    guarded.restart(0)
    renewed_beyond(holder, seam.boottime() + 8 * 10**9)
    holder.release()


def test_tokens_that_expire(own_cluster, engines, tmp_path):
    private, public = str(tmp_path / "jwt.key"), str(tmp_path / "jwt.pub")
    openssl("genrsa", "-out", private, "2048")
    openssl("rsa", "-in", private, "-pubout", "-out", public)
    token = f"jwt,pub-key={public},priv-key={private},sign-method=RS256,ttl=2s"
    cluster = with_users(own_cluster(extra=("--auth-token", token)))
    login = cluster.environment(ETCDCTL_USER="alice:topsecret")
    holder = engines(seam.lock(login, "/team/a", ttl=3))
    holder.held()
    waiter = engines(seam.lock(login, "/team/a", ttl=3))
    waiter.expect("waiting")
    renewed_beyond(holder, holder.until + 6 * 10**9)
    assert not holder.said("lost")
    holder.release()
    waiter.held()
    waiter.release()


def test_users_that_change_meanwhile(guarded, engines):
    holder = engines(seam.lock(guarded.environment(ETCDCTL_USER="alice:topsecret"), "/team/a", ttl=4))
    holder.held()
    guarded.etcdctl("role", "grant-permission", "team", "readwrite", "--prefix=true", "/more/")
    newest = holder.deadline()
    renewed_beyond(holder, newest + 3 * 10**9)
    holder.release()


def in_own_etc(environment, text, mode, name, engines):
    """The engine with an /etc/swlock/etcd.env of its own, in a mount namespace."""
    environment = {key: value for key, value in environment.items() if not key.startswith("ETCDCTL_")}
    script = (
        "mount -t tmpfs none /etc && mkdir /etc/swlock && "
        f'printf "%s" "$FILE" >/etc/swlock/etcd.env && chmod {mode} /etc/swlock/etcd.env && unset FILE && exec "$@"'
    )
    return engines(
        seam.Engine(
            environment | {"FILE": text},
            "lock",
            name,
            "ttl=5",
            "info=host=h",
            wrapper=["unshare", "--mount", "--map-root-user", "--user", "sh", "-c", script, "sh"],
        )
    )


def test_the_file_has_what_the_environment_has_not(cluster, engines, name):
    probe = ["unshare", "--mount", "--map-root-user", "--user", "mount", "-t", "tmpfs", "none", "/mnt"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("no mount namespaces of one's own here")
    text = f"# where etcd is\nETCDCTL_ENDPOINTS='{cluster.endpoints}'\nOTHER=x\n"
    in_own_etc(cluster.environment(), text, "644", name, engines).held()
    secret = text + "ETCDCTL_USER=alice:topsecret\n"
    told = refused(in_own_etc(cluster.environment(), secret, "644", f"{name}b", engines))
    assert "/etc/swlock/etcd.env" in told and "topsecret" not in told
    in_own_etc(cluster.environment(), secret, "640", f"{name}b", engines).held()


def test_endpoints_that_are_none(cluster, engines, name):
    for endpoints in "http://alice:topsecret@127.0.0.1:1", "127.0.0.1:1/path", ",", "unix:///x", "h:x", "h:65536", ":1":
        line = engines(seam.lock(cluster.environment(endpoints), name)).expect("failed")
        assert line.words[0] == "64" and "ETCDCTL_ENDPOINTS" in line.text and "topsecret" not in line.text


def test_proxies_are_not_asked(lock, cluster):
    lock(environment=cluster.environment(http_proxy="http://127.0.0.1:1", ALL_PROXY="http://127.0.0.1:1")).held()


def test_a_full_database(own_cluster, engines, name):
    """Who has the lock keeps it; the next one is told to make room."""
    cluster = own_cluster(extra=("--quota-backend-bytes", "400000"))
    holder = engines(seam.lock(cluster.environment(), name))
    holder.held()

    def is_full():
        cluster.etcdctl("put", "filler", stdin="x" * 50_000, check=False)
        return "NOSPACE" in cluster.etcdctl("alarm", "list")

    until(is_full)
    line = engines(seam.lock(cluster.environment(), f"{name}b")).expect("failed", "held")
    assert line.words[0] == "73" and "alarm disarm" in line.text
    renewed_beyond(holder, holder.deadline())
    holder.release()
