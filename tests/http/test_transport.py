"""HTTP against real servers, most of which misbehave."""

from __future__ import annotations

import asyncio
import gzip
import math
import socket
import traceback
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import aiohttp
import pytest

from akool_async import Akool, ConnectFailed, InvalidInput, ReplyError, Timeout, TransportError
from akool_async.http.transport import LARGEST_REPLY, AiohttpTransport, Delivery
from akool_async.protocol.secret import Secret
from akool_async.protocol.wire import HttpRequest, HttpResponse
from tests.clocks import turns

if TYPE_CHECKING:
    from tests.clocks import LoopTime, Until
    from tests.servers import RawServer, Serve, Visit

GET = HttpRequest(method="GET", path="/api/open/x?_ids=a,b%20c")
POST = HttpRequest(method="POST", path="/api/open/x", body=b'{"a":1}')
HASTY = Timeout(total=0.2, connect=0.2)
CANARY = "canary-0123456789"

Attempt: TypeAlias = Callable[..., Awaitable[HttpResponse]]


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    own = AiohttpTransport(Timeout())
    yield own
    await own.close()


@pytest.fixture
async def hasty() -> AsyncIterator[AiohttpTransport]:
    own = AiohttpTransport(HASTY)
    yield own
    await own.close()


async def failure(
    transport: AiohttpTransport, url: str, request: HttpRequest = POST
) -> tuple[TransportError, bool]:
    """Send a request that fails; return the error, and whether it counts as sent."""
    delivery = Delivery()
    header = ("x-api-key", Secret(CANARY))
    with pytest.raises(TransportError) as caught:
        await transport.send(url, request, header, delivery)
    error = caught.value
    assert error.__context__ is None
    assert error.__cause__ is None
    report = traceback.TracebackException(
        type(error), error, error.__traceback__, capture_locals=True
    )
    assert CANARY not in "".join(report.format())
    return error, delivery.sent


async def waiting_for(server: RawServer, transport: AiohttpTransport) -> asyncio.Task[HttpResponse]:
    """Return a task that waits for the answer to a request."""
    waiting = asyncio.create_task(transport.send(server.url, GET, None, Delivery()))
    await turns()
    assert server.visits
    return waiting


# The road when it is clear


@pytest.mark.parametrize("request_", [GET, POST], ids=["GET", "POST"])
async def test_a_request_arrives_as_it_was_encoded(
    request_: HttpRequest, serve: Serve, transport: AiohttpTransport
) -> None:
    server = await serve(lambda visit: visit.answer(b"{}", 201, X_Odd_Name="Value"))
    delivery = Delivery()
    response = await transport.send(server.url, request_, ("x-api-key", "k"), delivery)
    (visit,) = server.visits
    assert (visit.method, visit.target) == (request_.method, request_.path)
    assert visit.body == (request_.body or b"")
    assert visit.headers["x-api-key"] == "k"
    assert visit.headers["accept"] == "application/json"
    assert visit.headers.get("content-type") == ("application/json" if request_.body else None)
    assert (response.status, response.body) == (201, b"{}")
    assert response.headers["x-odd-name"] == "Value"
    assert delivery.sent


async def test_an_unsigned_request_carries_no_credential(
    serve: Serve, transport: AiohttpTransport
) -> None:
    server = await serve(lambda visit: visit.answer())
    await transport.send(server.url, POST, None, Delivery())
    assert not {"x-api-key", "authorization", "cookie"} & server.visits[0].headers.keys()


async def test_cookies_are_not_kept(serve: Serve, transport: AiohttpTransport) -> None:
    server = await serve(lambda visit: visit.answer(set_cookie="session=1; Path=/"))
    url = server.url.replace("127.0.0.1", "localhost")  # no jar keeps cookies of bare addresses
    for _ in range(2):
        await transport.send(url, GET, None, Delivery())
    assert all("cookie" not in visit.headers for visit in server.visits)


async def test_a_connection_is_used_again(serve: Serve, transport: AiohttpTransport) -> None:
    server = await serve(lambda visit: visit.answer(b"{}"))
    for _ in range(3):
        await transport.send(server.url, POST, None, Delivery())
    assert (len(server.visits), server.connections) == (3, 1)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_compressed_reply_is_unpacked(
    coding: str, serve: Serve, transport: AiohttpTransport
) -> None:
    packed = gzip.compress(b"{}") if coding == "gzip" else zlib.compress(b"{}")
    server = await serve(lambda visit: visit.answer(packed, content_encoding=coding))
    assert (await transport.send(server.url, GET, None, Delivery())).body == b"{}"


