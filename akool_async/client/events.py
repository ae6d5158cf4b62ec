"""Notifies the user's hooks, and the log, of each event in the life of a job."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from akool_async.clock import Clock
from akool_async.engine import JobRecord
from akool_async.engine.calls import Calls
from akool_async.errors import InvalidInput
from akool_async.observers import check_function, is_coroutine_function, logger, shield
from akool_async.protocol.snapshot import Status
from akool_async.protocol.value import Value
from akool_async.protocol.words import in_line

if TYPE_CHECKING:
    from akool_async.client.stats import Stats
    from akool_async.job import Job


class Event(Value):
    """One event in the life of a job."""

    hidden_fields = frozenset({"job"})
    shown_properties = ("key", "id")

    name: str
    """Which event, such as `job.created`: one of the names in `akool_async.engine.EventName`."""
    operation: str
    """The operation's dotted name."""
    at: datetime
    """When, in UTC."""
    job: Job[Any]
    """The job, with all that is known of it now."""
    status: Status | None = None
    """The new status, with `job.status`."""
    error: Exception | None = None
    """The error that ended the job; with `job.unsaved`, why the result is not saved."""
    path: str | None = None
    """Where the result was saved, with `job.saved`."""

    def __repr__(self) -> str:
        about = self.path or self.error or (None if self.status is None else self.status.name)
        parts = [self.name, self.operation, self.id or ""]
        parts += ["" if self.key is None else f"key={self.key!r}"]
        parts += [f"{type(about).__name__}:" if isinstance(about, Exception) else ""]
        parts += ["" if about is None else str(about)]
        return f"<Event {in_line(' '.join(filter(None, parts)), 200)}>"

    @property
    def key(self) -> str | None:
        """The job's key; `None` if it has none."""
        return self.job.key

    @property
    def id(self) -> str | None:
        """Akool's `_id` of the job; `None` before Akool accepts it."""
        return self.job.id


Hook: TypeAlias = Callable[[Event], object]
"""Called with each event, at once and in the event loop: it must not wait. A coroutine function is
called a moment later, and awaited: about one job in order, about many jobs at once."""


@runtime_checkable
class Watcher(Protocol):
    """A hook that also reads statistics. It is notified once of each client that it is given to."""

    def watch(self, figures: Callable[[], Stats], /) -> object:
        """Take note of a client, by its method `figures`.

        A hook that outlives its clients keeps the method by `weakref.WeakMethod`.
        """
        ...


class ClientEvent(Value):
    """The client was paused or resumed, or its limits were changed, by the program."""

    name: str
    """`client.paused`, `client.resumed` or `client.limits`."""
    at: datetime
    """When, in UTC."""
    paused: bool
    """Whether no job is created."""
    concurrency: int
    """The most jobs in flight, in each event loop."""
    limits: Mapping[str, int] = {}
    """The most jobs in flight by pattern of operation names."""


@runtime_checkable
class HearsClient(Protocol):
    """A hook that is also told what the program does with the client as a whole."""

    def client_changed(self, event: ClientEvent, /) -> object:
        """Take note of it; called in the thread of whoever changed the client."""
        ...


_WHAT = "must be a function, or several"


def hooks_of(on_event: Hook | Sequence[Hook], figures: Callable[[], Stats]) -> tuple[Hook, ...]:
    """Return a client's hooks; hand its figures to those that read statistics.

    Raises:
        InvalidInput: one of them cannot be called.
    """
    try:
        hooks = (on_event,) if callable(on_event) else tuple(on_event)
    except TypeError:
        raise InvalidInput("on_event", on_event, _WHAT) from None
    for hook in hooks:
        check_function("on_event", hook, _WHAT)
    for each in hooks:
        watcher: object = each
        if isinstance(watcher, Watcher):
            watcher.watch(figures)
    return hooks


class EventDispatcher:
    """Passes each event of each job to hooks, and to the log.

    Args:
        clock: Where time comes from.
        handle: Makes the user's handle on a record.
        hooks: What is called with each event.
        calls: Runs those that are coroutine functions.
    """

    def __init__(
        self,
        clock: Clock,
        handle: Callable[[JobRecord[Any]], Job[Any]],
        hooks: tuple[Hook, ...],
        calls: Calls,
    ) -> None:
        self._clock = clock
        self._handle = handle
        self._hooks = tuple((hook, is_coroutine_function(hook)) for hook in hooks)
        self._calls = calls

    @property
    def listening(self) -> bool:
        """Whether there is a hook, or a log that shows events."""
        return bool(self._hooks) or logger.isEnabledFor(logging.DEBUG)

    def __call__(self, event: str, record: JobRecord[Any], about: object = None) -> None:
        """Pass on one event."""
        if logger.isEnabledFor(logging.DEBUG):
            _log(event, record, about)
        if self._hooks:
            self._call_hooks(event, record, about)

    def _call_hooks(self, name: str, record: JobRecord[Any], about: object) -> None:
        event = Event(
            name=name,
            operation=record.name,
            at=self._clock.now(),
            job=self._handle(record),
            status=about if isinstance(about, Status) else None,
            error=about if isinstance(about, Exception) else None,
            path=about if isinstance(about, str) else None,
        )
        what = f"a hook at {name} of {record.name}"
        for number, (hook, awaited) in enumerate(self._hooks):
            if awaited:
                self._calls.add((number, record), what, hook, event)
            else:
                shield(what, hook, event)


def _log(event: str, record: JobRecord[Any], about: object) -> None:
    """Log an event: its name, and fields of the log record to filter by.

    Each field begins with `akool_`. A log record has one space of names for all who write to it,
    and `logging` raises where a record factory has set a name already.
    """
    error = type(about).__name__ if isinstance(about, Exception) else None
    fields = {
        "akool_event": event,
        "akool_operation": record.name,
        "akool_job_id": record.id,
        "akool_job_token": record.token,
        "akool_status": int(record.status),
        "akool_error": error,
        "akool_path": about if isinstance(about, str) else None,
    }
    more = f": {error}" if error else ""
    logger.debug("%s %s %s%s", event, record.name, record.id or "-", more, extra=fields)
