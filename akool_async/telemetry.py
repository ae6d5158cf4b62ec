"""OpenTelemetry: a span for each job, and the figures of `akool.stats` as metrics.

    akool = Akool(on_event=OpenTelemetry())

This module is a hook like any other; no other module of the package imports OpenTelemetry. It
needs the extra `otel`, which is OpenTelemetry's API alone. Spans and metrics go where the
application's SDK sends them; without an SDK they go nowhere. Requests are never recorded. The
texts of errors are not recorded either, because they may repeat a request.
"""

from __future__ import annotations

import functools
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from akool_async.client.events import Event
from akool_async.client.stats import JobCounts, Stats, together
from akool_async.engine import ENDS, EventName
from akool_async.errors import APIError, InvalidInput, JournalError, KeyConflict

try:
    from opentelemetry import metrics, trace
    from opentelemetry.metrics import CallbackOptions, Observation
    from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode
except ImportError as error:
    raise ImportError(
        "akool_async.telemetry needs OpenTelemetry: pip install 'akool_async[otel]'"
    ) from error

if TYPE_CHECKING:
    from akool_async.job import Job

_BEGINNINGS: Final = frozenset({EventName.PREPARING, EventName.QUEUED, EventName.RESUMED})
_AT_REST: Final = frozenset({EventName.SAVED, EventName.UNSAVED})
_AS_WISHED: Final = frozenset({EventName.COMPLETED, EventName.CANCELLED})

_REMEMBERED: Final = 1000
"""Spans kept of jobs that go on although their watch ended: later spans may link to them."""

_SECONDS: Final = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400)
"""Bounds of the histogram: a picture takes some seconds, and no job more than some hours."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_Attributes: TypeAlias = dict[str, str | int | bool | tuple[str, ...]]
_Figures: TypeAlias = Iterable[tuple[float, Mapping[str, str]]]


class _Life:
    """One job's span, from its first event on."""

    __slots__ = ("__weakref__", "begun", "ended", "restored", "span")

    def __init__(self, span: Span, begun: datetime, *, restored: bool) -> None:
        self.span = span
        self.begun = begun
        self.restored = restored
        self.ended: datetime | None = None

    @property
    def context(self) -> SpanContext:
        return self.span.get_span_context()


