"""Every operation's create, and every family's poll, through everything a network can do.

The tables are the specification: what happens to a request, and what becomes of its job. In
all of them the server keeps its own count of what has reached it.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from akool_async import (
    AccountError,
    APIError,
    AuthenticationError,
    CreateOutcomeUnknown,
    InsufficientCredit,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ResultExpired,
    Status,
    Timeout,
)
from akool_async.protocol.token import JobReference, write

if TYPE_CHECKING:
    from akool_async import Akool, Job
    from akool_async.clock import ManualClock
    from tests.clients import Connect
    from tests.faults.conftest import Documented, FaultServer, Scripted
    from tests.servers import Reaction, Visit

ENVELOPE = b'{"code":1000,"msg":"OK","data":{"_id":"65f8017f56559aa67f0ecde7","status":1}}'
PAGE = b"<html><body>Sorry</body></html>"
SOON = Timeout(total=1.0, connect=1.0)
"""Long enough for a busy machine to answer, and short enough to be waited for."""


def reply(status: int, body: bytes = PAGE, **fields: str) -> Reaction:
    """Answer with a status and a body."""
    return lambda visit: visit.answer(body, status, **fields)


def says(document: object, status: int = 200, **fields: str) -> Reaction:
    """Answer with JSON."""
    return lambda visit: visit.say(document, status, **fields)


def code(number: int, status: int = 200) -> Reaction:
    """Answer with an envelope that says no."""
    return says({"code": number, "msg": "no", "data": None}, status)


def moved(status: int) -> Reaction:
    """Redirect to another place on the same server."""
    return reply(status, b"", location="/elsewhere")


async def reset(visit: Visit) -> None:
    """Drop the connection."""
    visit.reset()


async def close(_visit: Visit) -> None:
    """End the connection politely: who serves it closes it."""


async def hang(visit: Visit) -> None:
    """Never answer."""
    await visit.hang()


async def cut_head(visit: Visit) -> None:
    """End in the middle of the headers."""
    await visit.send(b"HTTP/1.1 200 OK\r\nContent-Le")


async def cut_body(visit: Visit) -> None:
    """End in the middle of the body."""
    await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + ENVELOPE[:20])


async def cut_chunks(visit: Visit) -> None:
    """End before the last chunk."""
    await visit.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"cod\r\n')


async def reset_in_body(visit: Visit) -> None:
    """Drop the connection in the middle of the body."""
    await cut_body(visit)
    await asyncio.sleep(0.005)  # a reset takes back what has not been read
    visit.reset()


async def babble(visit: Visit) -> None:
    """Speak something else than HTTP."""
    await visit.send(b"\x16\x03\x01 this is no HTTP\r\n\r\n")


async def drip_head(visit: Visit) -> None:
    """Send headers that never end, a byte at a time."""
    await visit.drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1000, 0.02)


async def drip_body(visit: Visit) -> None:
    """Send a body that never ends, a byte at a time."""
    await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    await visit.drip(b" " * 1000, 0.02)


def _bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = [packer.compress(bytes(2**20)) for _ in range(megabytes)]
    return b"".join([*packed, packer.flush()])


BOMB = _bomb(12)
"""Twelve kilobytes that unpack to as many megabytes."""


class Row(NamedTuple):
    """One row of a table: a fault, and how much is read before it."""

    name: str
    act: Reaction
    stage: str = "BODY"


def rows(*table: Row) -> pytest.MarkDecorator:
    """Run a test for each row of a table."""
    return pytest.mark.parametrize("row", table, ids=[row.name for row in table])


BROKEN = (
    Row("reset after the head", reset, "HEAD"),
    Row("reset after the body", reset),
    Row("closed after the head", close, "HEAD"),
    Row("closed after the body", close),
    Row("headers cut", cut_head),
    Row("body cut", cut_body),
    Row("body reset", reset_in_body),
    Row("chunks cut", cut_chunks),
    Row("not HTTP", babble),
    Row("more announced than sent", reply(200, ENVELOPE, content_length="500")),
    Row("less announced than sent", reply(200, ENVELOPE, content_length="20")),
    Row("gzip bomb", reply(200, BOMB, content_encoding="gzip")),
    Row("broken gzip", reply(200, gzip.compress(ENVELOPE)[:-9], content_encoding="gzip")),
)
"""No whole HTTP answer."""

SLOW = (
    Row("hangs after the head", hang, "HEAD"),
    Row("hangs after the body", hang),
    Row("headers drip", drip_head),
    Row("body drips", drip_body),
)
"""No whole HTTP answer in time; all operations wait for it together."""

UNREADABLE = (
    Row("empty", reply(200, b"")),
    Row("HTML with 200", reply(200)),
    Row("HTML with 400", reply(400)),
    Row("cut JSON", reply(200, ENVELOPE[:30])),
    Row("malformed JSON", reply(200, b"{'code': 1000}")),
    Row("JSON, but no envelope", reply(200, b"[1000]")),
    Row("not UTF-8", reply(200, b'{"code":1000,"data":"\xff\xfe"}'[:24])),
    Row("a text for a code", says({"code": "fine", "data": {}})),
    Row("1000 and nothing", says({"code": 1000, "msg": "OK"})),
    Row("1000 and null", says({"code": 1000, "msg": "OK", "data": None})),
    Row("1000 and a text", says({"code": 1000, "msg": "OK", "data": "soon"})),
    *(Row(f"HTTP {n}", reply(n)) for n in (408, 425, 500, 502, 503, 504, 520)),
    *(Row(f"redirect {n}", moved(n)) for n in (301, 302, 303, 307, 308)),
    Row("429 and a damaged success", reply(429, ENVELOPE[:-1])),
    Row("503 and a damaged success", reply(503, ENVELOPE[:-1], retry_after="0")),
)
"""A whole HTTP answer that does not say what became of the request."""

NOT_FOUND = Row("HTML with 404", reply(404))
"""A page that refuses a create, and says nothing of a job to a look."""

NEW_CODES = (
    Row("a code that nobody knows", code(4711)),
    Row("500 and a code 500", code(500, 500)),
    Row("a code 200 and a job", says({"code": 200, "data": {"_id": "65f8017f56559aa67f0ecde7"}})),
)
"""Codes of no table: a job may run."""

AMISS = (
    Row("1000 and no id", says({"code": 1000, "data": {"status": 1, "faceswap_status": 1}})),
    Row("1000 and an empty id", says({"code": 1000, "data": {"_id": ""}})),
    Row("1000 and an id that is a path", says({"code": 1000, "data": {"_id": "../../x"}})),
)
"""Success that names no job."""

FOR_NOW = (
    Row("429", reply(429)),
    Row("429 with Retry-After", reply(429, retry_after="0")),
    Row("503 with Retry-After", reply(503, retry_after="0")),
    Row("1005", code(1005)),
    Row("1005 with HTTP 500", code(1005, 500)),
    Row("1215", code(1215)),
    Row("429 and a code that nobody knows", code(429, 429)),
)
"""Refused for its frequency: nothing was started."""


# A create


@rows(*BROKEN, *UNREADABLE, *AMISS, *NEW_CODES)
async def test_a_create_without_a_readable_answer_is_sent_once_and_told_unknown(
    row: Row, documented: Documented, scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(documented.answer, row)
    await unknown(documented, server, connect(server.url, timeout=5.0))


@rows(*SLOW)
async def test_a_create_without_an_answer_in_time_is_sent_once_and_told_unknown(
    row: Row, all_documented: Sequence[Documented], scripted: Scripted, connect: Connect
) -> None:
    servers = [await scripted(each.answer, row) for each in all_documented]
    clients = [connect(server.url, timeout=SOON) for server in servers]
    await asyncio.gather(*map(unknown, all_documented, servers, clients))


async def unknown(documented: Documented, server: FaultServer, client: Akool) -> None:
    """Create a job whose outcome stays unknown."""
    before = datetime.now(UTC)
    async with client as akool:
        with pytest.raises(CreateOutcomeUnknown) as caught:
            await akool.submit(documented.request)
    assert (server.creates, server.connections) == (1, 1)
    error = caught.value
    assert (error.name, error.request) == (documented.operation.name, documented.request)
    assert before <= error.sent_at <= datetime.now(UTC)


async def test_a_create_dropped_before_it_was_read_makes_one_job_at_most(
    documented: Documented, scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(documented.answer, Row("reset at once", reset, "CONNECTED"))
    async with connect(server.url) as akool:
        outcome = await asyncio.gather(akool.submit(documented.request), return_exceptions=True)
    # Some of it may have been on the way already, or nothing: only then is there a second try.
    unknown = isinstance(outcome[0], CreateOutcomeUnknown)
    assert server.creates == (0 if unknown else 1)


@rows(*FOR_NOW)
async def test_a_create_refused_for_now_is_sent_again_and_makes_one_job(
    row: Row, documented: Documented, scripted: Scripted, connect: Connect, clock: ManualClock
) -> None:
    server = await scripted(documented.answer, row)
    async with connect(server.url, clock=clock) as akool:
        job = akool.submit(documented.request)
        await hurry(clock, server, job)
        assert (await job).id == documented.id
    assert server.creates == 2


async def hurry(clock: ManualClock, server: FaultServer, job: Job[Any]) -> None:
    """Let the time that a slowed pace takes go by, until a job has ended."""
    for _ in range(10_000):
        if job.done():
            return
        if not server.tasks:
            await clock.advance(0.25)
        await asyncio.sleep(0.001)  # real sockets need real turns of the loop
    pytest.fail("the job did not end")


async def test_a_create_with_a_refused_token_is_sent_again_once_with_a_new_one(
    documented: Documented, scripted: Scripted, connect: Connect
) -> None:
    async def answer(visit: Visit) -> None:
        if visit.target.endswith("getToken"):
            await visit.say({"code": 1000, "token": f"token-{len(server.visits)}"})
        elif visit.headers["authorization"] == "Bearer token-1":
            await code(1101)(visit)
        else:
            await documented.answer(visit)

    server = await scripted(answer)
    async with connect(server.url, client_id="id", client_secret="s") as akool:
        assert (await akool.submit(documented.request)).id == documented.id
    creates = [visit for visit in server.visits if visit.target.endswith(documented.operation.path)]
    assert [visit.headers["authorization"] for visit in creates] == [
        "Bearer token-1",
        "Bearer token-3",
    ]


REFUSALS: Sequence[tuple[str, Reaction, type[APIError]]] = (
    ("1003", code(1003), InvalidRequest),
    ("1006", code(1006), InsufficientCredit),
    ("1009", code(1009), PermissionDenied),
    ("1101", code(1101), AuthenticationError),
    ("1102", code(1102), AuthenticationError),
    ("1104", code(1104), InsufficientCredit),
    ("1200", code(1200), AccountError),
    ("1205", code(1205), APIError),
    ("1009 with HTTP 502", code(1009, 502), PermissionDenied),
    ("HTTP 401", reply(401), AuthenticationError),
    ("HTTP 402", reply(402), AccountError),
    ("HTTP 403", reply(403), PermissionDenied),
    ("HTTP 404", NOT_FOUND.act, NotFound),
    ("HTTP 405", reply(405), InvalidRequest),
    ("HTTP 410", reply(410), NotFound),
    ("HTTP 413", reply(413), InvalidRequest),
    ("HTTP 415", reply(415), InvalidRequest),
    ("HTTP 451", reply(451), PermissionDenied),
)
"""Refused for good."""


@pytest.mark.parametrize(
    ("act", "kind"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
async def test_a_create_that_is_refused_ends_at_once(
    act: Reaction,
    kind: type[APIError],
    documented: Documented,
    scripted: Scripted,
    connect: Connect,
) -> None:
    server = await scripted(documented.answer, Row("refused", act))
    async with connect(server.url) as akool:
        with pytest.raises(kind) as caught:
            await akool.submit(documented.request)
    assert caught.value.endpoint == documented.operation.name
    assert server.creates == 1


async def test_a_readable_success_counts_whatever_http_says(
    documented: Documented, scripted: Scripted, connect: Connect
) -> None:
    for act in (
        says(documented.created, 500),
        says(documented.created, 404),
        says(documented.created, content_type="text/html"),
    ):
        server = await scripted(documented.answer, Row("accepted", act))
        async with connect(server.url) as akool:
            assert (await akool.submit(documented.request)).id == documented.id
        assert server.creates == 1


# A poll


def later(document: dict[str, Any], status: int) -> dict[str, Any]:
    """Return a reply with another status, wherever its family has it."""
    text = json.dumps(document)
    return dict(json.loads(re.sub(r'(status"): 3\b', rf"\1: {status}", text)))


@rows(*BROKEN, *UNREADABLE, NOT_FOUND, Row("reset at once", reset, "CONNECTED"))
async def test_a_wait_outlasts_an_answer_that_nobody_can_read(
    row: Row, of_each_family: Documented, scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(of_each_family.answer, None, row, row)
    await outlasted(of_each_family, server, connect(server.url, timeout=5.0))


@rows(*SLOW)
async def test_a_wait_outlasts_an_answer_that_does_not_come_in_time(
    row: Row, all_families: Sequence[Documented], scripted: Scripted, connect: Connect
) -> None:
    servers = [await scripted(each.answer, None, row, row) for each in all_families]
    clients = [connect(server.url, timeout=SOON) for server in servers]
    await asyncio.gather(*map(outlasted, all_families, servers, clients))


async def outlasted(documented: Documented, server: FaultServer, client: Akool) -> None:
    """Wait for a job whose first two looks come to nothing."""
    async with client as akool:
        result = await akool.submit(documented.request)
    assert (result.id, result.status) == (documented.id, Status.COMPLETED)
    assert (server.creates, server.connections) == (1, 4)


UNCLEAR = (
    *FOR_NOW,
    Row("1008", code(1008)),
    Row("1014", code(1014)),
    Row("404 and 1014", code(1014, 404)),
    Row("a processing error", code(1205)),
    Row("an unknown code", code(4711)),
    *(Row(f"HTTP {n}", reply(n)) for n in (401, 403, 413, 414, 415, 431)),
)
"""Answers that are not the end of a young job."""


@rows(*UNCLEAR)
async def test_a_wait_outlasts_an_answer_that_is_no_end(
    row: Row, of_each_family: Documented, scripted: Scripted, connect: Connect, clock: ManualClock
) -> None:
    server = await scripted(of_each_family.answer, None, row)
    async with connect(server.url, clock=clock) as akool:
        job = akool.submit(of_each_family.request)
        await hurry(clock, server, job)
        assert (await job).status is Status.COMPLETED
    assert (server.creates, server.polls) == (1, 2)


async def test_a_wait_outlasts_what_is_not_the_job_s_end(
    of_each_family: Documented, scripted: Scripted, connect: Connect
) -> None:
    job = of_each_family
    odd = (
        job.pending,
        later(job.completed, 0),
        later(job.completed, 7),
        {"code": 1000, "data": {"result": []}},
        {"code": 1000, "data": []},
        {"code": 1000, "data": {}},
        {**job.completed, "code": "1000", "msg": None, "data": later(job.completed, 2)["data"]},
    )
    script = [Row("odd", says(document, content_type="text/plain")) for document in odd]
    server = await scripted(job.answer, None, *script)
    async with connect(server.url) as akool:
        assert (await akool.submit(job.request)).status is Status.COMPLETED
    assert server.polls == len(odd) + 1


DEFINITE: Sequence[tuple[int, type[APIError]]] = (
    (1009, PermissionDenied),
    (1101, AuthenticationError),
    (1102, AuthenticationError),
    (1103, AccountError),
    (1200, AccountError),
)


@pytest.mark.parametrize(("number", "kind"), DEFINITE)
async def test_a_definite_refusal_ends_a_wait_at_once(
    number: int,
    kind: type[APIError],
    of_each_family: Documented,
    scripted: Scripted,
    connect: Connect,
) -> None:
    job = of_each_family
    server = await scripted(job.answer, None, Row("refused", code(number)))
    async with connect(server.url) as akool:
        with pytest.raises(kind) as caught:
            await akool.submit(job.request)
        assert caught.value.token is not None
        assert (await akool.job(caught.value.token)).status is Status.COMPLETED
    assert (server.creates, server.connections) == (1, 3)


@pytest.mark.parametrize("number", [1111, 1217])
async def test_a_wait_outlasts_webhooks_that_cannot_be_delivered(
    number: int, of_each_family: Documented, scripted: Scripted, connect: Connect
) -> None:
    job = of_each_family
    server = await scripted(job.answer, None, *[Row("no callback", code(number))] * 5)
    async with connect(server.url) as akool:
        assert (await akool.submit(job.request)).status is Status.COMPLETED
    assert (server.creates, server.polls) == (1, 6)


@pytest.mark.parametrize("number", [1008, 1014])
async def test_what_is_unknown_after_its_seven_days_has_expired(
    number: int, of_each_family: Documented, scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(code(number))
    kept = hasattr(of_each_family.operation.family.result, "lifetime")
    name, now = of_each_family.operation.name, int(datetime.now(UTC).timestamp())
    async with connect(server.url) as akool:
        for days, kind in ((6, NotFound), (8, ResultExpired if kept else NotFound)):
            created = now - days * 24 * 3600
            reference = JobReference(name=name, id=of_each_family.id, job_id=None, created=created)
            job = akool.job(write(reference))
            with pytest.raises((NotFound, ResultExpired)) as caught:
                await job
            assert type(caught.value) is kind
            assert caught.value.token == job.token
    assert server.polls == 2
