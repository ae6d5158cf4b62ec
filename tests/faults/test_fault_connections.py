"""Connections that are never made: nothing was sent, so it is sent again, and makes one job."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from akool_async import Akool, ConnectFailed, CreateOutcomeUnknown, InvalidInput, Retry, Timeout

if TYPE_CHECKING:
    from aioresponses import aioresponses

    from tests.clients import Connect
    from tests.clocks import Until
    from tests.faults.conftest import Documented, Scripted
    from tests.servers import Reaction, Visit

PATIENT = Retry(attempts=40, initial=0.02, maximum=0.02)
CREDIT = {"code": 1000, "data": {"credit": 5}}


class Plan(NamedTuple):
    """What happens to one connection, as the scripted server takes it."""

    act: Reaction
    stage: str = "BODY"


async def reset(visit: Visit) -> None:
    """Drop the connection."""
    visit.reset()


async def later(work: Callable[[], Awaitable[Any]], seconds: float = 0.1) -> Any:
    """Do something a moment from now."""
    await asyncio.sleep(seconds)
    return await work()


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


# Nobody there


async def test_a_create_finds_the_server_that_comes_back(
    documented: Documented, refused_url: str, scripted: Scripted, connect: Connect
) -> None:
    async with connect(refused_url, retry=PATIENT) as akool:
        job = akool.submit(documented.request)
        server = await later(lambda: scripted(documented.answer, port=port_of(refused_url)), 0.03)
        assert (await job).id == documented.id
        assert akool.stats.requests[documented.operation.name] > 1
    assert server.creates == 1


class Resolver(AbstractResolver):
    """Knows no name, the first times that it is asked."""

    ignorant = 3

    def __init__(self, **_settings: object) -> None:
        """Take what aiohttp gives to resolvers."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Fail, then return loopback."""
        assert family in {socket.AF_INET, socket.AF_UNSPEC}
        if Resolver.ignorant > 0:
            Resolver.ignorant -= 1
            raise OSError(socket.EAI_NONAME, "Name or service not known")
        found: ResolveResult = {
            "hostname": host,
            "host": "127.0.0.1",
            "port": port,
            "family": socket.AF_INET,
            "proto": 0,
            "flags": socket.AI_NUMERICHOST,
        }
        return [found]

    async def close(self) -> None:
        """Have nothing to close."""


async def test_a_create_outlasts_a_name_that_is_not_known_for_a_while(
    speech: Documented, scripted: Scripted, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aiohttp.connector, "DefaultResolver", Resolver)
    monkeypatch.setattr(Resolver, "ignorant", 3)
    server = await scripted(speech.answer)
    async with connect(server.url.replace("127.0.0.1", "localhost")) as akool:
        assert (await akool.submit(speech.request)).id == speech.id
        assert akool.stats.requests["audio.tts"] == 4
    assert server.creates == 1


@contextlib.contextmanager
def crowded() -> Iterator[socket.socket]:
    """Listen with so full a queue that further connections wait."""
    with contextlib.ExitStack() as opened:
        full = opened.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(2):
            guest = opened.enter_context(socket.socket())
            guest.setblocking(False)
            guest.connect_ex(full.getsockname())
        yield full


async def test_a_create_outlasts_connections_that_take_too_long(
    speech: Documented, connect: Connect, scripted: Scripted, until: Until
) -> None:
    server = await scripted(speech.answer)
    hasty = Timeout(total=5.0, connect=0.05)
    with crowded() as full:
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        async with connect(url, retry=PATIENT, timeout=hasty) as akool:
            job = akool.submit(speech.request)
            await until(lambda: akool.stats.requests.get("audio.tts", 0) >= 3)
            full.setblocking(False)
            full.listen(100)
            crowd = await asyncio.start_server(server.accept, sock=full)
            assert (await job).id == speech.id
            crowd.close()
    assert server.creates == 1


