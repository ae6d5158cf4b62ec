"""What all tests share: a clean environment, servers on loopback, and one repaired mock."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import inspect
import json
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias

import aiohttp
import pytest
from aioresponses import aioresponses
from aioresponses import core as aioresponses_core
from hypothesis import settings

from akool_async import Akool, Backoff, Retry
from akool_async.clock import ManualClock
from akool_async.endpoints import ENDPOINTS
from akool_async.protocol.endpoint import Endpoint
from akool_async.simulator import Simulator
from tests.creates import is_create

pytest_plugins = ["pytester"]

# The same examples every time, and no limit in seconds: a busy machine is no failure.
settings.register_profile("akool", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("akool")


def _repair_aioresponses() -> None:
    """Give the responses that aioresponses builds the argument that aiohttp 3.14 asks for.

    https://github.com/pnuckowski/aioresponses/issues/289. Does nothing where aiohttp does
    not ask for it, and gives way where aioresponses passes it.
    """
    made: Callable[..., aiohttp.ClientResponse] = aiohttp.ClientResponse
    if "stream_writer" in inspect.signature(made).parameters:
        written = SimpleNamespace(output_size=0)
        repaired = functools.partial(made, stream_writer=written)
        setattr(aioresponses_core, "ClientResponse", repaired)  # noqa: B010 - not exported there


_repair_aioresponses()


@pytest.fixture(scope="module", autouse=True)
def _quick_collections() -> None:
    """Keep what is there before a file's tests out of the garbage collections they ask for."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the credentials of whoever runs the tests out of them."""
    for name in [name for name in os.environ if name.startswith("AKOOL_")]:
        monkeypatch.delenv(name)


@pytest.fixture
async def complaints() -> AsyncIterator[list[dict[str, Any]]]:
    """Collect what the loop complains of; fail a test that leaves any of it, or a task."""
    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: said.append(context))
    yield said
    gc.collect()
    await asyncio.sleep(0)
    assert not asyncio.all_tasks() - {asyncio.current_task()}
    assert not said


@pytest.fixture
def responses() -> Iterator[aioresponses]:
    """Answer aiohttp's requests without a network."""
    with aioresponses() as mock:
        yield mock


@pytest.fixture
def clock() -> ManualClock:
    """Stand still until told to move."""
    return ManualClock()


Connect: TypeAlias = Callable[..., Akool]
"""Make a client: `connect(simulator, **settings)`."""

Elapse: TypeAlias = Callable[..., Awaitable[None]]
"""Let a manual clock run: `await elapse(clock, condition, step=1.0, most=1000)`."""


@pytest.fixture
async def simulator(clock: ManualClock) -> AsyncIterator[Simulator]:
    """Run a simulated Akool on this test's clock; its lists are complete."""
    async with Simulator(clock=clock, omit_rate=0.0, instant_audio_rate=0.0) as running:
        yield running


@pytest.fixture
async def akool(simulator: Simulator, clock: ManualClock) -> AsyncIterator[Akool]:
    """Open a client of the simulated Akool, on the same clock."""
    async with Akool(api_key=simulator.api_key, base_url=simulator.url, clock=clock) as client:
        yield client


@pytest.fixture
async def quick_simulator(complaints: list[dict[str, Any]]) -> AsyncIterator[Simulator]:
    """Run a simulated Akool in real time, where jobs take some hundredths of a second."""
    async with Simulator(pace=0.03, omit_rate=0.0, instant_audio_rate=0.0) as simulator:
        yield simulator


@pytest.fixture
async def gate() -> AsyncIterator[asyncio.Event]:
    """Return what a simulated Akool can wait for before it answers; opens at the end."""
    opened = asyncio.Event()
    yield opened
    opened.set()


@pytest.fixture
def connect() -> Connect:
    """Return a maker of clients that look often and repeat soon."""

    def connected(simulator: Simulator, **settings: Any) -> Akool:
        soon: dict[str, Any] = {
            "backoff": Backoff(initial=0.01, maximum=0.05),
            "retry": Retry(initial=0.005, throttled=0.005, maximum=0.01),
        }
        return Akool(base_url=simulator.url, api_key=simulator.api_key, **(soon | settings))

    return connected


@pytest.fixture
def elapse() -> Elapse:
    """Return what advances a manual clock step by step until a condition comes true."""

    async def elapsed(
        clock: ManualClock, condition: Callable[[], object], *, step: float = 1.0, most: int = 1000
    ) -> None:
        for _ in range(most):
            if condition():
                return
            await clock.advance(step)
            # Real sockets need real turns of the loop before what was sent has arrived.
            await asyncio.sleep(0.001)
        pytest.fail("time went by, and what was waited for did not happen")

    return elapsed


