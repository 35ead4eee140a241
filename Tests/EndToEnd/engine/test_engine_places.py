"""Where engines are looked for, and what means nothing to one."""

import os
import shutil

import pytest

from conftest import SWLOCK, needs_root
from engines import engine  # noqa: F401
from observing import has_failed, nothing_left, result_of  # noqa: F401


def test_an_engine_is_found_from_swlocks_own_place(engine, folder):
    prefix = folder / "usr"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "libexec/swlock/engine").mkdir(parents=True)
    shutil.copy(SWLOCK, prefix / "bin/swlock")
    shutil.copy(engine.program, prefix / "libexec/swlock/engine/mine")
    os.symlink(prefix / "bin/swlock", folder / "other")
    environment = engine.environment.copy()
    del environment["SWLOCK_ENGINE_PATH"]
    run = lambda name: engine.swlock.begin(  # noqa: E731
        [folder / "other", "run", "-m", name, "job", "true"], env=environment)  # fmt: skip
    assert result_of(run("mine")).returncode == 0
    missing = result_of(run("none"))
    assert has_failed(missing, 69, os.fsencode(prefix / "libexec/swlock/engine/none"))


NAMES = {
    "flok": (64, b"did you mean flock?"),
    "hardlnk": (64, b"did you mean hardlink?"),
    "auot": (64, b"did you mean auto?"),
    "zookeeper": (69, b"there is no"),
    "../folder": (64, b"invalid mode"),
    "Folder": (64, b"invalid mode"),
    "x" * 65: (64, b"invalid mode"),
    "": (64, b"invalid mode"),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_not_there(engine, name):
    status, text = NAMES[name]
    assert has_failed(engine.swlock.run("run", "-m", name, "job", "true"), status, text)


@pytest.mark.parametrize("name", ["fold", "foldre", "floder"])
def test_an_engine_that_is_there_is_suggested(engine, name):
    result = engine.swlock.run("run", "-m", name, "job", "true", env=engine.environment)
    assert has_failed(result, 64, b"invalid mode '%b', did you mean folder?" % name.encode())


@pytest.mark.parametrize("command", ["run", "acquire", "release", "status", "break", "wait"])
def test_an_engine_before_the_name_is_pointed_out(engine, folder, command):
    words = ["etcd:a b"] + ["true"] * (command == "run")
    result = engine.swlock.run(command, *words)
    assert has_failed(result, 64, b"-m etcd 'a b'; for a file: ./etcd:a b")
    assert not list(folder.glob("etcd:*"))
    # That is a name like any other.
    assert engine.run("status", "etcd:x").returncode == 0
    if command == "run":
        assert engine.swlock.run("run", "./etcd:a", "true").returncode == 0


@needs_root
def test_root_takes_no_engine_that_others_can_write_to(engine):
    for changed, mode in [(engine.place, 0o777), (engine.program, 0o775), (engine.program, 0o1777), (engine.folder, 0o770)]:
        before = changed.stat().st_mode & 0o777
        changed.chmod(mode)
        assert has_failed(engine.run("run", "job", "true"), 77, b"can replace " + os.fsencode(changed))
        changed.chmod(before)
    # Whoever may make files there may not replace those of others.
    engine.place.chmod(0o1777)
    assert engine.run("run", "job", "true").returncode == 0
    for changed in engine.program, engine.place, engine.folder:
        before = changed.stat()
        os.chown(changed, 1, 1)
        assert has_failed(engine.run("run", "job", "true"), 77, b"can replace " + os.fsencode(changed))
        os.chown(changed, before.st_uid, before.st_gid)
    engine.nothing_left()


@needs_root
def test_root_follows_links_to_an_engine_and_looks_at_where_they_lead(engine, folder):
    (folder / "open").mkdir()
    (folder / "open").chmod(0o777)
    (folder / "links").mkdir()
    (folder / "links/far").symlink_to(folder / "open/folder")
    (folder / "links/near").symlink_to(engine.program)
    shutil.copy(engine.program, folder / "open/folder")
    environment = engine.environment | {"SWLOCK_ENGINE_PATH": str(folder / "links")}
    run = lambda name: engine.swlock.run("run", "-m", name, "job", "true", env=environment)  # noqa: E731
    assert has_failed(run("far"), 77, b"can replace " + os.fsencode(folder / "open"))
    result = run("near")
    assert result.returncode == 0, result


@needs_root
def test_root_looks_at_the_default_place_as_well(engine, folder):
    prefix = folder / "usr"
    (prefix / "bin").mkdir(parents=True)
    place = prefix / "libexec/swlock/engine"
    place.mkdir(parents=True)
    shutil.copy(SWLOCK, prefix / "bin/swlock")
    shutil.copy(engine.program, place / "mine")
    environment = engine.environment.copy()
    del environment["SWLOCK_ENGINE_PATH"]
    run = lambda: result_of(engine.swlock.begin(  # noqa: E731
        [prefix / "bin/swlock", "run", "-m", "mine", "job", "true"], env=environment))  # fmt: skip
    for changed in place / "mine", place, place.parent, place.parent.parent:
        before = changed.stat().st_mode & 0o777
        changed.chmod(before | 0o020)
        assert has_failed(run(), 77, b"can replace " + os.fsencode(changed))
        changed.chmod(before)
    # Who can replace this can replace swlock.
    prefix.chmod(0o777)
    assert run().returncode == 0
    # So can its owner.
    for changed in prefix / "bin/swlock", place, place / "mine":
        os.chown(changed, 1, 1)
    assert run().returncode == 0


def test_an_engine_that_cannot_be_executed_is_no_engine(engine):
    engine.program.chmod(0o644)
    assert has_failed(engine.run("run", "job", "true"), 69, b"folder")
    engine.program.chmod(0o755)
    engine.program.write_text("#!/no/such/interpreter\n")
    assert has_failed(engine.run("run", "job", "true"), 69, b"unable to run engine")


REFUSED = [
    ["run", "-F", "job", "true"],
    ["run", "--leftovers=keep", "job", "true"],
    ["run", "--range", "1", "job", "true"],
    ["run", "--perm", "600", "job", "true"],
    ["run", "--group", "root", "job", "true"],
    ["run", "--no-create", "job", "true"],
    ["run", "--unlink", "job", "true"],
    ["run", "--sidecar", "job", "true"],
    ["run", "--style", "flufl", "job", "true"],
    ["run", "--clock-slop", "1", "job", "true"],
    ["run", "--poll", "1:2", "job", "true"],
    ["run", "--settle", "1", "job", "true"],
    ["run", "--retry-errno", "EIO", "job", "true"],
    ["run", "--queue", "job", "true"],
    ["run", "--replace", "job", "true"],
    ["run", "--also", "other", "job", "true"],
    ["run", "--lifetime", "4", "job", "true"],
    ["run", "--lifetime", "0", "job", "true"],
    ["run", "--lifetime", "5.5", "job", "true"],
    ["run", "--slots", "2", "-s", "job", "true"],
    ["acquire", "--fd", "3"],
    ["wait", "job"],
    ["break", "--kill", "job"],
    ["status", "--probe", "job"],
]


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_what_means_nothing_to_an_engine_is_refused(engine, words):
    result = engine.run(words[0], *words[1:])
    assert has_failed(result, 64, b"--help")
    assert not engine.helpers()


@pytest.mark.parametrize("words", [["refresh"], ["transfer", "--to", "none"], ["cleanup"]], ids=str)
def test_what_an_engine_does_itself_is_not_done(engine, words):
    assert has_failed(engine.run(*words, "job"), 69, b"--mode folder")
