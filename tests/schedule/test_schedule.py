"""The learning schedule: pure arithmetic."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akool_async.errors import InvalidInput
from akool_async.protocol.endpoint import Guess
from akool_async.schedule.learner import Learner, Schedule

STEADY = Schedule(jitter=0.0)


def polls(learner: Learner, until: float, sharing: int = 1) -> list[float]:
    """Return the ages at which a job that does not end is polled."""
    ages = [0.0]
    while ages[-1] < until:
        ages.append(ages[-1] + learner.delay(ages[-1], sharing))
    return ages[1:]


def taught(durations: list[float], settings: Schedule = STEADY) -> Learner:
    learner = Learner(settings)
    for duration in durations:
        learner.ended_exactly(duration)
    learner.rebuild(0.0, [])
    return learner


def test_the_very_first_job_is_polled_soon_and_then_less_and_less_often() -> None:
    ages = polls(Learner(STEADY), 60)
    gaps = [later - earlier for earlier, later in pairwise(ages)]
    assert 0.3 <= ages[0] <= 0.6
    assert gaps == sorted(gaps)
    assert len(ages) <= 20


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), max_size=50),
    st.lists(st.floats(0, 1e7), max_size=20),
    st.floats(),
    st.integers(1, 500),
)
def test_a_delay_stays_within_its_bounds_after_any_evidence(
    ends: list[tuple[float, float]], pending: list[float], age: float, sharing: int
) -> None:
    learner = Learner(STEADY)
    for end in ends:
        learner.ended(*end)
    learner.rebuild(1.0, pending)
    assert STEADY.minimum * 0.999 <= learner.delay(age, sharing) <= STEADY.maximum * 1.001


def test_jobs_are_polled_around_the_ages_at_which_they_usually_end() -> None:
    durations = [random.Random(1).lognormvariate(math.log(20), 0.25) for _ in range(200)]
    ages = polls(taught(durations), 60)
    assert ages[0] > 8
    assert sum(16 < age < 25 for age in ages) >= 4


def test_learned_durations_survive_a_dump() -> None:
    learner = taught([3.0, 4.0, 5.0] * 10)
    other = Learner(STEADY)
    other.load(learner.dump())
    assert other.completions == 30
    assert other.median == pytest.approx(learner.median, rel=1e-4)
    assert polls(other, 20) == pytest.approx(polls(learner, 20), rel=1e-4)


@given(st.binary(max_size=64))
def test_a_corrupt_dump_is_ignored(blob: bytes) -> None:
    learner = Learner(STEADY)
    learner.load(blob)
    assert (learner.completions, learner.median) == (0, None)


def test_without_a_guess_or_an_end_there_is_no_estimate() -> None:
    assert Learner(STEADY).eta(3.0) is None
    assert Learner(STEADY, Guess(8.0)).eta(0.0) == pytest.approx(8, rel=0.3)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cost", 0.0),
        ("cheapest", 0.0),
        ("coarseness", -1.0),
        ("minimum", 0.0),
        ("maximum", 0.01),
        ("jitter", 1.0),
        ("cost", math.nan),
    ],
)
def test_invalid_settings_are_refused(field: str, value: float) -> None:
    with pytest.raises(InvalidInput) as caught:
        Schedule(**{field: value})
    assert caught.value.field == field


def test_lookups_of_many_long_jobs_are_apart_as_their_guess_says() -> None:
    spaced, usual = Learner(Schedule(), Guess(90.0, spacing=0.1)), Learner(Schedule(), Guess(90.0))
    assert usual.apart(80.0, sharing=100) == 0.0
    assert spaced.apart(80.0, sharing=100) == pytest.approx(9.0, rel=0.05)
    assert spaced.apart(80.0, sharing=5) == pytest.approx(4.5, rel=0.05)
    # The guess may be wrong: jobs that are young so far count as short ones.
    assert spaced.apart(2.0, sharing=100) == pytest.approx(0.6)
