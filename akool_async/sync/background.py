"""The event loop in the background: one in a process, in a thread of its own.

The first client that needs the loop starts it, and the last one that is closed ends it, and its
thread with it. The thread is a daemon: a program that forgets to close a client still ends. After
a fork, the child starts a loop of its own.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, TypeVar, overload

from anyio.from_thread import BlockingPortalProvider

from akool_async.client.runtime import running_loop

T = TypeVar("T")

CLOSED = "the client is closed; enter it again with `with`"

_WAITS = (
    "hooks and callbacks run in the thread of the background loop, which waits for nothing: hand"
    " the work to a thread of yours"
)


class _Loops:
    """What starts the loop of this process, and ends it."""

    def __init__(self) -> None:
        self.provider = BlockingPortalProvider()

    def begin_anew(self) -> None:
        """Forget the parent's loop, whose thread does not live in this child."""
        self.provider = BlockingPortalProvider()


_loops = _Loops()

if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_loops.begin_anew)


class Background:
    """A client's share in the loop. The loop runs until all shares are given back."""

    def __init__(self) -> None:
        self._provider = _loops.provider
        self._portal = self._provider.__enter__()
        self._loop: asyncio.AbstractEventLoop | None = None

    def leave(self) -> None:
        """Give the share back; with the last one, wait until the loop's thread has ended."""
        self._provider.__exit__(None, None, None)

    @overload
    def run(self, function: Callable[..., Awaitable[T]], /, *arguments: Any) -> T: ...
    @overload
    def run(self, function: Callable[..., T], /, *arguments: Any) -> T: ...
    def run(self, function: Callable[..., Any], /, *arguments: Any) -> Any:
        """Call a function in the loop, and wait for what it returns.

        Whatever interrupts the wait, such as Ctrl-C, cancels the call.

        Raises:
            RuntimeError: this is the loop's own thread; or the loop is over.
        """
        self.check_may_wait()
        try:
            future: Future[Any] | None = self._portal.start_task_soon(function, *arguments)
        except RuntimeError:
            future = None
        if future is None:
            raise RuntimeError(CLOSED)
        try:
            return future.result()
        finally:
            future.cancel()  # does nothing to a call that has ended
            del future  # or this frame and the error would hold each other

    def inside(self, context: AbstractAsyncContextManager[T]) -> AbstractContextManager[T]:
        """Return an asynchronous context manager as one that is entered from this thread."""
        self.check_may_wait()
        return self._portal.wrap_async_context_manager(context)

    def check_may_wait(self) -> None:
        """Refuse to wait in the loop's own thread: what it waits for would never come.

        Raises:
            RuntimeError: this is that thread.
        """
        if self.is_here():
            raise RuntimeError(_WAITS)

    def is_here(self) -> bool:
        """Say whether this is the loop's own thread."""
        here = running_loop()
        if here is None:
            return False
        if self._loop is None:
            try:
                self._loop = self._portal.call(asyncio.get_running_loop)
            except RuntimeError:  # it cannot be asked from its own thread
                self._loop = here
        return here is self._loop
