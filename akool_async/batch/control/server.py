"""The socket at which a run takes commands: JSON lines, one answer for each.

`{"do": "figures"}` answers with the figures; `{"do": "watch"}` with the figures of each second,
until the connection is closed; `{"do": "pause"}`, `resume` and `drain` do that; and
`{"do": "set", "concurrency": 50}` changes the number of places. An answer is
`{"ok": true, "figures": {...}}`, or `{"error": "a sentence"}`.

The socket is the run's own file, and only its owner may use it. Where there are no such sockets, or
the path is too long for one, the run listens on loopback instead, and a file at the same place
names the port and a token, which a client sends first: `{"token": "..."}`.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
import socket
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from akool_async.batch.figures.run_figures import RunFigures
from akool_async.observers import logger

LONGEST_PATH: Final = 100
"""Bytes of the longest path of a socket; systems allow 104 or 108."""
_LONGEST_LINE: Final = 64 * 1024
_SECOND: Final = 1.0


class Controlled(Protocol):
    """What can be controlled."""

    def figures(self) -> RunFigures:
        """Return the figures of this moment."""
        ...

    def pause(self) -> object:
        """Create nothing until `resume` is called."""
        ...

    def resume(self) -> object:
        """Create again."""
        ...

    def drain(self, why: str) -> object:
        """Create nothing more."""
        ...

    def set_concurrency(self, places: int) -> object:
        """Change the most jobs at Akool at once."""
        ...


@asynccontextmanager
async def controlled(run: Controlled, path: Path) -> AsyncGenerator[None, None]:
    """Listen for commands until the context ends. That it cannot listen stops no run.

    Args:
        run: What is controlled.
        path: Where the socket is made.
    """
    control = _Control(run, path)
    try:
        await control.start()
    except OSError as error:
        logger.warning("the run cannot be controlled from elsewhere: %s", error)
    try:
        yield
    finally:
        await control.stop()


class _Control:
    def __init__(self, run: Controlled, path: Path) -> None:
        self._run = run
        self._path = path
        self._token = ""
        self._server: asyncio.Server | None = None
        self._visits: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        with suppress(FileNotFoundError):
            self._path.unlink()  # of a process that was killed: the journal's lock is ours
        if has_sockets(self._path):
            made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            before = os.umask(0o177)  # the file is never there with a wider mode
            try:
                made.bind(os.fspath(self._path))
            except OSError:
                made.close()
                raise
            finally:
                os.umask(before)
            self._server = await asyncio.start_unix_server(
                self._visited, sock=made, limit=_LONGEST_LINE
            )
            return
        self._token = secrets.token_urlsafe(32)
        self._server = await asyncio.start_server(
            self._visited, "127.0.0.1", 0, limit=_LONGEST_LINE
        )
        port = self._server.sockets[0].getsockname()[1]
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode({"port": port, "token": self._token}))

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        self._stopping.set()
        for writer in self._visits.values():
            writer.close()  # a cancelled visit makes asyncio complain, before Python 3.12
        if self._visits:
            _, stuck = await asyncio.wait(list(self._visits), timeout=_SECOND)
            for visit in stuck:  # it takes no answers, as a stopped process does
                self._visits[visit].transport.abort()
            if stuck:
                await asyncio.wait(stuck)
        with suppress(OSError):
            self._path.unlink()

    async def _visited(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = asyncio.current_task()
        assert visit is not None
        self._visits[visit] = writer
        try:
            if not self._token or await self._knows_token(reader):
                await self._serve(reader, writer)
        except (OSError, ValueError):  # it has gone, or sends a line without an end
            pass
        finally:
            self._visits.pop(visit, None)
            writer.close()

    async def _knows_token(self, reader: asyncio.StreamReader) -> bool:
        given = _read(await reader.readline()).get("token")
        return isinstance(given, str) and hmac.compare_digest(
            given.encode(errors="replace"), self._token.encode()
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            asked = _read(line)
            if asked.get("do") == "watch":
                await self._watch(writer)
                return
            await _say(writer, self._answer(asked))

    async def _watch(self, writer: asyncio.StreamWriter) -> None:
        while not self._stopping.is_set():
            await _say(writer, {"figures": self._run.figures().to_dict()})
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _SECOND)

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        commands: dict[object, Callable[[], object]] = {
            "figures": lambda: None,
            "pause": self._run.pause,
            "resume": self._run.resume,
            "drain": lambda: self._run.drain("it was asked to drain"),
        }
        what = asked.get("do")
        if what == "set":
            places = asked.get("concurrency")
            if type(places) is not int or places < 1:
                return {"error": "concurrency must be a whole number, 1 or more"}
            self._run.set_concurrency(places)
        elif isinstance(what, str) and what in commands:
            commands[what]()
        else:
            known = ", ".join([*map(str, commands), "watch", "set"])
            return {"error": f"a command is a JSON object with `do`, one of {known}"}
        return {"ok": True, "figures": self._run.figures().to_dict()}


def has_sockets(path: Path) -> bool:
    """Say whether a run listens at a socket of its own at a path, and not on loopback."""
    short = len(os.fsencode(path.absolute())) <= LONGEST_PATH
    return sys.platform != "win32" and short


def _read(line: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}


async def _say(writer: asyncio.StreamWriter, document: dict[str, Any]) -> None:
    writer.write(msgspec.json.encode(document) + b"\n")
    await writer.drain()
