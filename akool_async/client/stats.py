"""The figures of a client, as a value: what it has done so far, and is doing now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from akool_async.engine import ENDS, Engine, EventName, OperationState
from akool_async.http.pace import Pace
from akool_async.protocol.value import Value

_COUNTED = (*ENDS, EventName.SAVED, EventName.UNSAVED)


class JobCounts(Value):
    """The jobs of one operation, by what has become of them."""

    queued: int = 0
    """Jobs that wait for a place."""
    in_flight: int = 0
    """Jobs that are being created, or were accepted and have not ended."""
    completed: int = 0
    """Jobs with a result."""
    failed: int = 0
    """Jobs that failed, as the vendor reports."""
    refused: int = 0
    """Jobs that another error ended, most often a refusal."""
    unknown: int = 0
    """Jobs whose create was sent, with an unknown outcome."""
    timed_out: int = 0
    """Jobs that did not end in time. They go on at the vendor."""
    cancelled: int = 0
    """Jobs that the user cancelled."""
    closed: int = 0
    """Jobs that had not ended when the client was closed."""
    saved: int = 0
    """Jobs whose results are on disk; with `save_to`."""
    unsaved: int = 0
    """Jobs whose results the client gave up saving."""
    median: float | None = None
    """The median duration of these jobs in seconds, as far as is learned."""

    @property
    def past(self) -> JobCounts:
        """These figures without those of the moment."""
        return msgspec.structs.replace(self, queued=0, in_flight=0)


class Stats(Value):
    """What a client has done so far in all event loops, and does now in the running one."""

    shown_properties = ("polls_per_job",)

    requests: Mapping[str, int] = {}
    """HTTP requests sent, by endpoint."""
    webhooks: Mapping[str, int] = {}
    """Webhooks that were taken in, by what became of them (`akool_async.webhook.Outcome`);
    `refused` counts those that were none."""
    retries: int = 0
    """How many requests repeated one that had failed."""
    jobs: Mapping[str, JobCounts] = {}
    """By operation."""
    looks: Mapping[str, int] = {}
    """Ids in lookups, each time counted, by result family."""
    batch: Mapping[str, int] = {}
    """The most ids in one lookup, as far as is learned, by result family."""
    queued: int = 0
    """Jobs that wait for a place."""
    in_flight: int = 0
    """Jobs at the vendor now, which is the number of places taken."""
    peak_in_flight: int = 0
    """The most jobs that were at the vendor at once."""
    places: int = 0
    """The most jobs that may be at the vendor at once, for each event loop."""
    limits: Mapping[str, int] = {}
    """The same by pattern of operation names, as `limits=` has it."""
    paused: bool = False
    """Whether the program has paused the client: no job is created."""
    out_of_credit: bool = False
    """Whether jobs wait for credit, with `on_credit="pause"`."""
    unreachable: bool = False
    """Whether jobs wait because nothing can be reached, with `on_outage="wait"`."""
    saving: int = 0
    """Results that wait to be saved, or are being saved; with `save_to`."""
    refusals: int = 0
    """How often the server refused a request for its frequency."""
    creates_per_second: float | None = None
    """The limit on creates; `None` while the server has refused none for its frequency."""
    reads_per_second: float | None = None
    """The limit on other requests, likewise."""

    def __repr__(self) -> str:
        return f"<Stats {self.one_line}>"

    def _repr_html_(self) -> str:
        """Return a table for a notebook, of the jobs by operation."""
        from akool_async.notebook import pieces

        counts = {name: dict(each.__rich_repr__()) for name, each in sorted(self.jobs.items())}
        known = {name for each in counts.values() for name in each}
        columns = [name for name in JobCounts.__struct_fields__ if name in known]
        rows = [
            [operation, *(_figure(each.get(name, "")) for name in columns)]
            for operation, each in counts.items()
        ]
        heads = ["operation", *(name.replace("_", " ") for name in columns)]
        table = pieces.table(heads, rows) if rows else ""
        return pieces.card("Stats", self.one_line, "running", table)

    @property
    def one_line(self) -> str:
        """What has become of the jobs, and what holds them up, in a line."""
        counted = [f"{self.in_flight} in flight", f"{self.queued} queued" if self.queued else ""]
        for name in JobCounts.__struct_fields__[2:-1]:
            count = sum(getattr(each, name) for each in self.jobs.values())
            counted.append(f"{count} {name.replace('_', ' ')}" if count else "")
        held_up = ("paused", "out_of_credit", "unreachable")
        counted += [name.replace("_", " ") for name in held_up if getattr(self, name)]
        counted.append(f"{sum(self.requests.values())} requests")
        return ", ".join(filter(None, counted))

    @property
    def polls_per_job(self) -> float:
        """How many lookups asked about a job until it ended, on average so far."""
        ended = sum(each.completed + each.failed for each in self.jobs.values())
        return sum(self.looks.values()) / ended if ended else 0.0

    @property
    def past(self) -> Stats:
        """These figures without those of the moment."""
        return Stats(
            retries=self.retries,
            jobs={name: counts.past for name, counts in self.jobs.items()},
            looks=self.looks,
            batch=self.batch,
            peak_in_flight=self.peak_in_flight,
            refusals=self.refusals,
        )


class Uploads(Protocol):
    """What uploads the files of jobs."""

    @property
    def unreachable(self) -> bool:
        """Whether jobs wait because no file can be uploaded."""
        ...


def stats_of(engine: Engine, saving: int, uploads: Uploads) -> Stats:
    """Return the figures of one event loop; requests and places are its client's."""
    watches = tuple(engine.watches.items())
    operations = tuple(engine.operations.items())
    queued, exchange = engine.queued(), engine.exchange
    return Stats(
        retries=exchange.retries,
        jobs={name: _counts(operation, queued[name]) for name, operation in operations},
        looks={name: watch.asked for name, watch in watches},
        batch={name: watch.batch_size.size for name, watch in watches},
        queued=queued.total(),
        saving=saving,
        in_flight=engine.places.in_flight,
        peak_in_flight=engine.places.peak,
        out_of_credit=engine.out_of_credit,
        unreachable=uploads.unreachable or engine.hold.unreachable,
        refusals=exchange.creates.refusals + exchange.reads.refusals,
        creates_per_second=_limit(exchange.creates),
        reads_per_second=_limit(exchange.reads),
    )


