"""acquire, release, status and break with a lock that an engine keeps."""

import json
import os
import pathlib
import signal
import time

import pytest

from conftest import SWLOCK, PROJECT
from engines import Section, engine  # noqa: F401
from keepers import keepers
from observing import end, has_failed, is_alive, nothing_left, result_of, wait_until  # noqa: F401

S = f"'{SWLOCK}'"


def test_the_lock_is_held_until_it_is_released(engine):
    result = engine.script(f"""
      {S} acquire -m folder job || exit 1
      cat locks/job
      {S} release -m folder job || exit 2
      {S} release -m folder job; echo "again $?"
    """)
    assert result.returncode == 0, result
    assert b"\texclusive\t" in result.stdout and result.stdout.endswith(b"again 76\n")
    engine.nothing_left()
    assert keepers(engine.folder) == []


def test_release_says_that_the_engine_did_not_answer(engine):
    engine.faults("keep")
    owner = engine.swlock.begin(["sleep", "60"])
    assert engine.run("acquire", "--owner", str(owner.pid), "job").returncode == 0
    result = engine.run("release", "--owner", str(owner.pid), "job")
    assert has_failed(result, 69, b"unable to release job: its engine does not answer; the lock ends with its lifetime")
    assert engine.entries() == ["1"]
    # The keeper has ended.
    assert engine.run("release", "--owner", str(owner.pid), "job").returncode == 76
    owner.kill()


def test_a_keeper_that_another_ends_does_not_stay_for_long(engine):
    engine.faults("keep")
    owner = engine.swlock.begin(["sleep", "60"])
    assert engine.run("acquire", "--owner", str(owner.pid), "job").returncode == 0
    (keeper,) = keepers_of(owner)
    started = time.monotonic()
    os.kill(keeper, signal.SIGTERM)
    wait_until(lambda: not is_alive(keeper))
    # 5 s for the engine, and 2 s for a release that might have sent it.
    assert 6 < time.monotonic() - started < 20
    owner.kill()


def test_a_release_that_does_not_name_the_engine_is_told(engine):
    owner = engine.swlock.begin(["sleep", "60"])
    words = ["--owner", str(owner.pid), "job"]
    assert engine.run("acquire", *words).returncode == 0
    result = engine.swlock.run("release", *words)
    assert has_failed(result, 76, b"it is not held by pid %d, but with -m folder" % owner.pid)
    assert engine.run("release", *words).returncode == 0
    assert b"-m folder" not in engine.swlock.run("release", *words).stderr
    owner.kill()


def test_the_longest_times_do_no_harm(engine):
    long = 2**63 - 1
    engine.program.write_text(
        f"#!/bin/sh\n[ $1 = lock ] && echo held 1 {long} && read x && echo released\n"
        f"echo lock slots:{long} 5 {long} host=h pid={long} user=u since={long} command=c; echo done\n"
    )
    for words in [], ["--json"]:
        result = engine.run("status", *words, "job")
        assert (result.returncode, result.stderr) == (0, b""), result
    assert engine.run("run", "job", "true").returncode == 0
    # That would be any test's.
    name = engine.folder.name
    assert engine.run("acquire", "--owner", "none", name).returncode == 0
    assert engine.run("release", "--any", name).returncode == 0


def test_status_says_that_a_lifetime_has_passed(engine):
    program = "#!/bin/sh\necho lock exclusive 5 0 host=h pid=1 user=u since=1 command=c; echo done\n"
    engine.program.write_text(program)
    result = engine.run("status", "job")
    assert b"held" in result.stdout and b"token 5" in result.stdout
    assert result.stdout.endswith(b", does not answer: its lifetime has passed\n")


def test_a_name_that_nobody_has_is_free_and_nothing_is_broken(engine):
    assert engine.run("break", "job").returncode == 0
    assert engine.run("break", "--force", "job").returncode == 0


@pytest.mark.parametrize("loss", ["die", "forget"])
def test_release_says_that_the_lock_was_lost(engine, loss):
    owner = engine.swlock.begin(["sleep", "60"])
    assert engine.run("acquire", "--owner", str(owner.pid), "--on-loss=none", "job").returncode == 0
    if loss == "die":
        engine.faults("die")
        wait_until(lambda: not engine.helpers())
    else:
        engine.mute()
        (engine.locks / "job").write_text("9")
    result = engine.run("release", "--owner", str(owner.pid), "job")
    assert has_failed(result, 76, b"unable to release job: it was lost")
    owner.kill()


