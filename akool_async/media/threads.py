"""Blocking work on files, in threads, which a cancellation never leaves running unobserved."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio

T = TypeVar("T")

_MAX_WAITING = 2**20
"""Bytes that may wait to be written before `put` waits."""


async def run_to_completion(executor: Executor, call: Callable[[], T]) -> T:
    """Run a call in a thread, and wait until it has returned, even if cancelled meanwhile.

    A thread cannot be stopped. If the caller went on before the thread's end, both could work
    on one file.
    """
    running = _started(executor, call)
    await completed(running)
    return running.result()


class Here(Executor):
    """Runs each call at once, at the end of a program, when no thread starts any more."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run a call, and return its future."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as in a thread
            future.set_exception(error)
        return future


def _started(executor: Executor, call: Callable[[], T]) -> asyncio.Future[T]:
    """Start a call in a thread; return its future."""
    loop = asyncio.get_running_loop()
    try:
        return loop.run_in_executor(executor, call)
    except RuntimeError:  # there are no threads any more
        return loop.run_in_executor(Here(), call)


async def completed(running: asyncio.Future[T]) -> None:
    """Wait until a call or a task is over; only then raise a cancellation that came."""
    cancellation: asyncio.CancelledError | None = None
    # The scope holds back anyio's cancellation, the loop asyncio's: each call of `cancel()`
    # interrupts the wait once.
    with anyio.CancelScope(shield=True):
        while not running.done():
            try:
                await asyncio.wait({running})
            except asyncio.CancelledError as error:
                cancellation = error
    if cancellation is not None:
        if not running.cancelled():
            running.exception()  # retrieved, so that asyncio does not log it
        raise cancellation


class WriteBehind:
    """Writes in a thread while more is read, and joins what has come meanwhile to one write.

    Reading does not wait for the disk: when a connection breaks, aiohttp drops the bytes that
    it has received and that nobody has read. Leaving the context waits until all is written,
    and raises the error of writing, unless the download is being cancelled.
    """

    def __init__(self, executor: Executor, write: Callable[[bytes], None]) -> None:
        self._executor = executor
        self._write = write
        self._waiting: list[bytes] = []
        self._size = 0
        self._running: asyncio.Future[None] | None = None

    async def put(self, data: bytes) -> None:
        """Take bytes; wait only if too many wait already. Raises the error of writing."""
        self._waiting.append(data)
        self._size += len(data)
        if self._running is None or self._running.done() or self._size > _MAX_WAITING:
            await self._write_next()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            while self._running is not None or self._waiting:
                await self._write_next()
        except Exception:
            if not isinstance(exc, asyncio.CancelledError):
                raise

    async def _write_next(self) -> None:
        """Wait for the write that is running, and start the next."""
        running, self._running = self._running, None
        if running is not None:
            await completed(running)
            running.result()
        if self._waiting:
            data, self._waiting, self._size = b"".join(self._waiting), [], 0
            self._running = _started(self._executor, partial(self._write, data))
