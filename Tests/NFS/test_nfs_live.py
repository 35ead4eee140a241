"""A lock of a live holder on another host is not broken: whatever the clocks, and the mounts' caches."""

import time

import pytest

from conftest import FULL, eventually
from trials import VERSIONS, Section, swlock

LIFETIME, SLOP = 4, 1
WORDS = swlock("hardlink", "--lifetime", f"{LIFETIME}s", "--clock-slop", f"{SLOP}s")
# Long enough for a waiter who trusts a time stamp that it has seen once, and for its pauses.
HOLD = LIFETIME + SLOP + (30 if FULL else 8)
# What host b is ahead of the server and of host a. Each holds a lock that the other one waits for.
SKEWS = [-90, -30, 30, 90] if FULL else [-90, 30]
OPTIONS = ["noac", "actimeo=60", "nocto", "nocto,actimeo=60"]
HOSTS = ["ab", "ba"]


def hold(world, places, new_folder):
    """Holders and waiters by place and hosts; they end after HOLD seconds, but may be broken before."""
    sections = {}
    for place in places:
        for holder, _ in HOSTS:
            lock = f"{place}/{new_folder()}/lock"
            sections[place, holder] = [Section(world.guests[holder], WORDS, lock, 600)]
    for pair in sections.values():
        holder = pair[0]
        eventually(lambda holder=holder: holder.entered or holder.job.ended, 60, "a holder enters")
    for (_, holder), pair in sections.items():
        other = world.guests["b" if holder == "a" else "a"]
        pair.append(Section(other, WORDS, pair[0].lock, 1))
    for (_, holder), pair in sections.items():
        folder = pair[0].lock.split("/")[-2]
        claim = f"/srv/disk/{folder}/lock|{'b' if holder == 'a' else 'a'}|*"
        look = f"compgen -G '{claim}'"
        waiter = pair[1]
        eventually(
            lambda look=look, waiter=waiter: waiter.job.ended or world.server.run(look)[0] == 0,
            60,
            "the other one waits",
        )
    return sections


def let_go(sections):
    time.sleep(HOLD)
    for holder, _ in sections.values():
        if not holder.job.ended:
            holder.end()


def assert_not_broken(pair):
    """The next one entered after the live one had left, or the mount was refused."""
    holder, waiter = pair
    if holder.job.wait(60) == 69:
        assert waiter.job.wait(60) == 69
        return
    assert holder.job.status == 0, holder.job.output
    eventually(lambda: waiter.entered, 60, "the next one enters")
    assert holder.last_work < waiter.entered


@pytest.fixture(scope="module")
def cached(world, new_folder):
    places = {}
    for options in OPTIONS:
        for version in VERSIONS:
            for name in "ab":
                at = f"/mnt/{version}-{options.replace(',', '-')}"
                world.guests[name].mount(version, f"{options},nosharecache", at=at)
            places[options, version] = at
    sections = hold(world, places.values(), new_folder)
    let_go(sections)
    return lambda options, version, host: sections[places[options, version], host]


@pytest.mark.parametrize("host", "ab")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("options", OPTIONS)
def test_live_lock_is_not_broken_where_attributes_are_cached(cached, options, version, host):
    assert_not_broken(cached(options, version, host))


@pytest.fixture(scope="module", params=SKEWS)
def skewed(world, new_folder, request):
    """Sections by place and holder, and what the other host said of each of these locks."""
    b = world.guests["b"]
    b.set_clock(request.param)
    sections = hold(world, [f"/mnt/{version}" for version in VERSIONS], new_folder)
    said = {}
    for key, (holder, waiter) in sections.items():
        path = holder.lock
        looks = f"swlock cleanup --dry-run {path.rpartition('/')[0]}; swlock status {path}"
        said[key] = waiter.guest.run(looks)[1]
    let_go(sections)
    yield sections, said
    b.set_clock(0)


@pytest.mark.parametrize("host", "ab")
@pytest.mark.parametrize("version", VERSIONS)
def test_live_lock_is_not_broken_under_skew(skewed, version, host):
    assert_not_broken(skewed[0][f"/mnt/{version}", host])


@pytest.mark.parametrize("host", "ab")
@pytest.mark.parametrize("version", VERSIONS)
def test_live_lock_is_not_called_expired_under_skew(skewed, version, host):
    said = skewed[1][f"/mnt/{version}", host]
    assert "would remove" not in said
    assert "expired" not in said