def test_of_two_keepers_both_are_ended_where_one_cannot_release(engine):
    owner = engine.swlock.begin(["sleep", "60"])
    words = ["-s", "--owner", str(owner.pid), "job"]
    for _ in range(2):
        assert engine.run("acquire", *words).returncode == 0
    (helper, _) = sorted(engine.helpers())
    os.kill(helper, signal.SIGSTOP)
    assert has_failed(engine.run("release", *words[1:]), 69, b"ends with its lifetime")
    assert has_failed(engine.run("release", *words[1:]), 76, b"not held")
    owner.kill()


def test_others_are_kept_out_meanwhile(engine):
    owner = engine.swlock.begin(["sleep", "60"])
    assert engine.run("acquire", "--owner", str(owner.pid), "job").returncode == 0
    # Of whom it is, not of the process that keeps it.
    assert has_failed(engine.run("run", "-n", "job", "true"), 75, b"pid %d (sleep" % owner.pid)
    assert has_failed(engine.run("acquire", "-n", "--owner", "none", "job"), 75)
    assert engine.swlock.run("release", "job").returncode == 76
    assert engine.run("release", "--owner", str(owner.pid), "job").returncode == 0
    assert engine.run("run", "-n", "job", "true").returncode == 0
    owner.kill()
    engine.nothing_left()


def test_the_lock_ends_with_its_owner(engine):
    owner = engine.swlock.begin(["sleep", "60"])
    assert engine.run("acquire", "--owner", str(owner.pid), "job").returncode == 0
    owner.kill()
    owner.wait()
    engine.nothing_left()


def test_the_keepers_words_say_what_it_keeps(engine):
    owner = engine.swlock.begin(["sleep", "60"])
    assert engine.run("acquire", "--owner", str(owner.pid), "job").returncode == 0
    (keeper,) = keepers_of(owner)
    words = pathlib.Path(f"/proc/{keeper}/cmdline").read_bytes().split(b"\0")[:-1]
    assert words[:5] == [b"swlock", b"hold", b"job", b"for", b"%d" % owner.pid]
    assert words[6] == b"folder"
    link = pathlib.Path(f"/proc/{keeper}/fd/{words[7].decode()}").readlink()
    assert str(link).startswith("socket:")
    assert pathlib.Path(f"/proc/{keeper}/environ").read_bytes() == b""
    owner.kill()
    engine.nothing_left()


def keepers_of(owner):
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[1:5] == [b"hold", b"job", b"for", b"%d" % owner.pid] and words[6:7] == [b"folder"]:
            if {pathlib.Path(f"/proc/{path.parent.name}/fd/{words[7].decode()}").exists()} == {True}:
                found.append(int(path.parent.name))
    return found


TRAP = "trap 'echo told; kill $!; exit 5' TERM"


@pytest.mark.parametrize("options", ["", "--on-loss=none"], ids=["term", "none"])
@pytest.mark.parametrize("loss", ["lose", "die", "mute"])
def test_the_owner_is_told_of_a_loss(engine, loss, options):
    engine.faults("ttl=3")
    text = f"""
      {TRAP}
      {S} acquire -m folder --lifetime 5 {options} job || exit 1
      echo 'ttl=3 {loss}' > locks/.faults
      while {S} release -m folder other; [ $? = 76 ] && pgrep -f 'swlock hold job for $$ ' > held; do sleep 0.05; done &
      wait; echo "through"
    """
    result = engine.script(text.replace("$$ ", "'$$' "))
    if options:
        assert (result.returncode, result.stdout) == (0, b"through\n"), result
    else:
        assert (result.returncode, result.stdout) == (5, b"told\n"), result
    for helper in engine.helpers():
        end(helper)


def test_a_signal_while_waiting_leaves_no_place(engine):
    section = Section(engine)
    waiter = engine.start("acquire", "--owner", "none", "job")
    wait_until(lambda: len(engine.entries()) == 2)
    waiter.terminate()
    assert result_of(waiter).returncode == 143
    wait_until(lambda: engine.entries() == ["1"])
    end(section.command)
    assert section.result()[0] == 137


