"""Whoever observes jobs changes nothing: an error of the log, a hook or a waiter reaches no job.

A record factory, a filter or a handler of `logging`, a hook, a done callback and the loop's own
callbacks run in the middle of the engine's work. What they raise is logged, and the work goes on.

`KeyboardInterrupt` and `SystemExit` are meant for the program. The event loop raises them a moment
later, when the work that they met is whole again.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import sys
from collections.abc import Callable, MutableMapping
from inspect import isasyncgenfunction, iscoroutine, iscoroutinefunction
from typing import TYPE_CHECKING, Any

from akool_async.errors import InvalidInput

if TYPE_CHECKING:
    _Adapter = logging.LoggerAdapter[logging.Logger]
else:
    _Adapter = logging.LoggerAdapter


class SafeLogger(_Adapter):
    """A logger whose record factory, filters and handlers may raise: no caller notices."""

    def __init__(self, name: str) -> None:
        super().__init__(logging.getLogger(name), {})
        self._complained = False

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """Leave `extra` as the caller gave it."""
        return msg, kwargs

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log a message, if that is possible."""
        kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1  # the caller's line, not this one
        try:
            super().log(level, msg, *args, **kwargs)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the job goes on
            if not pass_on(error):
                self._complain(error)

    def _complain(self, error: BaseException) -> None:
        """Say once that logging fails: the log itself cannot, and the other messages are lost."""
        if self._complained or not logging.raiseExceptions:
            return
        self._complained = True
        with contextlib.suppress(Exception):
            print(  # noqa: T201 - as `logging` itself does when a handler fails
                f"{self.name}: logging failed, and may go on failing: {error!r}", file=sys.stderr
            )


logger = SafeLogger("akool_async")


def pass_on(error: BaseException) -> bool:
    """Let the running loop raise an interrupt soon; return whether the error is one.

    Raises:
        BaseException: the interrupt itself, where no loop runs.
    """
    if not isinstance(error, KeyboardInterrupt | SystemExit):
        return False
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        loop = None
    if loop is None:
        raise error
    loop.call_soon(_raise, error)
    return True


def _raise(error: BaseException) -> None:
    raise error


def shield(what: str, call: Callable[..., object], *arguments: object) -> None:
    """Call an observer; log what it raises.

    Args:
        what: Names the observer in the log: "a hook".
        call: The observer.
        *arguments: What it is called with.
    """
    try:
        call(*arguments)
    except BaseException as error:  # a CancelledError of an observer cancels nothing
        if not pass_on(error):
            logger.exception("%s failed", what)


def check_function(name: str, function: object, rule: str = "must be a function") -> None:
    """Refuse what cannot be called, or what would have to be iterated over.

    Raises:
        InvalidInput: it is no function; or it is an asynchronous generator.
    """
    if not callable(function):
        if iscoroutine(function):
            function.close()  # else Python warns that nobody awaited it
        raise InvalidInput(name, function, rule)
    if any(map(isasyncgenfunction, _inner(function))):
        raise InvalidInput(name, function, "must not yield: nobody iterates over it")


def is_coroutine_function(function: object) -> bool:
    """Say whether what a call returns has to be awaited."""
    return any(map(iscoroutinefunction, _inner(function)))


def _inner(function: object) -> tuple[object, object]:
    """Return the function inside of partial ones, and what a call of an object calls."""
    while isinstance(function, functools.partial):
        function = function.func
    return function, type(function).__call__
