"""The figures of a run, from its counts and from those of its client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from akool_async.batch.figures.run_figures import Phase, RunFigures

if TYPE_CHECKING:
    from akool_async.batch.figures.counts import Counts
    from akool_async.batch.money.spending import Money
    from akool_async.client.stats import JobCounts, Stats

_MINUTE: Final = 60.0
_HALTED: Final = frozenset({"paused", "out of credit", "no connection"})
"""Phases that end when something else does."""


def figures_of(
    counts: Counts,
    phase: Phase,
    stats: Stats | None = None,
    *,
    behind: int = 0,
    places: int = 0,
    money: Money | None = None,
) -> RunFigures:
    """Return the figures of a moment.

    Args:
        counts: The counts of the run.
        phase: What the run does.
        stats: Those of its client, once there is one.
        behind: Results that wait to be saved.
        places: The most jobs at Akool at once.
        money: What was spent.
    """
    jobs: Mapping[str, JobCounts] = {} if stats is None else stats.jobs
    operations = {
        name: each.figures(jobs[name].median if name in jobs else None)
        for name, each in counts.operations.items()
    }
    return RunFigures(
        phase=phase,
        operations=operations,
        done_before=counts.done_before,
        saved=counts.saved,
        behind=behind,
        bytes=counts.bytes,
        per_minute=counts.per_minute,
        credits_spent=None if money is None else money.spent,
        credits_left=None if money is None else money.left,
        errors=counts.errors,
        concurrency=places,
        elapsed=counts.elapsed,
        eta=eta_of(counts, phase, stats, behind=behind, places=places),
    )


def eta_of(
    counts: Counts, phase: Phase, stats: Stats | None, *, behind: int = 0, places: int = 0
) -> float | None:
    """Return the seconds until the last row has ended and is saved, as far as can be told.

    `None` while rows are read that nobody has counted, such as those from standard input.
    The rows that are left end at the rate of the last minute. Before a row has ended, the learned
    durations tell: as many jobs at once as there are places, each as long as the median.
    """
    if phase == "over":
        return 0.0
    # Nobody knows when it goes on, or how many rows come.
    if phase in _HALTED or (phase != "draining" and not counts.knows_rows):
        return None
    rate = counts.per_minute
    in_flight = counts.total("in_flight")
    left = in_flight + (0 if phase == "draining" else counts.total("waiting"))
    longest = _longest_median(stats) if in_flight else 0.0
    saving = behind / rate * _MINUTE if rate else 0.0
    if not left:
        return saving
    if rate is None:
        return left / places * longest if places and longest else None
    if phase == "draining" or not counts.total("waiting"):
        # Nothing follows: the last one takes as long as a job takes.
        return max(longest, saving)
    return max(left / rate * _MINUTE, saving)


def _longest_median(stats: Stats | None) -> float:
    if stats is None:
        return 0.0
    return max((each.median or 0.0 for each in stats.jobs.values() if each.in_flight), default=0.0)
