"""What happens to jobs, told as it happens: to hooks of the user's, and to the log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from akool_async.clock import Clock
from akool_async.engine import Flight
from akool_async.errors import InvalidInput
from akool_async.protocol.snapshot import Status
from akool_async.protocol.value import Value

if TYPE_CHECKING:
    from akool_async.client.client import Client
    from akool_async.job import Job

logger = logging.getLogger("akool_async")


class Event(Value):
    """One step of a job's life."""

    name: str
    """Which step, such as `job.created`: one of the names in `akool_async.engine.Step`."""
    operation: str
    """The operation's dotted name."""
    at: datetime
    """When, in UTC."""
    job: Job[Any]
    """The job, with all that is known of it now."""
    status: Status | None = None
    """The new status, with `job.status`."""
    error: Exception | None = None
    """What ended the job instead of a result; with `job.unsaved`, why that is."""
    path: str | None = None
    """Where the result was saved, with `job.saved`."""


Hook: TypeAlias = Callable[[Event], object]
"""Told of each event, at once and in the event loop: it must not wait."""


@runtime_checkable
class Watcher(Protocol):
    """A hook that looks at the client's figures, too: it is handed each client that has it."""

    def watch(self, client: Client, /) -> object:
        """Take note of a client."""
        ...


_WHAT = "must be a function, or several"


def hooks_of(on_event: Hook | Sequence[Hook], client: Client) -> tuple[Hook, ...]:
    """Return a client's hooks; those that look at its figures are handed the client.

    Raises:
        InvalidInput: one of them cannot be called, or would have to be awaited.
    """
    try:
        hooks = (on_event,) if callable(on_event) else tuple(on_event)
    except TypeError:
        raise InvalidInput("on_event", on_event, _WHAT) from None
    for hook in hooks:
        _check(hook)
    for each in hooks:
        watcher: object = each
        if isinstance(watcher, Watcher):
            watcher.watch(client)
    return hooks


def _check(hook: object) -> None:
    if not callable(hook):
        raise InvalidInput("on_event", hook, _WHAT)
    if iscoroutinefunction(hook) or iscoroutinefunction(type(hook).__call__):
        raise InvalidInput("on_event", hook, "must be a plain function: nobody awaits it")


class Observer:
    """Tells hooks and the log of each step of each job.

    Args:
        clock: Where time comes from.
        job_of: Makes the handle of a job.
        hooks: Who is told.
    """

    def __init__(
        self, clock: Clock, job_of: Callable[[Flight[Any]], Job[Any]], hooks: tuple[Hook, ...]
    ) -> None:
        self._clock = clock
        self._job_of = job_of
        self._hooks = hooks

    @property
    def listening(self) -> bool:
        """Whether anybody wants to know."""
        return bool(self._hooks) or logger.isEnabledFor(logging.DEBUG)

    def __call__(self, step: str, flight: Flight[Any], about: object = None) -> None:
        """Tell of one step."""
        if logger.isEnabledFor(logging.DEBUG):
            _log(step, flight, about)
        if self._hooks:
            self._tell(step, flight, about)

    def _tell(self, step: str, flight: Flight[Any], about: object) -> None:
        event = Event(
            name=step,
            operation=flight.name,
            at=self._clock.now(),
            job=self._job_of(flight),
            status=about if isinstance(about, Status) else None,
            error=about if isinstance(about, Exception) else None,
            path=about if isinstance(about, str) else None,
        )
        for hook in self._hooks:
            try:
                hook(event)
            except Exception:
                logger.exception("a hook failed at %s of %s", step, flight.name)


def _log(step: str, flight: Flight[Any], about: object) -> None:
    """Log a step: its name, and what can be filtered by as fields of the record."""
    error = type(about).__name__ if isinstance(about, Exception) else None
    fields = {
        "event": step,
        "operation": flight.name,
        "job_id": flight.id,
        "job_token": flight.token,
        "status": int(flight.status),
        "error": error,
        "path": about if isinstance(about, str) else None,
    }
    more = f": {error}" if error else ""
    logger.debug("%s %s %s%s", step, flight.name, flight.id or "-", more, extra=fields)
