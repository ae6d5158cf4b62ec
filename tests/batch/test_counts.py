"""The counts of a run, and what is told from them."""

from __future__ import annotations

import pytest

from akool_async.batch.figures.counts import Counts
from akool_async.batch.figures.measuring import eta_of, figures_of
from akool_async.client.stats import JobCounts, Stats


class Watch:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def steady(rows: int, ended: int, per_second: int) -> tuple[Counts, Watch]:
    """Return the counts of a run in which rows end at an even rate."""
    watch = Watch()
    counts = Counts({"audio.tts": rows}, watch)
    for number in range(ended):
        watch.time = 1000.0 + (number + 1) / per_second
        counts.of("audio.tts").read += 1
        counts.ended("audio.tts", "completed")
    return counts, watch


@pytest.mark.parametrize("part", [0.25, 0.5, 0.75])
def test_the_time_left_of_a_steady_run_is_told_within_a_tenth(part: float) -> None:
    rows, per_second = 12_000, 50
    counts, _ = steady(rows, int(rows * part), per_second)
    left = (rows - rows * part) / per_second
    assert eta_of(counts, "running", None) == pytest.approx(left, rel=0.1)


def test_before_a_row_has_ended_the_learned_durations_tell() -> None:
    counts = Counts({"audio.tts": 100}, Watch())
    counts.of("audio.tts").in_flight = 10
    stats = Stats(jobs={"audio.tts": JobCounts(in_flight=10, median=6.0)})
    assert eta_of(counts, "running", stats, places=10) == pytest.approx(60.0)
    assert eta_of(counts, "running", None) is None


def test_a_run_that_is_over_has_no_time_left() -> None:
    counts, _ = steady(10, 10, 1)
    assert eta_of(counts, "over", None) == 0.0


def test_the_rate_is_that_of_the_last_minute() -> None:
    counts, watch = steady(50_000, 10_000, 100)
    assert counts.per_minute == pytest.approx(6000, rel=0.05)
    watch.time += 30
    assert counts.per_minute == pytest.approx(3000, rel=0.05)
    watch.time += 61
    assert counts.per_minute is None


def test_errors_are_counted_by_class_with_the_newest_sentence() -> None:
    counts = Counts({"audio.tts": 5}, Watch())
    for sentence in ("first", "second"):
        counts.ended("audio.tts", "failed", "JobFailed", sentence)
    counts.ended("audio.tts", "in_doubt", "CreateOutcomeUnknown", "lost")
    failed, unknown = counts.errors
    assert (failed.error, failed.count, failed.newest) == ("JobFailed", 2, "second")
    assert (unknown.error, unknown.count) == ("CreateOutcomeUnknown", 1)
    figures = figures_of(counts, "running").operations["audio.tts"]
    assert (figures.rows, figures.failed, figures.in_doubt, figures.waiting) == (5, 2, 1, 2)


def test_nothing_is_said_of_the_end_while_rows_come_that_nobody_has_counted() -> None:
    counts = Counts(None, Watch())
    counts.of("audio.tts").read = 100
    counts.of("audio.tts").in_flight = 10
    stats = Stats(jobs={"audio.tts": JobCounts(in_flight=10, median=6.0)})
    assert eta_of(counts, "running", stats, places=10) is None
    counts.read_all()
    assert eta_of(counts, "running", stats, places=10) == pytest.approx(60.0)
