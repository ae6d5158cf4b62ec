"""Work on files, in threads, so that no cancellation loses track of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from types import TracebackType
from typing import Self, TypeVar

import anyio

T = TypeVar("T")

_ENOUGH = 2**20
"""Bytes that may wait to be written; with more of them, who brings them waits."""


async def to_its_end(executor: Executor, call: Callable[[], T]) -> T:
    """Run a call in a thread; cancelled meanwhile, wait until it has returned all the same."""
    running = asyncio.get_running_loop().run_in_executor(executor, call)
    await _settled(running)
    return running.result()


async def _settled(running: asyncio.Future[T]) -> None:
    """Wait until a call in a thread is over, and only then let a cancellation through."""
    cancellation: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not running.done():
            try:
                await asyncio.wait({running})
            except asyncio.CancelledError as error:
                cancellation = error
    if cancellation is not None:
        if not running.cancelled():
            running.exception()  # looked at: that it was cancelled is the news now
        raise cancellation


class WriteBehind:
    """Writes in a thread while more is being read, in as few calls as come of that.

    When a connection breaks, aiohttp forgets what it has received and not yet handed on; so
    reading does not wait for the disk. Leaving the context waits until all is written, and
    raises what writing raised, unless the download is being cancelled.
    """

    def __init__(self, executor: Executor, write: Callable[[bytes], None]) -> None:
        self._executor = executor
        self._write = write
        self._waiting: list[bytes] = []
        self._size = 0
        self._running: asyncio.Future[None] | None = None

    async def put(self, data: bytes) -> None:
        """Take bytes; wait only where too many wait already. Raises what writing raised."""
        self._waiting.append(data)
        self._size += len(data)
        if self._running is None or self._running.done() or self._size > _ENOUGH:
            await self._turn()

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
                await self._turn()
        except Exception:
            if not isinstance(exc, asyncio.CancelledError):
                raise

    async def _turn(self) -> None:
        """Wait for the write under way, and begin the next."""
        running, self._running = self._running, None
        if running is not None:
            await _settled(running)
            running.result()
        if self._waiting:
            data, self._waiting, self._size = b"".join(self._waiting), [], 0
            loop = asyncio.get_running_loop()
            self._running = loop.run_in_executor(self._executor, self._write, data)