def test_whoever_has_acquired_it_relies_on_it_with_reentrant(engine):
    result = engine.script(f"""
      {S} acquire -m folder job || exit 1
      {S} run -m folder job true; echo "above $?"
      {S} run -m folder --reentrant job sh -c 'exit 4'; echo "relied $?"
      {S} acquire -m folder --reentrant job; echo "relied $?"
      {S} release -m folder job; {S} run -n -m folder job true; echo "held $?"
      {S} release -m folder job
    """)
    assert result.stdout == b"above 75\nrelied 4\nrelied 0\nheld 75\n", result
    engine.nothing_left()


def test_status_names_the_holder_and_the_waiters_in_order(engine):
    free = engine.run("status", "job")
    assert (free.returncode, free.stdout) == (0, b"job  free\n")
    assert engine.run("status", "-q", "job").returncode == 1
    section = Section(engine)
    waiters = []
    for count in [2, 3]:
        waiters.append(engine.start("run", "-s", "job", "true"))
        wait_until(lambda count=count: len(engine.entries()) == count)
    text = engine.run("status", "job").stdout
    assert text.startswith(b"job  held\n    held by  pid %d (sh, " % section.front.pid)
    assert text.index(b"pid %d (true" % waiters[0].pid) < text.index(b"pid %d (true" % waiters[1].pid)
    assert engine.run("status", "-q", "job").returncode == 0
    report = json.loads(engine.run("status", "--json", "job").stdout)
    schema = json.loads((PROJECT / "docs/status.schema.json").read_text())
    assert set(report) == set(schema["required"])
    assert (report["path"], report["mode"], report["held"]) == ("job", "folder", True)
    (holder,) = report["holders"]
    assert set(holder) == set(schema["$defs"]["party"]["required"])
    assert (holder["pid"], holder["command"], holder["foreign"]) == (section.front.pid, "sh", False)
    assert [waiter["pid"] for waiter in report["waiters"]] == [waiter.pid for waiter in waiters]
    end(section.command)
    assert section.result()[0] == 137
    assert [result_of(waiter).returncode for waiter in waiters] == [0, 0]


@pytest.mark.parametrize("words", [["status", "a", "b"], ["break", "--force", "job"]], ids=str)
def test_each_engine_that_is_asked_has_the_secrets(engine, words):
    saying = "lock exclusive 5 - x\ndone" if words[0] == "break" else "done"
    engine.program.write_text(
        '#!/bin/sh\n[ "$ETCDCTL_USER" = me ] || exit 1\n'
        f'if [ "$1" = show ]; then printf "%s\\n" "{saying}"; else echo released; fi\n')  # fmt: skip
    environment = engine.environment | {"ETCDCTL_USER": "me"}
    assert engine.run(words[0], *words[1:], env=environment).returncode == 0


def test_a_foreign_client_is_shown_as_its_engine_says(engine):
    engine.program.write_text(
        "#!/bin/sh\necho 'lock exclusive 5 - another%20client,%20lease%207\nnonsense\ndone'\n")  # fmt: skip
    text = engine.run("status", "job").stdout
    assert text == b"job  held\n    held by  another client, lease 7\n             exclusive, token 5\n"
    (holder,) = json.loads(engine.run("status", "--json", "job").stdout)["holders"]
    assert (holder["foreign"], holder["command"]) == (True, "another client, lease 7")
    assert has_failed(engine.run("break", "job"), 75, b"another client, lease 7")


def test_what_an_engine_says_moves_no_cursor(engine):
    engine.program.write_text("#!/bin/sh\necho 'lock exclusive 5 9 host=h%20pid=1%20command=%1b[2J\ndone'\n")
    assert b"\x1b" not in engine.run("status", "job").stdout
    engine.program.write_text("#!/bin/sh\necho 'failed 69 %1b[2J%0a'\n")
    assert has_failed(engine.run("status", "job"), 69, b"[2J")


@pytest.mark.parametrize("command", ["status", "break"])
def test_an_engine_that_does_not_say_what_it_was_asked(engine, command):
    engine.program.write_text("#!/bin/sh\necho 'lock exclusive 5 - x'\n")
    assert has_failed(engine.run(command, "job"), 70, b"its engine has ended")


def test_break_needs_force_where_somebody_has_the_lock(engine):
    assert engine.run("break", "-v", "job").stderr.endswith(b"job is free\n")
    section = Section(engine)
    assert has_failed(engine.run("break", "job"), 75, b"held by pid %d" % section.front.pid, b"--force")
    assert section.runs() and is_alive(section.helper)
    engine.faults("patience=60")
    assert engine.run("break", "--force", "job").returncode == 0
    assert section.result()[0] == 76
    assert engine.entries() == []
