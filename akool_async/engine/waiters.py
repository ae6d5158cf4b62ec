"""Futures and callbacks that wait for the end of a job, and the error that may be its outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from akool_async.errors import AkoolError
from akool_async.observers import shield

if TYPE_CHECKING:
    from types import TracebackType

Callback: TypeAlias = Callable[[Any], object]
"""Called with the record of a job that has ended."""

Waiter: TypeAlias = asyncio.Future[Any] | Callback
"""The future of a task that awaits the job; or a callback. Futures are not callable."""


class Several(list[Waiter]):
    """More than one waiter of a job."""


Waiters: TypeAlias = Waiter | Several | None
"""None, one, or several: nearly every job has at most one, which then needs no list."""

_MANY: Final = 64
"""Waiters of one job from which on futures of tasks that gave up are dropped now and then."""


def all_of(waiters: Waiters) -> Sequence[Waiter]:
    """Return the waiters in the order in which they came."""
    if waiters is None:
        return ()
    return waiters if isinstance(waiters, Several) else (waiters,)


def added(waiters: Waiters, waiter: Waiter) -> Waiters:
    """Return the waiters and one more."""
    if waiters is None:
        return waiter
    if not isinstance(waiters, Several):
        return Several([waiters, waiter])
    # A task that gave up leaves its cancelled future behind. They are dropped when the number
    # of waiters reaches a power of two, so that adding stays cheap.
    number = len(waiters)
    if number >= _MANY and number & (number - 1) == 0:
        waiters[:] = [each for each in waiters if not _gave_up(each)]
    waiters.append(waiter)
    return waiters


def without_first(waiters: Waiters, first: Waiter) -> Waiters:
    """Return the waiters without their first one, if it is still there."""
    if isinstance(waiters, Several):
        if waiters and waiters[0] is first:
            del waiters[0]
        return waiters or None
    return None if waiters is first else waiters


def without(waiters: Waiters, waiter: Waiter) -> Waiters:
    """Return the waiters without one of them, however often it was added."""
    others = [each for each in all_of(waiters) if each != waiter]
    return Several(others) if others else None


def notify(waiters: Iterable[Waiter], record: Any, outcome: object) -> None:
    """Settle each future, and call each callback; an error of one reaches none of the others."""
    for waiter in waiters:
        if callable(waiter):
            shield("a callback", waiter, record)
        elif not waiter.done():
            shield("a waiter", settle, waiter, outcome)


def settle(future: asyncio.Future[Any], outcome: object) -> None:
    """Set the outcome of a job as that of a future."""
    if isinstance(outcome, Failure):
        future.set_exception(outcome.retrieve())
    else:
        future.set_result(outcome)


def _gave_up(waiter: Waiter) -> bool:
    return not callable(waiter) and waiter.done()


class Failure:
    """The error that ended a job, as its outcome.

    asyncio logs an error that nobody retrieves when the future that holds it is collected. A
    failed job uses that: without a task that waits for it, it keeps such a future.

    Args:
        error: What ended the job.
        loop: The job's event loop.
        expected: Whether a task waits, or waited, for the job. Then the error was retrieved,
            or the task gave up.
    """

    __slots__ = ("_traceback", "_unretrieved", "error")

    def __init__(
        self, error: BaseException, loop: asyncio.AbstractEventLoop, *, expected: bool
    ) -> None:
        if isinstance(error, StopIteration):  # no future takes it, as a coroutine raises none
            error = RuntimeError(f"the job was ended by {error!r}")
        self.error = error
        # The frames of our own code say nothing about an error that names what happened.
        self._traceback: TracebackType | None = (
            None if isinstance(error, AkoolError) else error.__traceback__
        )
        error.__traceback__ = self._traceback
        self._unretrieved: asyncio.Future[None] | None = None
        if not expected:
            self._unretrieved = loop.create_future()
            self._unretrieved.set_exception(error)

    def mark_retrieved(self) -> None:
        """Keep asyncio from logging the error."""
        if self._unretrieved is not None:
            self._unretrieved.exception()
            self._unretrieved = None

    def retrieve(self) -> BaseException:
        """Return the error, with the traceback that it came with: raising adds to it each time."""
        self.mark_retrieved()
        return self.error.with_traceback(self._traceback)
