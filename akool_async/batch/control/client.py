"""Sends commands to a run in another process, over the socket that `server.py` serves."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec

from akool_async.batch.figures.run_figures import RunFigures
from akool_async.batch.folder import RunFolder

Command: TypeAlias = Literal["figures", "pause", "resume", "drain"]

_LONGEST_LINE: Final = 1024 * 1024
"""Bytes of the longest answer: the figures of a few thousand operations."""
_PATIENCE: Final = 10.0
"""Seconds to wait for an answer: a run that goes on answers in milliseconds."""


class NotRunning(Exception):
    """No process carries the run out."""

    def __str__(self) -> str:
        return "no process carries the run out"


class NotAnswering(NotRunning):
    """A process carries the run out, and does not answer: it may be stopped by a signal."""

    def __str__(self) -> str:
        return "the process that carries the run out does not answer"


class CommandRefused(Exception):
    """The run answered with a sentence that says what is wrong with a command."""


class RunCall:
    """A connection to a run that goes on; `calling` opens it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def do(self, command: Command) -> RunFigures:
        """Give a command, and return the figures after it.

        Raises:
            NotRunning: the run has ended meanwhile.
            NotAnswering: it does not answer for 10 seconds.
        """
        return await self._asked({"do": command})

    async def set_concurrency(self, places: int) -> RunFigures:
        """Change the most jobs at Akool at once, and return the figures after it.

        Args:
            places: 1 or more; jobs that are at Akool already stay.

        Raises:
            NotRunning: as for `do`.
            CommandRefused: the run takes no such number.
        """
        return await self._asked({"do": "set", "concurrency": places})

    async def watch(self) -> AsyncIterator[RunFigures]:
        """Yield the figures of each second, until the run has ended.

        Raises:
            NotAnswering: it goes on, and says nothing for 10 seconds.
        """
        await self._send({"do": "watch"})
        while True:
            try:
                yield await self._answer()
            except NotAnswering:
                raise
            except NotRunning:
                return

    async def send_token(self, token: str) -> None:
        """Say who calls, where the run listens at a port that every user can reach."""
        await self._send({"token": token})

    async def _asked(self, command: dict[str, Any]) -> RunFigures:
        await self._send(command)
        return await self._answer()

    async def _send(self, document: dict[str, Any]) -> None:
        try:
            self._writer.write(msgspec.json.encode(document) + b"\n")
            await self._writer.drain()
        except OSError:
            raise NotRunning from None

    async def _answer(self) -> RunFigures:
        try:
            async with asyncio.timeout(_PATIENCE):
                line = await self._reader.readline()
            answer = msgspec.json.decode(line, type=_Answer)
        except TimeoutError:
            raise NotAnswering from None
        except (OSError, ValueError):  # it has gone, is stuck, or is no run; also a torn line
            raise NotRunning from None
        if answer.error is not None:
            raise CommandRefused(answer.error)
        if answer.figures is None:
            raise NotRunning
        return answer.figures


class _Answer(msgspec.Struct):
    figures: RunFigures | None = None
    error: str | None = None


class _Place(msgspec.Struct):
    """Where a run listens that has no socket of its own."""

    port: int
    token: str


@asynccontextmanager
async def calling(folder: RunFolder) -> AsyncGenerator[RunCall, None]:
    """Connect to the process that carries a run out.

    Args:
        folder: The run's folder.

    Raises:
        NotRunning: there is no such process.
    """
    try:
        reader, writer, token = await _connected(folder.control)
    except (OSError, ValueError):  # no socket, nobody behind it, or a torn file
        raise NotRunning from None
    call = RunCall(reader, writer)
    try:
        if token:
            await call.send_token(token)
        yield call
    finally:
        writer.close()


def figures_now(folder: RunFolder) -> RunFigures | None:
    """Return the figures of the run that goes on in a folder; `None` if none can be asked. Blocks.

    It may be called where an event loop runs: it asks in a thread of its own.
    """

    async def asked() -> RunFigures | None:
        try:
            async with calling(folder) as call:
                return await call.do("figures")
        except (NotRunning, CommandRefused):
            return None

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, asked()).result()


async def _connected(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str]:
    place = _place_at(path)
    if place is None:
        return *await asyncio.open_unix_connection(_shortest(path), limit=_LONGEST_LINE), ""
    return *await asyncio.open_connection("127.0.0.1", place.port, limit=_LONGEST_LINE), place.token


def _place_at(path: Path) -> _Place | None:
    """Return where the run listens, or `None` if it does so at the path itself.

    What stands there tells, and not how long the path is: the run may know it by a longer one.
    """
    if stat.S_ISSOCK(path.stat().st_mode):
        return None
    return msgspec.json.decode(path.read_bytes(), type=_Place)


def _shortest(path: Path) -> str:
    """Return the shorter spelling of a path: the name of a socket has 104 bytes at most."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # on another drive
        return str(path)
    return min(relative, str(path), key=len)
