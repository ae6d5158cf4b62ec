"""Servers on loopback that do to each request, or connection, what a test says, and count."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TypeAlias

import pytest

from tests.creates import is_create


class Visit:
    """One request to a raw server, and the ways to answer it, or not to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.line = ""
        self.method = ""
        self.target = ""
        """Path and query exactly as they were sent."""
        self.headers: dict[str, str] = {}
        """Names in lower case."""
        self.header_names: list[str] = []
        """In lower case, with repetitions."""
        self.body = b""
        self._reader = reader
        self._writer = writer

    @property
    def is_create(self) -> bool:
        """Whether the request creates a job."""
        return is_create(self.method, self.target)

    async def read_head(self) -> None:
        """Read the request line and the headers."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.line, *fields = head.removesuffix("\r\n\r\n").split("\r\n")
        self.method, self.target, _ = self.line.split(" ")
        pairs = [field.partition(":") for field in fields]
        self.header_names = [name.strip().lower() for name, _, _ in pairs]
        self.headers = {name.strip().lower(): value.strip() for name, _, value in pairs}

    async def read_body(self) -> None:
        """Read what follows the headers."""
        self.body = await self._reader.readexactly(int(self.headers.get("content-length", "0")))

    async def answer(self, body: bytes = b"", status: int = 200, **fields: str) -> None:
        """Answer in full; underscores in field names stand for hyphens."""
        await self.send(head_of(status, {"content_length": str(len(body))} | fields) + body)

    async def say(self, document: object, status: int = 200, **fields: str) -> None:
        """Answer with JSON."""
        kind = {"content_type": "application/json"}
        await self.answer(json.dumps(document).encode(), status, **(kind | fields))

    async def send(self, data: bytes) -> None:
        """Send bytes that may be no whole answer."""
        self._writer.write(data)
        await self._writer.drain()

    async def drip(self, data: bytes, pause: float) -> None:
        """Send one byte after the other."""
        for byte in data:
            await self.send(bytes([byte]))
            await asyncio.sleep(pause)

    async def hang(self) -> None:
        """Never answer."""
        await asyncio.Event().wait()

    def reset(self) -> None:
        """Drop the connection without a goodbye."""
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def close(self) -> None:
        """Close the connection politely."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


def head_of(status: int, fields: dict[str, str]) -> bytes:
    """Return the beginning of an answer; underscores in field names stand for hyphens."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([f"HTTP/1.1 {status} Status", *lines, "", ""]).encode("latin-1")


Reaction: TypeAlias = Callable[[Visit], Awaitable[None]]
"""What a raw server does with a request."""


class RawServer:
    """An HTTP server that does to each request what a test says, faults included."""

    def __init__(self, reaction: Reaction) -> None:
        self.reaction = reaction
        self.visits: list[Visit] = []
        """Requests whose head was read."""
        self.connections = 0
        self.url = ""
        self.tasks: set[asyncio.Task[None]] = set()
        """One for each open connection."""
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self, port: int = 0) -> None:
        """Listen; on a free port if none is given."""
        self._server = await asyncio.start_server(self.accept, "127.0.0.1", port, backlog=1024)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Stop listening, and drop the open connections."""
        if self._server is not None:
            self._server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        # Else asyncio may log the error that ended a connection as never retrieved.
        closed = [writer.wait_closed() for writer in self._writers]
        await asyncio.gather(*closed, return_exceptions=True)

    @property
    def creates(self) -> int:
        """How many requests that create a job arrived."""
        return sum(visit.is_create for visit in self.visits)

    @property
    def polls(self) -> int:
        """How many other requests arrived."""
        return len(self.visits) - self.creates

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection."""
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._connected(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, OSError):
                await self._serve(reader, writer)
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            visit = Visit(reader, writer)
            await visit.read_head()
            await visit.read_body()
            self.visits.append(visit)
            await self.reaction(visit)


Serve: TypeAlias = Callable[[Reaction], Awaitable[RawServer]]
"""Start a raw server; it stops with the test."""


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start raw servers."""
    async with contextlib.AsyncExitStack() as running:

        async def start(reaction: Reaction) -> RawServer:
            server = RawServer(reaction)
            await server.start()
            running.push_async_callback(server.stop)
            return server

        yield start


@contextlib.contextmanager
def held_port() -> Iterator[int]:
    """Hold a port on which nobody listens, and that only a server given its number takes."""
    with socket.socket() as held:
        # As long as it is held, no other test is given the port when it asks for a free one.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
def refused_url() -> Iterator[str]:
    """Return an address at which nobody listens, and that only a server given its port takes."""
    with held_port() as port:
        yield f"http://127.0.0.1:{port}"