class OpenTelemetry:
    """A hook that records a span for each job, and metrics: `Akool(on_event=OpenTelemetry())`.

    A job's span begins with its submission, as a child of the span that is current there, and
    ends with the job. Its attribute `akool.job.token` joins it with the spans of other
    processes that watch the same job on; in one process, they are linked as well.

    Args:
        tracer_provider: Where spans go; the global one if not given.
        meter_provider: Where metrics go; the global one if not given.
    """

    def __init__(
        self,
        *,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        self._tracer = trace.get_tracer("akool_async", version("akool_async"), tracer_provider)
        meter = metrics.get_meter("akool_async", version("akool_async"), meter_provider)
        self._figures_of: list[weakref.WeakMethod[Callable[[], Stats]]] = []
        self._known: weakref.WeakValueDictionary[tuple[str, str], _Life] = (
            weakref.WeakValueDictionary()
        )
        self._went_on: deque[_Life] = deque(maxlen=_REMEMBERED)
        self._ends = meter.create_counter(
            "akool.jobs.ended", "{job}", "Jobs that ended, by operation and outcome"
        )
        self._durations = meter.create_histogram(
            "akool.job.duration",
            "s",
            "Seconds from a job's submission, or resumption, to its end",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        _observe_figures(meter, self._figures)

    def watch(self, figures: Callable[[], Stats], /) -> None:
        """Report a client's figures, too. A client does that itself with its hooks.

        Args:
            figures: The client's method `figures`. The client itself is not kept alive.
        """
        known = [each for each in self._figures_of if each() is not None]
        self._figures_of = [*known, weakref.WeakMethod(figures)]

    def __call__(self, event: Event) -> None:
        """Record one event of a job."""
        job = event.job
        life: _Life | None = job.extras.get(self)
        if event.name in _AT_REST:
            self._record_save(event, job, life)
            return
        if life is None:
            life = self._begin(event, job)
        try:
            life.span.add_event(event.name, _about(event), _nanoseconds(event.at))
            if event.name in {EventName.CREATED, EventName.RESUMED}:
                self._name(life, job)
        finally:  # a span that fails is no reason to leave it open, or to count no end
            if event.name in ENDS:
                self._end(event, job, life)

    def _begin(self, event: Event, job: Job[Any]) -> _Life:
        """Begin a job's span. A job that the journal has ended gets a span without a duration."""
        attributes: _Attributes = {"akool.operation": event.operation}
        if event.name == EventName.PREPARING:
            attributes["akool.recipe"] = event.operation
        # A key that the journal refuses ends its job before it begins; so does a row of `map`.
        refused = isinstance(event.error, InvalidInput | KeyConflict | JournalError)
        restored = event.name not in _BEGINNINGS and not refused
        if restored:
            attributes["akool.job.restored"] = True
        span: Span = trace.INVALID_SPAN
        try:
            span = self._tracer.start_span(
                event.operation,
                kind=SpanKind.CLIENT,
                attributes=attributes,
                start_time=_nanoseconds(event.at),
            )
        finally:  # without a span, the job is counted all the same
            life = job.extras[self] = _Life(span, event.at, restored=restored)
        return life

    def _name(self, life: _Life, job: Job[Any]) -> None:
        """Name the job in its span, and link the span to an earlier one of the same job."""
        assert job.id is not None
        life.span.set_attributes(_identity(job))
        before = self._known.get((job.name, job.id))
        if before is not None and before is not life:
            life.span.add_link(before.context, {"akool.link": "watched on"})
        self._known[job.name, job.id] = life

    def _end(self, event: Event, job: Job[Any], life: _Life) -> None:
        outcome = _outcome(event)
        life.ended = event.at
        if job.id is not None and event.name not in {EventName.COMPLETED, EventName.FAILED}:
            self._went_on.append(life)
        try:
            life.span.set_attributes(_identity(job) | {"akool.outcome": outcome})
            if event.name not in _AS_WISHED and event.error is not None:
                _set_error(life.span, event.error)
        finally:
            try:
                life.span.end(_nanoseconds(event.at))
            finally:
                self._count(event, life, outcome)

    def _count(self, event: Event, life: _Life, outcome: str) -> None:
        counted = {"akool.operation": event.operation, "akool.outcome": outcome}
        self._ends.add(1, counted)
        if not life.restored:
            self._durations.record((event.at - life.begun).total_seconds(), counted)

    def _record_save(self, event: Event, job: Job[Any], life: _Life | None) -> None:
        """Record a save as a span that begins at the end of the job."""
        span = self._tracer.start_span(
            f"save {event.operation}",
            attributes=_identity(job),
            links=[] if life is None else [Link(life.context, {"akool.link": "result of"})],
            start_time=_nanoseconds(event.at if life is None else life.ended or event.at),
        )
        if event.error is not None:
            _set_error(span, event.error)
        span.end(_nanoseconds(event.at))

    def _figures(self) -> Stats:
        """Return the sum of the figures of all clients and event loops."""
        known = [figures for each in self._figures_of if (figures := each()) is not None]
        return functools.reduce(together, (figures() for figures in known), Stats())


def _about(event: Event) -> _Attributes:
    return {} if event.status is None else {"akool.job.status": event.status.name.lower()}


def _outcome(event: Event) -> str:
    return event.name.removeprefix("job.")


def _identity(job: Job[Any]) -> _Attributes:
    """Return the attributes that identify a job, as far as they are known; none is a secret."""
    identity: _Attributes = {"akool.operation": job.name}
    if job.id is not None:
        identity |= {"akool.job.id": job.id, "akool.job.token": job.token}
    if job.steps:
        identity["akool.job.steps"] = job.steps
    return identity


def _set_error(span: Span, error: Exception) -> None:
    name = type(error).__name__
    span.set_status(Status(StatusCode.ERROR, name))
    span.set_attribute("error.type", name)
    if isinstance(error, APIError):
        span.set_attribute("akool.code", error.code)


def _nanoseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000


def _observe_figures(meter: metrics.Meter, figures: Callable[[], Stats]) -> None:
    """Register callbacks by which the meter reads the figures."""

    def observed(
        pick: Callable[[Stats], _Figures],
    ) -> Callable[[CallbackOptions], Iterator[Observation]]:
        def callback(_options: CallbackOptions) -> Iterator[Observation]:
            for value, attributes in pick(figures()):
                yield Observation(value, attributes)

        return callback

    for name, unit, description, pick in _TOTALS:
        meter.create_observable_counter(name, [observed(pick)], unit, description)
    for name, unit, description, pick in _LEVELS:
        meter.create_observable_up_down_counter(name, [observed(pick)], unit, description)
    meter.create_observable_gauge(
        "akool.job.median",
        [observed(lambda stats: _by_operation(stats, lambda counts: counts.median))],
        "s",
        "Seconds that half of an operation's jobs take at most, as learned",
    )


def _by_operation(stats: Stats, pick: Callable[[JobCounts], float | None]) -> _Figures:
    for name, counts in stats.jobs.items():
        value = pick(counts)
        if value is not None:
            yield value, {"akool.operation": name}


def _by_name(figures: Mapping[str, int], attribute: str) -> _Figures:
    return ((value, {attribute: name}) for name, value in figures.items())


def _alone(value: float) -> _Figures:
    return [(value, {})]


_TOTALS: tuple[tuple[str, str, str, Callable[[Stats], _Figures]], ...] = (
    (
        "akool.requests",
        "{request}",
        "HTTP requests sent, by endpoint",
        lambda stats: _by_name(stats.requests, "akool.endpoint"),
    ),
    (
        "akool.retries",
        "{request}",
        "Requests that repeated one that had failed",
        lambda stats: _alone(stats.retries),
    ),
    (
        "akool.polls",
        "{id}",
        "Ids asked about, by result family",
        lambda stats: _by_name(stats.looks, "akool.family"),
    ),
    (
        "akool.refusals",
        "{reply}",
        "Requests that the server refused for their frequency",
        lambda stats: _alone(stats.refusals),
    ),
)
_LEVELS: tuple[tuple[str, str, str, Callable[[Stats], _Figures]], ...] = (
    (
        "akool.jobs.queued",
        "{job}",
        "Jobs that wait for a place, by operation",
        lambda stats: _by_operation(stats, lambda counts: counts.queued),
    ),
    (
        "akool.jobs.in_flight",
        "{job}",
        "Jobs that hold a place, by operation",
        lambda stats: _by_operation(stats, lambda counts: counts.in_flight),
    ),
    (
        "akool.places",
        "{job}",
        "Jobs that may be in flight at once",
        lambda stats: _alone(stats.places),
    ),
)
