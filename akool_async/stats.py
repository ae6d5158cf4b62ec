"""What a client has done so far, and is doing now: figures as a value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from akool_async.engine import Engine, Kind, Step
from akool_async.value import Value

if TYPE_CHECKING:
    from akool_async.exchange import Exchange

_ENDS = (
    Step.COMPLETED,
    Step.FAILED,
    Step.TIMED_OUT,
    Step.CANCELLED,
    Step.UNKNOWN,
    Step.CLOSED,
    Step.REFUSED,
)


class JobCounts(Value):
    """The jobs of one operation, by what has become of them, on one event loop."""

    queued: int = 0
    """They wait for a place."""
    in_flight: int = 0
    """They are being created, or were accepted and have not ended."""
    completed: int = 0
    failed: int = 0
    """The vendor reports that they failed."""
    refused: int = 0
    """Something else ended them: most often a refusal."""
    unknown: int = 0
    """They were sent, and nobody knows what became of them."""
    timed_out: int = 0
    cancelled: int = 0
    closed: int = 0
    """The client was closed before they had ended."""
    median: float | None = None
    """Seconds that half of these jobs take at most, as far as is learned."""


class Stats(Value):
    """What a client has done so far; jobs and places are those of the running loop."""

    requests: Mapping[str, int]
    """HTTP requests sent, by endpoint."""
    retries: int = 0
    """How many of them repeated one that had failed."""
    jobs: Mapping[str, JobCounts] = {}
    """By operation."""
    looks: Mapping[str, int] = {}
    """How many ids were asked about, each time counted, by result family."""
    batch: Mapping[str, int] = {}
    """How many ids one lookup may hold, as far as is learned, by result family."""
    queued: int = 0
    """Jobs that wait for a place."""
    in_flight: int = 0
    """Jobs at the vendor now: the places that are taken."""
    peak_in_flight: int = 0
    """The most that were there at once."""
    places: int = 0
    """How many may be there at once."""
    refusals: int = 0
    """How often the server has asked for fewer requests."""
    creates_per_second: float = math.inf
    """How many creates are sent at most; infinite while nobody asked for fewer."""
    reads_per_second: float = math.inf
    """How many other requests are sent at most."""

    @property
    def polls_per_job(self) -> float:
        """How often a job was asked about until it ended, on average so far."""
        ended = sum(each.completed + each.failed for each in self.jobs.values())
        return sum(self.looks.values()) / ended if ended else 0.0


def stats_of(requests: Mapping[str, int], engine: Engine, exchange: Exchange, places: int) -> Stats:
    """Return the figures of one event loop."""
    watches = engine.watches.items()
    waiting = engine.waiting()
    return Stats(
        requests=dict(requests),
        retries=exchange.retries,
        jobs={name: _counts(kind, waiting[name]) for name, kind in engine.kinds.items()},
        looks={name: watch.asked for name, watch in watches},
        batch={name: watch.batch for name, watch in watches},
        queued=waiting.total(),
        in_flight=engine.in_flight,
        peak_in_flight=engine.peak_in_flight,
        places=places,
        refusals=exchange.creates.refusals + exchange.reads.refusals,
        creates_per_second=exchange.creates.limit,
        reads_per_second=exchange.reads.limit,
    )


def _counts(kind: Kind[Any], queued: int) -> JobCounts:
    tally = kind.tally
    ended = {step.removeprefix("job."): tally[step] for step in _ENDS}
    return JobCounts(
        queued=queued,
        in_flight=kind.in_flight,
        median=None if kind.learner is None else kind.learner.median,
        **ended,
    )
