"""A server on loopback that does to each connection what a test says, and counts.

It speaks HTTP by hand: one request to a connection, so that the n-th fault meets the n-th
request, and so that aiohttp's own second try on a used connection hides nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import gc
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

import msgspec
import pytest

from akool_async import Akool, Backoff, Retry
from akool_async.clock import ManualClock
from akool_async.endpoints import OPERATIONS
from akool_async.protocol.endpoint import Operation
from tests.creates import is_create

FIXTURES = Path(__file__).parents[1] / "fixtures"


class Call:
    """One connection, and the request on it as far as it was read."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.method = ""
        self.target = ""
        self.headers: dict[str, str] = {}
        """Names in lower case."""
        self.body = b""

    @property
    def is_create(self) -> bool:
        """Whether the request creates a job."""
        return is_create(self.method, self.target)

    async def read_head(self) -> None:
        """Read the request line and the headers."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head.strip().split("\r\n")
        self.method, self.target, _ = line.split(" ")
        pairs = (field.partition(":") for field in fields)
        self.headers = {name.lower(): value.strip() for name, _, value in pairs}

    async def read_body(self) -> None:
        """Read what follows the headers."""
        self.body = await self.reader.readexactly(int(self.headers.get("content-length", "0")))

    async def send(self, data: bytes) -> None:
        """Send bytes that may be no whole answer."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, status: int, body: bytes, **fields: str) -> None:
        """Answer in full; underscores in names of fields stand for hyphens."""
        shown = {"content_length": str(len(body)), "connection": "close"} | fields
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in shown.items()]
        head = "\r\n".join([f"HTTP/1.1 {status} Status", *lines, "", ""])
        await self.send(head.encode("latin-1") + body)

    async def say(self, document: object, status: int = 200, **fields: str) -> None:
        """Answer with JSON."""
        kind = {"content_type": "application/json"}
        await self.answer(status, json.dumps(document).encode(), **(kind | fields))

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
        connection = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Act: TypeAlias = Callable[[Call], Awaitable[None]]


class Fault(Protocol):
    """What happens to one connection instead of an answer."""

    @property
    def act(self) -> Act:
        """What to do."""
        ...

    @property
    def stage(self) -> str:
        """How much of the request is read before: nothing, "HEAD", or "BODY" too."""
        ...


class FaultServer:
    """Runs a script, one entry per connection, then answers as its application does."""

    def __init__(self, application: Act, script: Sequence[Fault | None]) -> None:
        self.application = application
        self.script = list(script)
        self.calls: list[Call] = []
        """Requests whose head was read."""
        self.connections = 0
        self.url = ""
        self.open: set[asyncio.Task[None]] = set()
        """Connections that are being served."""
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> None:
        """Listen; on a free port if need be."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port, backlog=1024)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Stop listening, and drop who is still there."""
        assert self._server is not None
        self._server.close()
        for task in self.open:
            task.cancel()
        await asyncio.gather(*self.open, return_exceptions=True)

    @property
    def creates(self) -> int:
        """How many requests that create a job arrived."""
        return sum(call.is_create for call in self.calls)

    @property
    def polls(self) -> int:
        """How many other requests arrived."""
        return len(self.calls) - self.creates

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = self.script.pop(0) if self.script else None
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._serve(Call(reader, writer), fault))
        self.open.add(task)
        task.add_done_callback(self.open.discard)

    async def _serve(self, call: Call, fault: Fault | None) -> None:
        stage = "BODY" if fault is None else fault.stage
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, OSError):
                if stage in {"HEAD", "BODY"}:
                    await call.read_head()
                    self.calls.append(call)
                if stage == "BODY":
                    await call.read_body()
                await (self.application if fault is None else fault.act)(call)
        finally:
            call.writer.close()


class Documented(NamedTuple):
    """An operation with the request and the replies that its page prints."""

    operation: type[Operation[Any]]
    request: Operation[Any]
    created: dict[str, Any]
    pending: dict[str, Any]
    completed: dict[str, Any]

    def __repr__(self) -> str:
        return f"<{self.operation.name}>"

    @property
    def id(self) -> str:
        """The id of the printed job."""
        data = self.created["data"]
        row = data[0] if isinstance(data, list) else data
        return str(row["_id"])

    async def answer(self, call: Call) -> None:
        """Create the job, and report it as completed when asked for it."""
        await call.say(self.created if call.is_create else self.completed)