FIXTURES = Path(__file__).parent / "fixtures"

Example: TypeAlias = Callable[[str], Endpoint[Any]]
"""Return the request that Akool's page prints for an endpoint."""


@pytest.fixture(scope="session")
def example() -> Example:
    """Build documented requests, so that a new endpoint is tested by its fixture."""

    def built(name: str) -> Endpoint[Any]:
        path = FIXTURES.joinpath(*name.split(".")).with_suffix(".json")
        printed = json.loads(path.read_text(encoding="utf-8"))
        if (body := printed.get("body")) is not None:
            return ENDPOINTS[name].from_wire(body | printed.get("stand_in", {}))
        # On the page, the numbers of a query are texts.
        query: dict[str, Any] = printed["query"]
        numbers = {key: int(text) for key, text in query.items() if text.isdecimal()}
        return ENDPOINTS[name].from_wire(query | numbers)

    return built


class Visit:
    """One request to a raw server, and the ways to answer it, or not to."""

    def __init__(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        self.line, *fields = head.decode("latin-1").split("\r\n")
        pairs = (field.partition(":") for field in fields if field)
        self.headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        """Names in lower case."""
        self.header_names = [field.partition(":")[0].strip().lower() for field in fields if field]
        """With repetitions."""
        self.body = body
        self._writer = writer

    @property
    def method(self) -> str:
        """The method of the request line."""
        return self.line.split(" ")[0]

    @property
    def target(self) -> str:
        """Path and query exactly as they were sent."""
        return self.line.split(" ")[1]

    @property
    def is_create(self) -> bool:
        """Whether the request creates a job."""
        return is_create(self.method, self.target)

    async def answer(self, body: bytes = b"", status: int = 200, **fields: str) -> None:
        """Answer in full; underscores in field names stand for hyphens."""
        await self.send(_head(status, {"content_length": str(len(body))} | fields) + body)

    async def send(self, data: bytes) -> None:
        """Send bytes that may be no whole answer."""
        self._writer.write(data)
        await self._writer.drain()

    async def hang(self) -> None:
        """Never answer."""
        await asyncio.Event().wait()

    def reset(self) -> None:
        """Drop the connection without a goodbye."""
        linger = struct.pack("ii", 1, 0)
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()

    async def close(self) -> None:
        """Close the connection politely."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


def _head(status: int, fields: dict[str, str]) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([f"HTTP/1.1 {status} Status", *lines, "", ""]).encode("latin-1")


Reaction: TypeAlias = Callable[[Visit], Awaitable[None]]
"""What a raw server does with a request."""


class RawServer:
    """An HTTP server that does to each request what a test says, faults included."""

    def __init__(self, reaction: Reaction) -> None:
        self.visits: list[Visit] = []
        self.connections = 0
        self.url = ""
        self._reaction = reaction
        self._server: asyncio.Server | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        """One for each connection."""

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Stop listening, and drop who is still there."""
        if self._server is not None:
            self._server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, OSError):
                while not writer.is_closing():
                    visit = await _read(reader, writer)
                    self.visits.append(visit)
                    await self._reaction(visit)
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Visit:
    head = await reader.readuntil(b"\r\n\r\n")
    visit = Visit(head, b"", writer)
    visit.body = await reader.readexactly(int(visit.headers.get("content-length", "0")))
    return visit


Serve: TypeAlias = Callable[[Reaction], Awaitable[RawServer]]
"""Start a raw server; it stops with the test."""


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start raw servers."""
    servers: list[RawServer] = []

    async def start(reaction: Reaction) -> RawServer:
        server = RawServer(reaction)
        await server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.stop()


@pytest.fixture
def refused_url() -> str:
    """Return an address at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


Until: TypeAlias = Callable[[Callable[[], object]], Awaitable[None]]
"""Let the event loop turn until a condition holds."""


@pytest.fixture
def until() -> Until:
    """Wait for what happens on real sockets, turn by turn and not for ever."""

    async def wait(condition: Callable[[], object]) -> None:
        for _ in range(10_000):
            if condition():
                return
            await asyncio.sleep(0.001)
        pytest.fail("it never came to pass")

    return wait


@pytest.fixture
def leftovers() -> Callable[[], set[asyncio.Task[Any]]]:
    """Return a function that lists the tasks begun since, and not ended."""
    before: set[asyncio.Task[Any]] = set()
    with contextlib.suppress(RuntimeError):
        before = asyncio.all_tasks()

    def since() -> set[asyncio.Task[Any]]:
        return asyncio.all_tasks() - before - {asyncio.current_task()}

    return since
