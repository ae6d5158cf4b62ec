"""Complaints of asyncio and aiohttp about what a loop that is over has left of a client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from akool_async.engine.tasks import NAME

_Handler = Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object]


class _Quiet:
    """An exception handler of a loop that passes on all but what is left of clients.

    Args:
        before: The loop's handler until now.
    """

    def __init__(self, before: _Handler | None) -> None:
        self._before = before
        # Not the objects: they are to be freed.
        self.left_over: set[int] = set()
        """The ids of sessions and connectors that nobody closes."""

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Handle one complaint."""
        if self._is_left_over(context):
            return
        if self._before is None:
            loop.default_exception_handler(context)
        else:
            self._before(loop, context)

    def _is_left_over(self, context: dict[str, Any]) -> bool:
        if "exception" in context:
            return False
        task, unclosed = context.get("task"), ("client_session", "connector")
        if isinstance(task, asyncio.Task) and task.get_name() == NAME:
            return True
        return any(id(context[each]) in self.left_over for each in unclosed if each in context)


def quieten(loop: asyncio.AbstractEventLoop, sessions: Iterable[Any]) -> None:
    """Keep a loop that is over from complaining of the tasks and connections of a client.

    Args:
        loop: The loop.
        sessions: Sessions of aiohttp that nobody closes any more.
    """
    handler = loop.get_exception_handler()
    if not isinstance(handler, _Quiet):
        handler = _Quiet(handler)
        loop.set_exception_handler(handler)
    for session in sessions:
        handler.left_over |= {id(session), id(session.connector)}
