"""The event loop in the background: one in a process, in a thread of its own.

The first client that needs the loop starts it, and the last one that is closed ends it, and its
thread with it. The thread is a daemon: a program that forgets to close a client still ends. After
a fork, the child starts a loop of its own.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
import threading
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
)
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from typing import Any, Final, NamedTuple, TypeVar, cast, overload

from anyio.from_thread import BlockingPortal

from akool_async.client.deprecations import LINE, user_line
from akool_async.clock import running_loop

T = TypeVar("T")

_END: Final[Any] = object()

CLOSED: Final = "the client is closed; enter it again with `with`"

_OVER: Final = "the program is at its end"

_WAITS: Final = (
    "hooks and callbacks run in the thread of the background loop, which waits for nothing: hand"
    " the work to a thread of yours"
)


class _Loop:
    """The loop of this process, and how many hold a share in it."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Begin, also in a child after a fork: the parent's thread does not live here."""
        self.process = os.getpid()
        # Reentrant: the garbage collector may close a generator in the middle of any call.
        self.lock = threading.RLock()
        self._shares = 0
        self._running: _Running | None = None

    def join(self) -> _Running:
        """Take a share; the first one starts the loop.

        Raises:
            RuntimeError: the program is at its end.
        """
        if is_over():
            raise RuntimeError(_OVER)
        with self.lock:
            if self._running is None:
                self._running = _started()
            self._shares += 1
            return self._running

    def is_here(self) -> bool:
        """Say whether this is the loop's own thread."""
        here, running = running_loop(), self._running
        return here is not None and running is not None and here is running.loop

    def leave(self) -> None:
        """Give a share back; with the last one, wait until the loop's thread has ended."""
        if is_over():
            return
        with self.lock:
            self._shares -= 1
            if self._shares:
                return
            running, self._running = self._running, None
        assert running is not None
        running.portal.call(running.portal.stop)
        running.thread.join()


class _Running(NamedTuple):
    portal: BlockingPortal
    loop: asyncio.AbstractEventLoop
    thread: threading.Thread


def _started() -> _Running:
    begun: Future[tuple[BlockingPortal, asyncio.AbstractEventLoop]] = Future()

    async def serve() -> None:
        async with BlockingPortal() as portal:
            begun.set_result((portal, asyncio.get_running_loop()))
            await portal.sleep_until_stopped()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001 - who waits for the loop is told
            if not begun.done():
                begun.set_exception(error)

    # Not by anyio's `start_blocking_portal`: what that leaves in a child after a fork would wait
    # for the parent's thread when it is freed.
    thread = threading.Thread(target=run, name="akool-sync", daemon=True)
    thread.start()
    return _Running(*begun.result(), thread)


_loop = _Loop()

if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_loop.begin_anew)


class Background:
    """A client's share in the loop. The loop runs until all shares are given back."""

    def __init__(self) -> None:
        self._process = _loop.process
        self._portal = _loop.join().portal
        self._left = False

    def leave(self) -> None:
        """Give the share back; with the last one, wait until the loop's thread has ended."""
        with _loop.lock:
            left, self._left = self._left, True
        if not left and self._process == _loop.process:
            _loop.leave()

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
        check_may_wait()
        line = LINE.set(user_line())  # which a warning names; the loop's context is a copy of ours
        try:
            with self._held():
                return self._waited(function, *arguments)
        finally:
            LINE.reset(line)

    def _waited(self, function: Callable[..., Any], /, *arguments: Any) -> Any:
        future: Future[Any] = self._portal.start_task_soon(_tried, function, arguments)
        try:
            outcome = future.result()
        finally:
            future.cancel()  # does nothing to a call that has ended
            del future  # or this frame and the error would hold each other
        if not isinstance(outcome, _Raised):
            return outcome
        try:
            raise outcome.error
        finally:
            del outcome  # for the same reason

    @contextmanager
    def _held(self) -> Generator[None, None, None]:
        """Keep the loop running inside: another thread may close the client meanwhile."""
        if self._left:
            raise RuntimeError(CLOSED)
        _loop.join()
        try:
            yield
        finally:
            _loop.leave()

    @contextmanager
    def inside(self, context: AbstractAsyncContextManager[T]) -> Generator[T, None, None]:
        """Enter an asynchronous context manager from this thread."""
        check_may_wait()
        with ExitStack() as opened:
            entered = self._portal.wrap_async_context_manager(context)
            try:
                yield opened.enter_context(entered)
            finally:
                if is_over():
                    opened.pop_all()  # which closes nothing

    def each(self, begin: Callable[[], AsyncIterable[T]]) -> Generator[T, None, None]:
        """Yield what an asynchronous iterable yields, which is made in the loop."""
        items: AsyncIterator[T] = self.run(lambda: aiter(begin()))
        try:
            while (item := self.run(_next, items)) is not _END:
                yield item
        finally:
            if isinstance(items, AsyncGenerator):
                self.finish(cast("AsyncGenerator[T, None]", items).aclose)

    def finish(self, close: Callable[[], Any]) -> None:
        """Close what was opened in the loop, unless the loop may be over, or this is its thread."""
        # A generator that nobody holds is closed where the garbage collector runs.
        if not (self._left or _loop.is_here() or is_over()):
            self.run(close)


def is_over() -> bool:
    """Say whether the program is at its end: the loop's thread stands still, as all daemons do.

    Generators that the program has left open are closed then. To wait would be for ever.
    """
    return sys.is_finalizing()


def check_may_wait() -> None:
    """Refuse to wait in the loop's own thread: what it waits for would never come.

    Raises:
        RuntimeError: this is that thread.
    """
    if _loop.is_here():
        raise RuntimeError(_WAITS)


class _Raised(NamedTuple):
    error: Exception


async def _tried(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Return what a call returns, or what it raised: in anyio, future and error hold each other."""
    try:
        value = function(*arguments)
        return await value if inspect.isawaitable(value) else value
    except Exception as error:  # noqa: BLE001 - it is raised where the call was made
        return _Raised(error)


async def _next(items: AsyncIterator[Any]) -> Any:
    return await anext(items, _END)
