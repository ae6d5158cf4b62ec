"""What ended a job instead of a result."""

from __future__ import annotations

import asyncio
import copy
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from akool_async.errors import AkoolError, JobError, remade

if TYPE_CHECKING:
    from akool_async.engine.flight import Flight

E = TypeVar("E", bound=BaseException)


class Failure:
    """An error for everybody who asks for the result.

    Raised is a likeness of it: the same one again for as long as anybody holds that (but of
    Python's own errors, which cannot be pointed at, one anew each time). Raising ties an error to
    the frames that it passes, and in one of them stands the job. Were it kept in the job itself,
    that would close a ring, and the garbage collector looks into no job for one.

    Args:
        error: What ended the job; it has no traceback, and is raised by nobody.
        loop: Where its like is reported if nobody ever looks at it.
    """

    __slots__ = ("_error", "_raised", "_unseen")

    def __init__(self, error: BaseException, loop: asyncio.AbstractEventLoop) -> None:
        self._error = error
        self._raised: weakref.ref[BaseException] | None = None
        # A future tells asyncio's log of an error that nobody ever looks at.
        self._unseen: asyncio.Future[None] = loop.create_future()
        self._unseen.set_exception(self._error)

    def seen(self) -> None:
        """Note that somebody has looked."""
        self._unseen.exception()

    def error(self, flight: Flight[Any]) -> BaseException:
        """Return what is raised to those who ask for a job's result."""
        known = None if self._raised is None else self._raised()
        if known is not None:
            return known
        kept = self._error
        error = likeness(kept)
        error.__cause__, error.__context__ = kept.__cause__, kept.__context__
        error.__suppress_context__ = kept.__suppress_context__
        if isinstance(error, JobError) and flight.kind.handle is not None:
            error.job = flight.kind.handle(flight)
        with suppress(TypeError):  # not all of Python's own can be pointed at
            self._raised = weakref.ref(error)
        return error


def likeness(error: E) -> E:
    """Return an error that says the same, and was not raised."""
    cls = type(error)
    if isinstance(error, AkoolError) or cls.__module__ == "builtins":  # they know how themselves
        return copy.copy(error)
    return remade(cls, error.args, vars(error))
