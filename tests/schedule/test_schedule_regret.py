"""The learning schedule, compared with the best possible one: simulated, with seeds."""

from __future__ import annotations

import statistics

import pytest

from benchmarks.schedule import ALONE, SHAPES, SHARED, Trial, crowd

NARROW, _, WIDE, BIMODAL, HEAVY_TAIL = SHAPES[:5]

GOALS = {
    "cold": 2.0,
    "burst": 2.0,
    "hundred": 1.1,
    "hundred_burst": 1.1,
    "thousand": 1.05,
    "shifted": 1.3,
    "looks": 0.85,
}
"""Upper limit of each figure's mean over all shapes of durations."""


@pytest.mark.timeout(900)  # it takes 12 seconds of an idle core, and does not depend on the clock
@pytest.mark.no_cover
@pytest.mark.parametrize("sharing", [ALONE, SHARED])
def test_it_is_close_to_the_best_schedule_and_no_plain_schedule_is_better(sharing: int) -> None:
    # Lognormal durations, narrow and wide, bimodal ones, and heavy tails; each drifting, too.
    rows = [Trial(shape, sharing, 1).row() for shape in (NARROW, WIDE, BIMODAL, HEAVY_TAIL)]
    means = {name: statistics.fmean(getattr(row, name) for row in rows) for name in GOALS}
    assert {name: mean for name, mean in means.items() if mean > GOALS[name]} == {}
    # Both figures are relative to the same best schedule, for the same jobs.
    assert [row.shape for row in rows if row.hundred > 1.1 * row.plain] == []


def test_the_ends_of_ten_thousand_jobs_are_noticed_soon_with_few_requests() -> None:
    seen = crowd()
    assert seen.requests <= 1.1
    assert seen.delay <= 0.045
    assert seen.p99 <= 0.12