def _figure(value: object) -> object:
    return f"{value:.3g} s" if isinstance(value, float) else value


def _limit(pace: Pace) -> float | None:
    return pace.limit if math.isfinite(pace.limit) else None


def _lower(*limits: float | None) -> float | None:
    return min((each for each in limits if each is not None), default=None)


def _counts(operation: OperationState[Any], queued: int) -> JobCounts:
    events = operation.events
    counted = {name.removeprefix("job."): events[name] for name in _COUNTED}
    return JobCounts(
        queued=queued,
        in_flight=operation.in_flight,
        median=None if operation.learner is None else operation.learner.median,
        **counted,
    )


def together(one: Stats, other: Stats) -> Stats:
    """Add up the figures of two event loops, or of two clients."""
    jobs = dict(one.jobs)
    for name, counts in other.jobs.items():
        jobs[name] = _both(jobs[name], counts) if name in jobs else counts
    return Stats(
        requests=_sum(one.requests, other.requests),
        webhooks=_sum(one.webhooks, other.webhooks),
        retries=one.retries + other.retries,
        jobs=jobs,
        looks=_sum(one.looks, other.looks),
        batch={**one.batch, **other.batch},
        queued=one.queued + other.queued,
        saving=one.saving + other.saving,
        in_flight=one.in_flight + other.in_flight,
        peak_in_flight=max(one.peak_in_flight, other.peak_in_flight),
        places=one.places + other.places,
        limits=_sum(one.limits, other.limits),
        paused=one.paused or other.paused,
        out_of_credit=one.out_of_credit or other.out_of_credit,
        unreachable=one.unreachable or other.unreachable,
        refusals=one.refusals + other.refusals,
        creates_per_second=_lower(one.creates_per_second, other.creates_per_second),
        reads_per_second=_lower(one.reads_per_second, other.reads_per_second),
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
