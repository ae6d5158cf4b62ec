"""The backoff schedule: pure arithmetic."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from akool_async import Backoff, InvalidInput

schedules = st.builds(
    lambda initial, multiplier, room, jitter: Backoff(
        initial=initial, multiplier=multiplier, maximum=initial * room, jitter=jitter
    ),
    st.floats(0.01, 10),
    st.floats(1, 4),
    st.floats(1, 1000),
    st.floats(0, 0.99),
)


@given(schedules, st.floats(-10, 1e7))
def test_a_delay_is_within_its_jitter_of_the_schedule(backoff: Backoff, age: float) -> None:
    grown = backoff.initial + (backoff.multiplier - 1) * max(0.0, age)
    middle = min(backoff.maximum, grown)
    delay = backoff.delay(age)
    assert middle * (1 - backoff.jitter) * 0.999 <= delay <= middle * (1 + backoff.jitter) * 1.001
    assert delay > 0


@given(schedules)
def test_polls_on_time_have_the_delays_of_an_exponential_backoff(backoff: Backoff) -> None:
    assume(backoff.multiplier > 1)
    for n, delay in enumerate(itertools.islice(backoff.delays(), 12)):
        geometric = min(backoff.maximum, backoff.initial * backoff.multiplier**n)
        assert math.isclose(delay, geometric, rel_tol=1e-6)


@given(schedules)
def test_a_job_polled_after_each_delay_follows_that_schedule(backoff: Backoff) -> None:
    steady = Backoff(
        initial=backoff.initial,
        multiplier=backoff.multiplier,
        maximum=backoff.maximum,
        jitter=0.0,
    )
    age = 0.0
    for delay in itertools.islice(steady.delays(), 20):
        assert math.isclose(steady.delay(age), delay, rel_tol=1e-9)
        age += delay


@given(schedules, st.floats(0, 1e6), st.floats(0, 1e6))
def test_an_early_poll_does_not_bring_the_next_one_forward(
    backoff: Backoff, age: float, earlier: float
) -> None:
    steady = Backoff(
        initial=backoff.initial, multiplier=backoff.multiplier, jitter=0.0, maximum=1e9
    )
    early = max(0.0, age - earlier)
    assert early + steady.delay(early) <= age + steady.delay(age) + 1e-6
    assert steady.delay(early) <= steady.delay(age)


def test_the_defaults_are_half_a_second_growing_to_ten() -> None:
    delays = [round(delay, 2) for delay in itertools.islice(Backoff().delays(), 9)]
    assert delays == [0.5, 0.8, 1.28, 2.05, 3.28, 5.24, 8.39, 10.0, 10.0]
    assert Backoff().jitter == 0.2


def test_jitter_spreads_in_both_directions() -> None:
    drawn = [Backoff(initial=1.0, jitter=0.5).delay(0.0) for _ in range(200)]
    assert min(drawn) < 0.9
    assert max(drawn) > 1.1


def test_without_jitter_a_delay_is_exact() -> None:
    assert Backoff(jitter=0.0).delay(0.0) == 0.5
    assert Backoff(jitter=0.0).delay(-5.0) == 0.5
    assert Backoff(jitter=0.0).delay(1e9) == 10.0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("initial", 0.0),
        ("initial", -1.0),
        ("initial", math.nan),
        ("initial", "1"),
        ("multiplier", 0.9),
        ("multiplier", math.inf),
        ("multiplier", math.nan),
        ("maximum", 0.4),
        ("maximum", math.inf),
        ("jitter", -0.1),
        ("jitter", 1.0),
        ("jitter", True),
    ],
)
def test_invalid_settings_are_refused(field: str, value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        Backoff(**{field: value})  # type: ignore[arg-type]
    assert caught.value.field == field
