"""The rules of a backend, and how they are counted; no network."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from akool_async import Akool, InvalidInput
from akool_async.clock import ManualClock
from akool_async.streaming.backend.allowance import Allowance
from akool_async.streaming.backend.answers import Refusal
from akool_async.streaming.backend.bucket import Bucket
from akool_async.streaming.backend.countdown import Countdown
from akool_async.streaming.backend.rules import Rules

ADAPTERS = ["aiohttp_routes", "asgi_app"]
GIVEN: dict[str, Any] = {
    "authorize": lambda _request: "ann",
    "avatars": ["tristan"],
    "durations": [300],
}

AKOOLS = {"durations": ["duration", "seconds_per_day"], "session": ["mode_type"]}
"""What Akool calls the fields in which a rule is passed on."""


def allowance(clock: ManualClock, **rules: Any) -> Allowance:
    return Allowance(Rules(**(GIVEN | rules)), clock)


def refused(counted: Allowance, user: str, seconds: int) -> Refusal:
    with pytest.raises(Refusal) as caught:
        counted.reserve(user, seconds)
    return caught.value


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("missing", GIVEN)
def test_authorize_avatars_and_durations_have_no_default(adapter: str, missing: str) -> None:
    given = {name: value for name, value in GIVEN.items() if name != missing}
    with pytest.raises(TypeError, match=missing):
        getattr(Akool("key").streaming, adapter)(**given)


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("authorize", None),
        ("authorize", True),
        ("avatars", []),
        ("avatars", "tristan"),
        ("avatars", [""]),
        ("durations", []),
        ("durations", [0]),
        ("durations", [3601]),
        ("durations", 300),
        ("session", {"duration": 3600}),
        ("session", {"avatar_id": "other"}),
        ("session", {"credentials": {}}),
        ("session", {"mode_type": 3}),
        ("on_text", "say"),
        ("origins", ["www.example.com"]),
        ("origins", ["https://www.example.com/"]),
        ("origins", ["*"]),
        ("prefix", "avatar"),
        ("prefix", "/avatar/"),
        ("sessions_per_user", 0),
        ("sessions_at_once", 1.5),
        ("starts_per_minute", 0),
        ("seconds_per_day", 299),
        ("join_within", 0),
        ("back_within", -1),
        ("silent_for", float("nan")),
        ("grace", "10"),
    ],
)
def test_bad_rules_are_refused_when_the_backend_is_made(
    adapter: str, field: str, value: object
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        getattr(Akool("key").streaming, adapter)(**(GIVEN | {field: value}))
    expected = {field, *AKOOLS.get(field, ())}
    assert refusal.value.field.partition(".")[0] in expected


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_the_signature_names_each_rule(adapter: str) -> None:
    shown = inspect.signature(getattr(Akool("key").streaming, adapter)).parameters
    assert set(shown) == set(Rules.__struct_fields__)


def test_a_user_has_so_many_sessions_at_once(clock: ManualClock) -> None:
    counted = allowance(clock)
    first = counted.reserve("ann", 300)
    counted.reserve("ann", 300)
    assert refused(counted, "ann", 300).code == "too_many_sessions"
    counted.reserve("bob", 300)
    first.settle(0)
    counted.reserve("ann", 300)


async def test_a_user_starts_so_many_sessions_in_any_minute(clock: ManualClock) -> None:
    counted = allowance(clock, starts_per_minute=2)
    counted.reserve("ann", 300).settle(0)
    await clock.advance(50)
    counted.reserve("ann", 300).settle(0)
    refusal = refused(counted, "ann", 300)
    assert (refusal.code, refusal.answer.headers["Retry-After"]) == ("too_many_starts", "10")
    counted.reserve("bob", 300)
    await clock.advance(10)
    counted.reserve("ann", 300).settle(0)
    assert refused(counted, "ann", 300).code == "too_many_starts"


async def test_a_user_has_so_many_seconds_in_any_24_hours(clock: ManualClock) -> None:
    counted = allowance(clock, seconds_per_day=600)
    counted.reserve("ann", 300).settle(300)
    await clock.advance(3600)
    counted.reserve("ann", 300).settle(299.2)
    refusal = refused(counted, "ann", 300)
    assert (refusal.code, refusal.retry_after) == ("no_time_left", 23 * 3600)
    counted.reserve("bob", 300)
    await clock.advance(23 * 3600)
    counted.reserve("ann", 300)
    assert refused(counted, "ann", 300).code == "no_time_left"


def test_what_was_not_used_is_given_back_once(clock: ManualClock) -> None:
    counted = allowance(clock, seconds_per_day=600, sessions_per_user=9, starts_per_minute=99)
    for _ in range(20):
        grant = counted.reserve("ann", 600)
        grant.settle(0)
        grant.settle(0)
    counted.reserve("ann", 300).settle(100.5)
    counted.reserve("ann", 499)
    assert refused(counted, "ann", 1).code == "no_time_left"
    assert counted.open == 1


async def test_users_are_forgotten_after_a_day(clock: ManualClock) -> None:
    counted = allowance(clock, sessions_at_once=1000)
    for number in range(500):
        counted.reserve(f"user {number}", 300).settle(0)
    await clock.advance(24 * 3600)
    counted.reserve("ann", 300)
    assert len(counted._accounts) == 1  # noqa: SLF001 - memory is what this is about


async def test_a_countdown_ends_so_many_seconds_after_its_last_start(clock: ManualClock) -> None:
    ends: list[float] = []
    countdown = Countdown(clock, 4, lambda: ends.append(clock.time()))
    countdown.start()
    for _ in range(3):
        await clock.advance(3)
        countdown.start()
    await clock.advance(3.9)
    assert not ends
    await clock.advance(10)
    assert ends == [13]
    assert not countdown.running


async def test_a_countdown_that_is_stopped_never_ends(clock: ManualClock) -> None:
    ends: list[float] = []
    countdown = Countdown(clock, 4, lambda: ends.append(clock.time()))
    countdown.start()
    countdown.stop()
    countdown.stop()
    await clock.advance(10)
    assert not ends


async def test_a_countdown_that_rings_late_has_one_more_look(clock: ManualClock) -> None:
    ends: list[float] = []
    countdown = Countdown(clock, 4, lambda: ends.append(clock.time()))
    countdown.start()
    await clock.hold_up(100)
    assert not ends
    await clock.advance(1)
    countdown.start()
    await clock.advance(3.9)
    assert not ends
    await clock.hold_up(100)
    await clock.advance(2)
    assert len(ends) == 1


async def test_a_bucket_fills_at_its_rate_up_to_a_burst(clock: ManualClock) -> None:
    bucket = Bucket(clock, 10, 20)
    assert bucket.take(20)
    assert not bucket.take(1)
    await clock.advance(0.1)
    assert bucket.take(1)
    assert not bucket.take(1)
    await clock.advance(100)
    assert bucket.take(20)
    assert not bucket.take(1)
