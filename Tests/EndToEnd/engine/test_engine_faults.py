"""What engines do wrong, and what swlock makes of it. Lifetimes are shorter than may be asked for: what an engine
grants counts."""

import os
import time

import pytest

from engines import Section, engine  # noqa: F401
from observing import children_of, end, has_failed, nothing_left, result_of, wait_until  # noqa: F401


def test_an_engine_that_dies_before_it_has_the_lock(engine):
    engine.faults("die-before")
    result = engine.run("run", "job", "true")
    assert has_failed(result, 70, b"unable to lock job: its engine has ended")


def test_an_engine_that_dies_while_it_is_waited_for(engine):
    section = Section(engine)
    waiter = engine.start("run", "job", "true")
    wait_until(lambda: len(engine.entries()) == 2)
    (helper,) = set(engine.helpers()) - {section.helper}
    end(helper)
    assert has_failed(result_of(waiter), 70, b"its engine has ended")
    end(section.command)
    assert section.result()[0] == 137


@pytest.mark.parametrize("status", [64, 69, 73, 75, 77, 78])
def test_an_engine_says_why_it_fails(engine, status):
    engine.faults(f"fail={status}")
    expected = status if status != 78 else 70
    assert has_failed(engine.run("run", "job", "true"), expected, b"as the test wants it")


def test_a_status_that_swlock_has_not_is_one_of_the_engines(engine):
    engine.faults("fail=3")
    assert has_failed(engine.run("run", "job", "true"), 70, b"as the test wants it")


def test_a_silent_engine_is_waited_for_as_long_as_was_said(engine):
    engine.faults("silent")
    assert has_failed(engine.run("run", "-w", "3", "job", "true"), 75, b"timed out after 3s")
    # It was asked to give back what it had got.
    engine.nothing_left()
    waiter = engine.start("run", "job", "true")
    wait_until(lambda: engine.entries() == ["2"])
    waiter.terminate()
    assert result_of(waiter).returncode == 143
    engine.nothing_left()


def test_one_who_waits_is_told_what_the_engine_says_at_the_end(engine):
    script = "#!/bin/sh\nread -r word; echo failed 69 nobody%20is%20there\n"
    engine.program.write_text(script)
    assert has_failed(engine.run("run", "-w", "1", "job", "true"), 69, b"unable to lock job: nobody is there")
    assert has_failed(engine.run("run", "-w", "1", "-E", "3", "job", "true"), 69)


def test_an_engine_that_says_nothing_at_all_is_not_taken_for_a_busy_lock(engine):
    sleeping = "#!/usr/bin/env python3\nimport time\n%s\ntime.sleep(60)\n"
    engine.program.write_text(sleeping % "")
    assert has_failed(engine.run("run", "-w", "1", "job", "true"), 69, b"its engine does not answer")
    engine.program.write_text(sleeping % "print('waiting somebody', flush=True)")
    assert has_failed(engine.run("run", "-w", "3", "job", "true"), 75, b"timed out after 3s, behind somebody")


def test_an_engine_that_does_not_answer_one_who_does_not_wait(engine):
    engine.faults("silent")
    assert has_failed(engine.run("run", "-n", "job", "true"), 69, b"its engine does not answer")
    engine.nothing_left()


def test_garbage_and_lines_without_end_are_ignored(engine):
    engine.faults("garbage", "flood", "delay=0.5")
    result = engine.run("run", "job", "--", "sh", "-c", "sleep 1; exit 5")
    assert result.returncode == 5, result
    engine.nothing_left()


def test_one_who_talks_all_the_time_keeps_nobody_from_ending_in_time(engine):
    engine.program.write_text("#!/bin/sh\nexec yes 'waiting nobody'\n")
    assert engine.run("run", "-w", "3", "job", "true").returncode == 75
    waiter = engine.start("run", "job", "true")
    # Not before it waits.
    wait_until(lambda: any(os.path.exists(f"/proc/{pid}/fd/4") for pid in children_of(waiter.pid)))
    waiter.terminate()
    assert result_of(waiter).returncode in (143, -15)