def _documented(name: str) -> Documented:
    namespace, _, verb = name.partition(".")
    printed = json.loads((FIXTURES / namespace / f"{verb}.json").read_text(encoding="utf-8"))
    operation = OPERATIONS[name]
    fields = {field: value for field, value in printed["body"].items() if value is not None}
    created = copy.deepcopy(printed["created"])
    data = created["data"]
    # A speech may be finished when it is created; here each job is to be watched.
    (data[0] if isinstance(data, list) else data)[_status_field(operation)] = 1
    request = operation.from_wire(fields)
    return Documented(operation, request, created, printed["pending"], printed["completed"])


def _status_field(operation: type[Operation[Any]]) -> str:
    fields = msgspec.structs.fields(operation.family.result)
    return next(field.encode_name for field in fields if field.name == "status")


@pytest.fixture(params=OPERATIONS)
def documented(request: pytest.FixtureRequest) -> Documented:
    """Return each operation in turn."""
    return _documented(request.param)


@pytest.fixture(scope="session")
def all_documented() -> Sequence[Documented]:
    """Return all operations."""
    return [_documented(name) for name in OPERATIONS]


_ONE_OF_EACH_FAMILY = {cls.family.name: name for name, cls in reversed(OPERATIONS.items())}


@pytest.fixture(params=sorted(_ONE_OF_EACH_FAMILY))
def of_each_family(request: pytest.FixtureRequest) -> Documented:
    """Return one operation of each result family in turn."""
    return _documented(_ONE_OF_EACH_FAMILY[request.param])


@pytest.fixture(scope="session")
def all_families() -> Sequence[Documented]:
    """Return one operation of each result family."""
    return [*map(_documented, _ONE_OF_EACH_FAMILY.values())]


@pytest.fixture
def speech() -> Documented:
    """Return an operation that is looked up one id at a time."""
    return _documented("audio.tts")


Scripted: TypeAlias = Callable[..., Awaitable[FaultServer]]
"""Start a server: `await scripted(application, *faults)`."""


@pytest.fixture
async def scripted() -> AsyncIterator[Scripted]:
    """Start scripted servers; they stop with the test."""
    servers: list[FaultServer] = []

    async def start(application: Act, *script: Fault | None, port: int = 0) -> FaultServer:
        server = FaultServer(application, script)
        await server.start(port)
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.stop()


Connect: TypeAlias = Callable[..., Akool]
"""Make a client: `connect(server.url, **settings)`."""


@pytest.fixture
def connect() -> Connect:
    """Return a maker of clients that look and repeat within milliseconds."""

    def connected(url: str, **settings: Any) -> Akool:
        given = {"api_key", "client_id", "token"} & settings.keys()
        credentials = () if given else ("the-key",)
        soon: dict[str, Any] = {
            "backoff": Backoff(initial=0.002, maximum=0.01),
            "retry": Retry(initial=0.002, throttled=0.002, maximum=0.005),
        }
        return Akool(*credentials, base_url=url, **(soon | settings))

    return connected


Elapse: TypeAlias = Callable[..., Awaitable[None]]
"""Let a manual clock run: `await elapse(clock, condition, step=1.0, most=1000)`."""


@pytest.fixture
def elapse() -> Elapse:
    """Return what moves a manual clock step by step until a condition holds."""

    async def elapsed(
        clock: ManualClock, condition: Callable[[], object], *, step: float = 0.5, most: int = 2000
    ) -> None:
        for _ in range(most):
            if condition():
                return
            await clock.advance(step)
            await asyncio.sleep(0.001)  # real sockets need real turns of the loop
        pytest.fail("time went by, and what was waited for did not happen")

    return elapsed


@pytest.fixture(autouse=True)
async def _nothing_is_left() -> AsyncIterator[None]:
    """Fail a test that leaves a task, or an error that nobody looked at."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, about: complaints.append(about))
    yield
    gc.collect()
    await asyncio.sleep(0)
    assert not asyncio.all_tasks() - {asyncio.current_task()}
    assert not complaints