# Nothing was sent


async def test_a_refused_connection_was_never_sent(
    refused_url: str, transport: AiohttpTransport
) -> None:
    error, sent = await failure(transport, refused_url)
    assert isinstance(error, ConnectFailed)
    assert not sent


async def test_a_connection_that_takes_too_long_was_never_sent(hasty: AiohttpTransport) -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)  # further connections wait for an accept() that never comes
        for each in (first, second):
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        error, sent = await failure(hasty, f"http://127.0.0.1:{full.getsockname()[1]}")
    assert isinstance(error, ConnectFailed)
    assert not sent


async def test_a_failed_handshake_was_never_sent(transport: AiohttpTransport) -> None:
    def answer_in_plain(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer_in_plain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    error, sent = await failure(transport, f"https://127.0.0.1:{port}")
    server.close()
    assert isinstance(error, ConnectFailed)
    assert not sent


@pytest.mark.parametrize("url", ["http://a..b", "http://[::1", "http://127.0.0.1:99999"])
async def test_an_impossible_address_was_never_sent(url: str, transport: AiohttpTransport) -> None:
    error, sent = await failure(transport, url)
    assert isinstance(error, ConnectFailed)
    assert not sent


async def test_a_header_cannot_smuggle_another(serve: Serve, transport: AiohttpTransport) -> None:
    server = await serve(lambda visit: visit.answer())
    with pytest.raises(TransportError):
        await transport.send(server.url, GET, ("x-api-key", "a\r\nx-evil: 1"), Delivery())
    assert server.visits == []


# It was sent, and no whole answer came


async def reset(visit: Visit) -> None:
    visit.reset()


async def close(visit: Visit) -> None:
    await visit.close()


async def cut(visit: Visit) -> None:
    await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + b"x" * 20)
    await visit.close()


async def cut_chunks(visit: Visit) -> None:
    await visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc")
    await visit.close()


async def cut_head(visit: Visit) -> None:
    await visit.send(b"HTTP/1.1 200 OK\r\nContent-Le")
    await visit.close()