async def test_a_server_that_speaks_no_tls_gets_nothing(
    speech: Documented, scripted: Scripted, connect: Connect
) -> None:
    async def in_plain(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    server = await scripted(speech.answer, *[Plan(in_plain, "CONNECTED")] * 4)
    async with connect(server.url.replace("http:", "https:")) as akool:
        with pytest.raises(ConnectFailed) as caught:
            await akool.submit(speech.request)
    assert (caught.value.attempts, server.connections, server.visits) == (4, 4, [])


# Proxies


def forwarding(documented: Documented) -> Reaction:
    """Answer as a proxy that asks for a password, and then as the server behind it."""
    expected = "Basic " + base64.b64encode(b"me:p@ss").decode()

    async def answer(visit: Visit) -> None:
        assert visit.target.startswith("http://127.0.0.1:9/api/open/")
        if visit.headers.get("proxy-authorization") == expected:
            await documented.answer(visit)
        else:
            await visit.answer(b"", 407)

    return answer


async def test_a_create_goes_through_a_proxy_that_asks_for_a_password(
    speech: Documented, scripted: Scripted, connect: Connect
) -> None:
    proxy = await scripted(forwarding(speech))
    address = proxy.url.replace("http://", "http://me:p%40ss@")
    async with connect("http://127.0.0.1:9", proxy=address) as akool:
        assert (await akool.submit(speech.request)).id == speech.id
    assert proxy.creates == 1


async def test_a_create_finds_the_proxy_that_comes_back(
    speech: Documented, refused_url: str, scripted: Scripted, connect: Connect
) -> None:
    settings: dict[str, Any] = {"proxy": refused_url, "retry": PATIENT}
    async with connect("http://127.0.0.1:9", **settings) as akool:
        job = akool.submit(speech.request)
        proxy = await later(lambda: scripted(speech.answer, port=port_of(refused_url)))
        assert (await job).id == speech.id
    assert proxy.creates == 1


@pytest.mark.parametrize("status", [403, 407, 502])
async def test_a_tunnel_that_is_refused_lets_nothing_through(
    status: int, speech: Documented, scripted: Scripted, connect: Connect
) -> None:
    proxy = await scripted(lambda visit: visit.answer(b"", status))
    address = proxy.url.replace("http://", "http://me:pass@")
    async with connect("https://127.0.0.1:9", proxy=address) as akool:
        with pytest.raises(ConnectFailed):
            await akool.submit(speech.request)
    assert {visit.method for visit in proxy.visits} == {"CONNECT"}
    assert len(proxy.visits) == 4
    for visit in proxy.visits:
        assert visit.headers["proxy-authorization"].startswith("Basic ")
        assert not {"x-api-key", "authorization"} & visit.headers.keys()


async def test_a_reply_that_a_proxy_lost_leaves_a_create_unknown(
    speech: Documented, scripted: Scripted, connect: Connect
) -> None:
    proxy = await scripted(speech.answer, Plan(lambda visit: visit.answer(b"<html>", 502)))
    async with connect("http://127.0.0.1:9", proxy=proxy.url) as akool:
        with pytest.raises(CreateOutcomeUnknown):
            await akool.submit(speech.request)
    assert proxy.creates == 1


async def test_the_origin_never_sees_what_is_for_the_proxy(responses: aioresponses) -> None:
    responses.get("https://origin.example/api/open/v3/faceswap/quota/info", payload=CREDIT)
    address = "http://me:secret-word@proxy.example:3128"
    async with Akool("k", base_url="https://origin.example", proxy=address) as akool:
        await akool.account.credit()
    ((call,),) = responses.requests.values()
    assert str(call.kwargs["proxy"]) == "http://proxy.example:3128"
    assert set(call.kwargs["headers"]) == {"Accept", "Accept-Encoding", "x-api-key"}
    assert set(call.kwargs["proxy_headers"]) == {"Proxy-Authorization"}
    assert "secret" not in repr(call.kwargs)


@pytest.mark.parametrize(
    "address", ["", "me:secret@", "ftp://me:secret@host", "http://me:secret@host:nine"]
)
def test_an_address_that_no_proxy_has_is_refused_unseen(address: str, connect: Connect) -> None:
    with pytest.raises(InvalidInput) as caught:
        connect("http://127.0.0.1:9", proxy=address)
    assert caught.value.field == "proxy"
    assert "secret" not in f"{caught.value} {vars(caught.value)}"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Return what sets the variables that speak of proxies."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login them password theirs\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    def set_to(**variables: str) -> None:
        for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
            for spelled in (name, name.upper()):
                monkeypatch.delenv(spelled, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_to


async def test_the_environment_names_a_proxy_only_where_it_is_trusted(
    speech: Documented,
    scripted: Scripted,
    connect: Connect,
    environment: Callable[..., None],
) -> None:
    server, proxy = await scripted(speech.answer), await scripted(speech.answer)
    environment(HTTP_PROXY=proxy.url)
    async with connect(server.url) as akool:
        await akool.submit(speech.request)
    assert (server.creates, proxy.creates) == (1, 0)
    trusting = connect(server.url, trust_env=True)
    environment()  # it was read when the client was made
    async with trusting as akool:
        await akool.submit(speech.request)
    assert (server.creates, proxy.creates) == (1, 1)
    environment(HTTP_PROXY=proxy.url, NO_PROXY="127.0.0.1")
    async with connect(server.url, trust_env=True) as akool:
        await akool.submit(speech.request)
    assert (server.creates, proxy.creates) == (2, 1)
    for visit in (*server.visits, *proxy.visits):  # a .netrc file adds no second credential
        assert "authorization" not in visit.headers


# Sessions of the caller's carry no witness


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Make a session as a user would."""
    async with aiohttp.ClientSession() as theirs:
        yield theirs


async def test_on_a_session_from_outside_a_refused_connection_was_never_sent(
    speech: Documented,
    refused_url: str,
    session: aiohttp.ClientSession,
    scripted: Scripted,
    connect: Connect,
) -> None:
    async with connect(refused_url, retry=PATIENT, session=session) as akool:
        job = akool.submit(speech.request)
        server = await later(lambda: scripted(speech.answer, port=port_of(refused_url)))
        assert (await job).id == speech.id
    assert server.creates == 1


@pytest.mark.parametrize("stage", ["HEAD", "BODY"])
async def test_on_a_session_from_outside_all_else_was_sent(
    stage: str,
    speech: Documented,
    session: aiohttp.ClientSession,
    scripted: Scripted,
    connect: Connect,
) -> None:
    server = await scripted(speech.answer, Plan(reset, stage))
    async with connect(server.url, session=session) as akool:
        with pytest.raises(CreateOutcomeUnknown):
            await akool.submit(speech.request)
    assert server.creates == 1


async def test_on_a_session_from_outside_time_that_ran_out_while_connecting_is_no_proof(
    speech: Documented, session: aiohttp.ClientSession, connect: Connect
) -> None:
    with crowded() as full:
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        slow = Timeout(total=0.1, connect=5.0)
        async with connect(url, session=session, timeout=slow) as akool:
            with pytest.raises(CreateOutcomeUnknown):
                await akool.submit(speech.request)
        async with connect(url, timeout=slow, retry=Retry(attempts=1)) as akool:
            with pytest.raises(ConnectFailed):  # a session of ours does know
                await akool.submit(speech.request)


async def test_a_server_that_closes_idle_connections_meets_no_create_on_them(
    speech: Documented, serve: Any, connect: Connect
) -> None:
    async def answer_and_close(visit: Any) -> None:
        await visit.say(speech.created if visit.is_create else speech.completed)
        await visit.close()  # without having said so

    server = await serve(answer_and_close)
    async with connect(server.url) as akool:
        for _ in range(50):
            await akool.submit(speech.request)
            await asyncio.sleep(0.002)
    assert sum(visit.is_create for visit in server.visits) == 50


class KeptAlive:
    """A server that answers well, and holds the connections that it was asked on."""

    def __init__(self, documented: Documented) -> None:
        self.writers: list[asyncio.StreamWriter] = []
        """One for each request."""
        self._documented = documented

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until the connection ends."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(head.partition(b"content-length: ")[2][:3] or 0))
                self.writers.append(writer)
                writer.write(self.answer(self._documented.created | {"code": 1000}))
        writer.close()

    def answer(self, document: dict[str, Any]) -> bytes:
        """Return an answer as it goes over the wire."""
        body = json.dumps(document).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@pytest.fixture
async def kept_alive(speech: Documented) -> AsyncIterator[tuple[KeptAlive, str]]:
    """Run a server that keeps connections; return it and its address."""
    ended = {**speech.created["data"], "status": 3, "url": "https://cdn.example/a.mp3"}
    kept = KeptAlive(speech._replace(created={"code": 1000, "data": ended}))
    server = await asyncio.start_server(kept.serve, "127.0.0.1")
    yield kept, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    for writer in kept.writers:
        writer.close()
    await asyncio.sleep(0.01)


async def test_connections_are_kept_and_used_again(
    kept_alive: tuple[KeptAlive, str], speech: Documented, connect: Connect
) -> None:
    server, url = kept_alive
    async with connect(url) as akool:
        for _ in range(3):
            assert (await akool.submit(speech.request)).id == speech.id
    assert len(set(server.writers)) == 1


async def test_an_answer_that_nobody_asked_for_is_not_the_next_request_s(
    kept_alive: tuple[KeptAlive, str], speech: Documented, connect: Connect
) -> None:
    server, url = kept_alive
    stray = {"code": 1000, "data": {"_id": "f" * 24, "status": 3}}
    async with connect(url) as akool:
        for pause in (0.0, 0.02):  # the loop may have read it by then, or not
            await akool.submit(speech.request)
            server.writers[-1].write(server.answer(stray))
            await asyncio.sleep(pause)
            with pytest.raises(CreateOutcomeUnknown, match="older than the request"):
                await akool.submit(speech.request)  # aiohttp may have sent it
            assert (await akool.submit(speech.request)).id == speech.id


async def test_no_create_leaves_on_a_connection_that_has_ended(
    kept_alive: tuple[KeptAlive, str], speech: Documented, connect: Connect
) -> None:
    server, url = kept_alive
    async with connect(url) as akool:
        for _ in range(20):
            await akool.submit(speech.request)
            server.writers[-1].close()  # and the next is sent before the loop knows of it
    assert len(set(server.writers)) == 20
