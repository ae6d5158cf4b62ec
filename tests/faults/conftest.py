"""Servers with a script of faults, and operations with the replies that their pages print."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

import msgspec
import pytest

from akool_async.endpoints import OPERATIONS
from akool_async.protocol.endpoint import Operation
from akool_async.protocol.wire import HttpResponse
from tests.printed import rows_of
from tests.servers import RawServer, Reaction, Visit

FIXTURES = Path(__file__).parents[1] / "fixtures"


class FaultVisit(Visit):
    """A request on a connection that serves no other."""

    async def answer(self, body: bytes = b"", status: int = 200, **fields: str) -> None:
        """Answer in full, and say that the connection ends."""
        await super().answer(body, status, **({"connection": "close"} | fields))


class Fault(Protocol):
    """What happens to one connection instead of an answer."""

    @property
    def act(self) -> Reaction:
        """What to do."""
        ...

    @property
    def stage(self) -> str:
        """How much of the request is read before: nothing, "HEAD", or "BODY" too."""
        ...


class FaultServer(RawServer):
    """Runs a script, one entry per connection, then answers as its reaction does.

    It reads one request of a connection and then closes it. So the n-th fault meets the n-th
    request, and aiohttp's own second try on a used connection hides nothing.
    """

    def __init__(self, reaction: Reaction, script: Sequence[Fault | None]) -> None:
        super().__init__(reaction)
        self._script = iter(script)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = next(self._script, None)
        visit = FaultVisit(reader, writer)
        if fault is None or fault.stage in {"HEAD", "BODY"}:
            await visit.read_head()
            self.visits.append(visit)
        if fault is None or fault.stage == "BODY":
            await visit.read_body()
        await (self.reaction if fault is None else fault.act)(visit)


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
        return str(rows_of(self.created)[0]["_id"])

    async def answer(self, visit: Visit) -> None:
        """Create the job, and report it as completed when asked for it."""
        await visit.say(self.created if visit.is_create else self.completed)


@cache  # no test changes what it is given
def _documented(name: str) -> Documented:
    namespace, _, verb = name.partition(".")
    printed = json.loads((FIXTURES / namespace / f"{verb}.json").read_text(encoding="utf-8"))
    operation = OPERATIONS[name]
    body = printed["body"] | printed.get("stand_in", {})
    fields = {field: value for field, value in body.items() if value is not None}
    created = copy.deepcopy(printed["created"])
    # A speech may be finished when it is created; here each job is to be watched.
    rows_of(created)[0][_status_field(operation)] = 1
    request = operation.from_wire(fields)
    return Documented(operation, request, created, printed["pending"], printed["completed"])


def _status_field(operation: type[Operation[Any]]) -> str:
    fields = msgspec.structs.fields(operation.family.result)
    return next(field.encode_name for field in fields if field.name == "status")


def _create_of(name: str) -> object:
    """Return what tells the creates of two operations apart, as far as faults can tell them.

    What is written to the wire, and read from a reply, is tested for each of them elsewhere.
    """
    created, operation = _documented(name).created, OPERATIONS[name]
    alone = rows_of(created) == [created["data"]]
    return operation.family.batch > 1, operation.family.media, alone, type(operation.parse)


_ONE_OF_EACH_CREATE = {_create_of(name): name for name in reversed(OPERATIONS)}


@pytest.fixture(params=sorted(_ONE_OF_EACH_CREATE.values()))
def documented(request: pytest.FixtureRequest) -> Documented:
    """Return one operation of each kind of create in turn."""
    return _documented(request.param)


@pytest.fixture(scope="session")
def all_documented() -> Sequence[Documented]:
    """Return all operations."""
    return [_documented(name) for name in OPERATIONS]


def _is_watched(name: str) -> bool:
    """Say whether a job is polled at all: that of a live face swap is done at its receipt (N44)."""
    job = _documented(name)
    reply = HttpResponse(status=200, headers={}, body=json.dumps(job.created).encode())
    return not job.request.receive(reply).status.terminal


_ONE_OF_EACH_FAMILY = {
    cls.family.name: name for name, cls in reversed(OPERATIONS.items()) if _is_watched(name)
}


def _lookup_of(family: str) -> object:
    """Return what tells the lookups of two families apart, as far as faults can tell them."""
    job = _documented(_ONE_OF_EACH_FAMILY[family])
    lookup = job.operation.family.lookup([job.id])
    alone = rows_of(job.completed) == [job.completed["data"]]
    return lookup.method, "{" in lookup.path, alone, type(lookup.parse), job.operation.family.media


_ONE_OF_EACH_LOOKUP = {_lookup_of(family): family for family in reversed(_ONE_OF_EACH_FAMILY)}


@pytest.fixture(params=sorted(_ONE_OF_EACH_LOOKUP.values()))
def of_each_family(request: pytest.FixtureRequest) -> Documented:
    """Return one operation of each result family in turn, of families with lookups alike one."""
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
"""Start a server: `await scripted(reaction, *faults)`."""


@pytest.fixture
async def scripted() -> AsyncIterator[Scripted]:
    """Start scripted servers; they stop with the test."""
    servers: list[FaultServer] = []

    async def start(reaction: Reaction, *script: Fault | None, port: int = 0) -> FaultServer:
        server = FaultServer(reaction, script)
        await server.start(port)
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.stop()