async def babble(visit: Visit) -> None:
    await visit.send(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
    await visit.close()


async def bad_gzip(visit: Visit) -> None:
    await visit.answer(gzip.compress(b"{}")[:-4], content_encoding="gzip")


async def long_header(visit: Visit) -> None:
    await visit.answer(b"{}", x_long="y" * 100_000)


FAULTS = [reset, close, cut, cut_chunks, cut_head, babble, bad_gzip, long_header]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_a_broken_answer_counts_as_sent(
    fault: Callable[[Visit], Awaitable[None]], serve: Serve, transport: AiohttpTransport
) -> None:
    server = await serve(fault)
    error, sent = await failure(transport, server.url)
    assert not isinstance(error, ConnectFailed)
    assert sent
    assert len(server.visits) == 1


async def hang(visit: Visit) -> None:
    await visit.hang()


async def hang_in_the_body(visit: Visit) -> None:
    await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nabc")
    await visit.hang()


@pytest.mark.parametrize("fault", [hang, hang_in_the_body], ids=lambda fault: fault.__name__)
async def test_an_answer_that_does_not_come_runs_out_of_time(
    fault: Callable[[Visit], Awaitable[None]], serve: Serve, hasty: AiohttpTransport
) -> None:
    server = await serve(fault)
    error, sent = await failure(hasty, server.url)
    assert error.message == f"no answer from {server.url} within 0.2 seconds"
    assert not isinstance(error, ConnectFailed)
    assert sent


async def test_each_request_has_its_own_time_though_one_timer_watches_all(
    serve: Serve, hasty: AiohttpTransport, loop_time: LoopTime
) -> None:
    answer = asyncio.Event()

    async def answer_some(visit: Visit) -> None:
        if visit.method == "GET":
            await answer.wait()
            await visit.answer(b"{}")
        else:
            await visit.hang()

    server = await serve(answer_some)
    answered = asyncio.create_task(hasty.send(server.url, GET, None, Delivery()))
    lost = []
    for _ in range(3):
        lost.append(asyncio.create_task(failure(hasty, server.url)))
        await turns()
        await loop_time.advance(0.06)
    answer.set()
    assert (await answered).status == 200
    for number in range(4):  # each has 0.2 seconds, and they began at 0, 0.06 and 0.12
        assert sum(each.done() for each in lost) == number
        await loop_time.advance(0.06)
    await asyncio.gather(*lost)


async def test_who_is_cancelled_while_waiting_for_an_answer_is_cancelled_and_nothing_else(
    serve: Serve, hasty: AiohttpTransport
) -> None:
    server = await serve(hang)
    waiting = await waiting_for(server, hasty)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    async def given_up() -> int:
        with pytest.raises(TransportError):
            await hasty.send(server.url, GET, None, Delivery())
        task = asyncio.current_task()
        return -1 if task is None else task.cancelling()

    assert await asyncio.create_task(given_up()) == 0


async def test_a_cancellation_at_the_very_moment_when_time_runs_out_is_not_swallowed(
    serve: Serve, hasty: AiohttpTransport, loop_time: LoopTime
) -> None:
    server = await serve(hang)
    waiting = asyncio.create_task(hasty.send(server.url, GET, None, Delivery()))
    await turns()
    asyncio.get_running_loop().call_later(0.2, waiting.cancel)
    await loop_time.advance(0.3)  # so that both are due in one turn of the loop
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_command_is_not_repeated_on_a_connection_that_died(
    serve: Serve, transport: AiohttpTransport
) -> None:
    async def answer_once(visit: Visit) -> None:
        if len(server.visits) == 1:
            await visit.answer(b"{}")
        else:
            visit.reset()

    server = await serve(answer_once)
    await transport.send(server.url, POST, None, Delivery())
    _, sent = await failure(transport, server.url)
    assert sent
    assert (len(server.visits), server.connections) == (2, 1)


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("request_", [GET, POST], ids=["GET", "POST"])
async def test_a_redirect_is_handed_back_and_not_followed(
    status: int, request_: HttpRequest, serve: Serve, transport: AiohttpTransport
) -> None:
    other = await serve(lambda visit: visit.answer(b"{}"))
    server = await serve(lambda visit: visit.answer(b"", status, location=f"{other.url}/stolen"))
    header = ("x-api-key", CANARY)
    response = await transport.send(server.url, request_, header, Delivery())
    assert response.status == status
    assert (len(server.visits), len(other.visits)) == (1, 0)


async def test_a_create_that_is_redirected_reaches_nobody_else(serve: Serve) -> None:
    other = await serve(lambda visit: visit.answer(b'{"code":1000,"data":{"credit":1}}'))
    server = await serve(lambda visit: visit.answer(b"", 307, location=f"{other.url}/stolen"))
    async with Akool(CANARY, base_url=server.url) as akool:
        with pytest.raises(ReplyError) as caught:
            await akool.account.credit()
    assert caught.value.http_status == 307
    assert (len(server.visits), len(other.visits)) == (1, 0)


# Bounds


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_compressed_bomb_is_not_unpacked(
    coding: str, serve: Serve, transport: AiohttpTransport
) -> None:
    squeeze = zlib.compressobj(wbits=31 if coding == "gzip" else 15)
    megabytes = 128
    zeros = bytes(2**20)
    packed = b"".join(squeeze.compress(zeros) for _ in range(megabytes)) + squeeze.flush()
    server = await serve(lambda visit: visit.answer(packed, content_encoding=coding))
    tracemalloc.start()
    try:
        with pytest.raises(ReplyError, match="larger than"):
            await transport.send(server.url, GET, None, Delivery())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * LARGEST_REPLY < megabytes * 2**20


async def test_a_reply_is_read_up_to_the_bound_and_no_further(
    serve: Serve, transport: AiohttpTransport
) -> None:
    sizes = iter([LARGEST_REPLY, LARGEST_REPLY + 1])
    server = await serve(lambda visit: visit.answer(b" " * next(sizes)))
    assert len((await transport.send(server.url, GET, None, Delivery())).body) == LARGEST_REPLY
    with pytest.raises(ReplyError, match=str(LARGEST_REPLY)):
        await transport.send(server.url, GET, None, Delivery())


@pytest.mark.parametrize("field", ["total", "connect"])
@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf, None, "5", True])
def test_a_time_that_is_no_time_is_refused(field: str, seconds: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        Timeout(**{field: seconds})  # type: ignore[arg-type]
    assert caught.value.field == field


@pytest.mark.parametrize("seconds", [0, -1.0, math.nan, None, "5"])
def test_a_client_without_a_time_limit_is_refused(seconds: object) -> None:
    with pytest.raises(InvalidInput):
        Akool("k", timeout=seconds)  # type: ignore[arg-type]


# A session of the caller's


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as given:
        yield given


async def test_a_given_session_is_used_and_left_open(
    serve: Serve, session: aiohttp.ClientSession
) -> None:
    server = await serve(lambda visit: visit.answer(b"{}"))
    session.headers["User-Agent"] = "theirs"
    transport = AiohttpTransport(Timeout(), session)
    await transport.send(server.url, GET, None, Delivery())
    await transport.close()
    assert not session.closed
    assert server.visits[0].headers["user-agent"] == "theirs"


async def test_an_own_session_is_closed() -> None:
    transport = AiohttpTransport(Timeout())
    await transport.close()
    error, sent = await failure(transport, "http://127.0.0.1:9")
    assert isinstance(error, ConnectFailed)
    assert not sent


# The moment from which a request counts as sent


async def test_a_request_counts_as_sent_once_it_has_a_connection(
    serve: Serve, transport: AiohttpTransport, until: Until
) -> None:
    server = await serve(hang)
    delivery = Delivery()
    sending = asyncio.create_task(transport.send(server.url, POST, None, delivery))
    await asyncio.sleep(0)
    assert not delivery.sent
    await until(lambda: delivery.sent)
    sending.cancel()
    await asyncio.wait([sending])
    assert delivery.sent


async def connecting(
    server_url: str, transport: AiohttpTransport, delivery: Delivery
) -> asyncio.Task[HttpResponse]:
    """Return a request that has no connection yet."""
    sending = asyncio.create_task(transport.send(server_url, POST, None, delivery))
    await asyncio.sleep(0)
    assert not delivery.sent
    return sending


@pytest.mark.parametrize("turns", range(6))
async def test_a_request_that_is_cancelled_before_it_counts_as_sent_is_never_sent(
    turns: int, serve: Serve, transport: AiohttpTransport
) -> None:
    server = await serve(lambda visit: visit.answer(b"{}"))
    delivery = Delivery()
    sending = await connecting(server.url, transport, delivery)
    for _ in range(turns):
        await asyncio.sleep(0)
    if delivery.sent:
        pytest.skip("it has a connection already")
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await asyncio.sleep(0.05)
    assert not delivery.sent
    assert server.visits == []


async def test_a_request_that_is_held_back_before_it_has_a_connection_is_never_sent(
    serve: Serve, transport: AiohttpTransport
) -> None:
    server = await serve(lambda visit: visit.answer(b"{}"))
    delivery = Delivery()
    sending = await connecting(server.url, transport, delivery)
    delivery.held_for = ValueError("no credit")
    with pytest.raises(ConnectFailed):
        await sending
    await asyncio.sleep(0.05)
    assert not delivery.sent
    assert server.visits == []


async def test_a_request_whose_session_closes_before_it_has_a_connection_was_never_sent(
    serve: Serve, transport: AiohttpTransport
) -> None:
    server = await serve(lambda visit: visit.answer(b"{}"))
    delivery = Delivery()
    sending = await connecting(server.url, transport, delivery)
    await transport.close()
    with pytest.raises(ConnectFailed):
        await sending
    assert not delivery.sent
    assert server.visits == []


async def test_a_query_that_was_sent_counts_as_sent_though_its_repetition_finds_nobody(
    transport: AiohttpTransport,
) -> None:
    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await reader.readuntil(b"\r\n\r\n")
        server.close()
        writer.transport.abort()  # aiohttp repeats a GET on another connection: there is none

    server = await asyncio.start_server(answer_once, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    await transport.send(f"http://{host}:{port}", GET, None, Delivery())
    error, sent = await failure(transport, f"http://{host}:{port}", GET)
    assert error.message.startswith(f"no connection to http://{host}:{port} (")
    assert not isinstance(error, ConnectFailed)
    assert sent


# Replies that nobody asked for


@pytest.mark.parametrize("request_", [GET, POST], ids=["GET", "POST"])
@pytest.mark.parametrize("pause", [0.0, 0.02], ids=["unread", "read"])
async def test_a_reply_that_is_older_than_the_request_is_not_its_reply(
    request_: HttpRequest, pause: float, serve: Serve, transport: AiohttpTransport
) -> None:
    server = await serve(lambda visit: visit.answer(b"{}"))
    await transport.send(server.url, POST, None, Delivery())
    await server.visits[0].send(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{stray}")
    await asyncio.sleep(pause)
    error, sent = await failure(transport, server.url, request_)
    assert error.message == "the connection held a reply that is older than the request"
    assert sent  # aiohttp does not say whether it has written the request
    # The reply to that request may still come: nothing else uses its connection.
    assert (await transport.send(server.url, request_, None, Delivery())).body == b"{}"
    assert server.connections == 2


async def test_a_stray_reply_on_one_connection_leaves_requests_on_the_others_alone(
    serve: Serve, transport: AiohttpTransport, until: Until
) -> None:
    answer = asyncio.Event()

    async def answer_some(visit: Visit) -> None:
        if visit.target == GET.path:
            await answer.wait()
        await visit.answer(b"{}")

    server = await serve(answer_some)
    slow = asyncio.create_task(transport.send(server.url, GET, None, Delivery()))
    await until(lambda: server.visits)
    await transport.send(server.url, POST, None, Delivery())
    await server.visits[-1].send(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{stray}")
    await asyncio.sleep(0.02)
    await failure(transport, server.url, POST)
    answer.set()
    assert (await slow).body == b"{}"


async def test_a_large_body_arrives_whole(serve: Serve, transport: AiohttpTransport) -> None:
    server = await serve(lambda visit: visit.answer(b"{}"))
    large = HttpRequest(method="POST", path="/", body=bytes(range(256)) * 2**13)
    await transport.send(server.url, large, None, Delivery())
    assert server.visits[0].body == large.body
    assert server.visits[0].headers["content-length"] == str(2**21)
    assert server.visits[0].headers["content-type"] == "application/json"


async def test_a_request_does_not_wait_behind_a_body_that_nobody_reads(
    transport: AiohttpTransport,
) -> None:
    connections: list[asyncio.StreamWriter] = []

    async def refuse_by_the_head(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        connections.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}")

    server = await asyncio.start_server(refuse_by_the_head, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    large = HttpRequest(method="POST", path="/", body=b"x" * 2**24)
    for request in (large, POST):
        response = await transport.send(f"http://{host}:{port}", request, None, Delivery())
        assert response.status == 400
    assert len(connections) == 2
    await transport.close()
    for connection in connections:
        connection.transport.abort()
    server.close()
    await server.wait_closed()


async def test_begun_means_sent_on_a_session_that_cannot_tell(
    serve: Serve, session: aiohttp.ClientSession, until: Until
) -> None:
    server = await serve(hang)
    delivery = Delivery()
    with pytest.raises(TransportError) as caught:
        await AiohttpTransport(HASTY, session).send(server.url, POST, None, delivery)
    assert delivery.sent
    assert not isinstance(caught.value, ConnectFailed)
    await until(lambda: server.visits)


async def test_a_refused_connection_was_never_sent_on_any_session(
    refused_url: str, session: aiohttp.ClientSession
) -> None:
    error, sent = await failure(AiohttpTransport(Timeout(), session), refused_url)
    assert isinstance(error, ConnectFailed)
    assert not sent


async def test_a_session_that_was_closed_sends_nothing(session: aiohttp.ClientSession) -> None:
    transport = AiohttpTransport(Timeout(), session)
    await session.close()
    error, sent = await failure(transport, "http://127.0.0.1:9")
    assert isinstance(error, ConnectFailed)
    assert error.message == "the session is closed; nothing was sent"
    assert not sent


async def test_the_envelope_decides_even_where_a_session_raises_for_status(serve: Serve) -> None:
    body = b'{"code":1000,"data":{"credit":5}}'
    server = await serve(lambda visit: visit.answer(body, 500))
    async with (
        aiohttp.ClientSession(raise_for_status=True) as session,
        Akool("k", base_url=server.url, session=session) as akool,
    ):
        assert (await akool.account.credit()).credit == 5


@pytest.mark.parametrize(
    "settings",
    [
        lambda: {"headers": {"Authorization": "Bearer theirs"}},
        lambda: {"headers": {"X-API-KEY": "theirs"}},
        lambda: {"auth": aiohttp.BasicAuth("theirs", "theirs")},
    ],
    ids=["token", "api key", "user and password"],
)
@pytest.mark.filterwarnings("ignore:.*will be removed in:DeprecationWarning")
async def test_a_session_with_a_credential_of_its_own_is_refused(
    settings: Callable[[], dict[str, Any]],
) -> None:
    async with aiohttp.ClientSession(**settings()) as session:
        with pytest.raises(InvalidInput) as caught:
            AiohttpTransport(Timeout(), session)
    assert caught.value.field == "session"
    assert "theirs" not in str(caught.value)