def test_one_who_talks_without_renewing_does_not_keep_the_lock(engine):
    text = "import os, time; until = time.clock_gettime_ns(7) + 8 * 10**9\nos.write(1, b'held 1 %d\\n' % until)"
    engine.program.write_text(f"#!/usr/bin/env python3\n{text}\nwhile True: os.write(1, b'until 1\\n' * 99)\n")
    section = Section(engine, "--lifetime", "12")
    assert section.result()[0] == 76
    end(section.helper)


def test_a_lock_that_comes_too_late_is_none(engine, folder):
    engine.faults("ttl=2", "late=2.5")
    assert has_failed(engine.run("run", "job", "touch", "ran"), 76, b"could not be kept")
    assert not (folder / "ran").exists()


def test_a_lost_lock_ends_the_command_at_once(engine):
    section = Section(engine, "--lifetime", "60")
    begin = time.monotonic()
    engine.faults("lose")
    section.wait_for_end()
    # Without its signal it would be seen a third of the lifetime later.
    assert time.monotonic() - begin < 15
    status, _, errors = section.result()
    assert status == 76
    assert b"the lock at job could not be kept: the test takes it away" in errors
    assert not section.was_asked()
    engine.nothing_left()


def test_whoever_is_to_end_is_asked_first(engine):
    section = Section(engine, "--lifetime", "60", "--kill-after", "3")
    engine.faults("patience=60")
    breaking = engine.start("break", "--force", "-v", "job")
    status, _, errors = section.result()
    assert status == 76 and section.was_asked()
    assert b"could not be kept: the test asks for it" in errors
    result = result_of(breaking)
    assert result.returncode == 0 and b"broke job, which was held by pid" in result.stderr
    engine.nothing_left()


def test_a_silent_holder_is_warned_and_then_killed_in_time(engine):
    engine.faults("ttl=5")
    section = Section(engine, "--lifetime", "12")
    engine.mute("ttl=5")
    wait_until(lambda: section.was_asked())
    section.wait_for_end()
    status, _, errors = section.result()
    assert status == 76
    assert b"sh was ended, the lock at job could not be kept: its engine does not answer" in errors


def test_an_outage_that_ends_in_time_disturbs_nobody(engine):
    engine.faults("ttl=6")
    section = Section(engine, "--lifetime", "6")
    engine.mute("ttl=6")
    time.sleep(1)  # A part of the time that there is.
    engine.faults("ttl=6")
    count = len(section.all_beats())
    wait_until(lambda: len(section.all_beats()) > count + 10)
    time.sleep(4)  # The old deadline has passed.
    assert section.runs() and not section.was_asked()
    end(section.command)
    assert section.result()[0] == 137


def test_an_engine_that_does_not_release_is_not_waited_for_long(engine):
    engine.faults("keep")
    result = engine.run("run", "job", "--", "sh", "-c", "exit 6")
    assert result.returncode == 6
    assert has_failed(result, 6, b"unable to release job", b"ends with its lifetime")
    for helper in engine.helpers():
        end(helper)


def test_an_engine_that_is_gone_when_the_command_ends(engine):
    engine.faults("die-after")
    result = engine.run("run", "job", "--", "sleep", "60")
    assert has_failed(result, 76, b"could not be kept: its engine has ended")


def test_a_lock_that_was_gone_at_its_release_was_lost(engine, folder):
    section = engine.start("run", "job", "--", "sh", "-c", "touch in; while [ ! -e go ]; do sleep 0.02; done")
    wait_until(lambda: (folder / "in").exists())
    engine.mute()
    (folder / "locks/job").write_text("9")
    (folder / "go").touch()
    result = result_of(section)
    assert has_failed(result, 76, b"unable to release job: it was gone at its release")
