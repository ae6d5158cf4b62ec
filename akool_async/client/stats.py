"""What a client has done so far, and is doing now: figures as a value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from akool_async.engine import ENDS, Engine, Kind, Step
from akool_async.protocol.value import Value

if TYPE_CHECKING:
    from akool_async.http.exchange import Exchange

_COUNTED = (*ENDS, Step.SAVED, Step.UNSAVED)


class JobCounts(Value):
    """The jobs of one operation, by what has become of them."""

    queued: int = 0
    """They wait for a place."""
    in_flight: int = 0
    """They are being created, or were accepted and have not ended."""
    completed: int = 0
    """They have a result."""
    failed: int = 0
    """The vendor reports that they failed."""
    refused: int = 0
    """Something else ended them: most often a refusal."""
    unknown: int = 0
    """They were sent, and nobody knows what became of them."""
    timed_out: int = 0
    """They were not ended in time, and go on."""
    cancelled: int = 0
    """As asked."""
    closed: int = 0
    """The client was closed before they had ended."""
    saved: int = 0
    """Their results are on disk; with `save_to`."""
    unsaved: int = 0
    """Their results could not be saved, and that was given up."""
    median: float | None = None
    """Seconds that half of these jobs take at most, as far as is learned."""

    @property
    def past(self) -> JobCounts:
        """These figures without what is so only now."""
        return msgspec.structs.replace(self, queued=0, in_flight=0)


class Stats(Value):
    """What a client has done so far, in all event loops, and is doing now, in the running one."""

    requests: Mapping[str, int] = {}
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
    """How many may be there at once, for each event loop."""
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

    @property
    def past(self) -> Stats:
        """These figures without what is so only now."""
        return Stats(
            retries=self.retries,
            jobs={name: counts.past for name, counts in self.jobs.items()},
            looks=self.looks,
            batch=self.batch,
            peak_in_flight=self.peak_in_flight,
            refusals=self.refusals,
        )


def stats_of(engine: Engine, exchange: Exchange) -> Stats:
    """Return the figures of one event loop; requests and places are its client's."""
    watches = tuple(engine.watches.items())
    waiting = engine.waiting()
    return Stats(
        retries=exchange.retries,
        jobs={name: _counts(kind, waiting[name]) for name, kind in tuple(engine.kinds.items())},
        looks={name: watch.asked for name, watch in watches},
        batch={name: watch.batch for name, watch in watches},
        queued=waiting.total(),
        in_flight=engine.in_flight,
        peak_in_flight=engine.peak_in_flight,
        refusals=exchange.creates.refusals + exchange.reads.refusals,
        creates_per_second=exchange.creates.limit,
        reads_per_second=exchange.reads.limit,
    )


def _counts(kind: Kind[Any], queued: int) -> JobCounts:
    tally = kind.tally
    counted = {step.removeprefix("job."): tally[step] for step in _COUNTED}
    return JobCounts(
        queued=queued,
        in_flight=kind.in_flight,
        median=None if kind.learner is None else kind.learner.median,
        **counted,
    )


def together(one: Stats, other: Stats) -> Stats:
    """Return the figures of two event loops, or clients, as those of one."""
    jobs = dict(one.jobs)
    for name, counts in other.jobs.items():
        jobs[name] = _both(jobs[name], counts) if name in jobs else counts
    return Stats(
        requests=_sum(one.requests, other.requests),
        retries=one.retries + other.retries,
        jobs=jobs,
        looks=_sum(one.looks, other.looks),
        batch={**one.batch, **other.batch},
        queued=one.queued + other.queued,
        in_flight=one.in_flight + other.in_flight,
        peak_in_flight=max(one.peak_in_flight, other.peak_in_flight),
        places=one.places + other.places,
        refusals=one.refusals + other.refusals,
        creates_per_second=min(one.creates_per_second, other.creates_per_second),
        reads_per_second=min(one.reads_per_second, other.reads_per_second),
    )


def _both(one: JobCounts, other: JobCounts) -> JobCounts:
    counts = {
        name: getattr(one, name) + getattr(other, name)
        for name in JobCounts.__struct_fields__
        if name != "median"
    }
    return JobCounts(median=one.median if other.median is None else other.median, **counts)


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}
