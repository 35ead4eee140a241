"""What a holder has to see."""

import time

import seam


def kept_for(engine, seconds):
    """The lock is held, and its deadline ahead, for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        engine.read(0.1)
        ended = engine.said("lost") + engine.said("end") + engine.said("failed")
        assert not ended and not engine.ended, engine.lines[-4:]
        assert engine.deadline() > seam.boottime(), engine.lines[-4:]


def renewed_beyond(engine, deadline, limit=seam.LIMIT):
    """Waits for a renewal that ends after `deadline`."""
    end = time.monotonic() + limit
    while engine.deadline() <= deadline:
        assert not engine.ended and time.monotonic() < end, engine.lines[-4:]
        engine.read(0.1)


def lost_in_time(engine, limit=seam.LIMIT):
    """It is told that the lock is lost, at the deadline that it was told before."""
    deadline = engine.deadline()
    line = engine.expect("lost", limit=limit)
    said = [int(x.words[0]) for x in engine.lines if x.verb == "until"]
    deadline = max([deadline, *said])
    # The engine is as punctual as the machine: swlock ends the command at the deadline itself.
    assert line.at <= deadline + 2 * 10**9, (line, deadline)
    return deadline
