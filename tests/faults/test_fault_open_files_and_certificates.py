"""Trouble of this machine is not blamed on the host; a refused certificate is tried once."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from akool_async import ConnectFailed, Retry
from akool_async.endpoints import TTS
from akool_async.http.failures import failure_of

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.clocks import Until
    from tests.servers import Serve

resource = pytest.importorskip("resource", reason="Windows has no such limit")

SPEECH: dict[str, Any] = {"input_text": "hi", "voice_id": "v"}


@contextmanager
def without_free_files() -> Iterator[None]:
    """Let this process open no file more."""
    gc.collect()  # what nobody holds any more closes its files now, and not meanwhile
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    probe = os.open(os.devnull, os.O_RDONLY)  # the lowest number that is free
    gaps = [probe]
    highest = max(int(each.name) for each in Path("/proc/self/fd").iterdir())
    while gaps[-1] < highest:
        gaps.append(os.open(os.devnull, os.O_RDONLY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (gaps[-1] + 1, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for each in gaps:
            os.close(each)


async def test_a_call_without_a_free_file_blames_this_machine_and_is_tried_again(
    serve: Serve, connect: Connect
) -> None:
    server = await serve(lambda visit: visit.say({"code": 1000, "data": {"credit": 5}}))
    async with connect(server.url) as akool:
        with without_free_files(), pytest.raises(ConnectFailed) as caught:
            await akool.account.credit()
        assert caught.value.cause == "machine"
        assert os.strerror(errno.EMFILE).lower() in str(caught.value)
        assert caught.value.attempts == Retry().throttled_attempts
        assert (await akool.account.credit()).credit == 5
    assert len(server.visits) == 1


async def test_a_name_that_cannot_be_looked_up_without_a_free_file_blames_this_machine(
    serve: Serve, connect: Connect
) -> None:
    server = await serve(lambda visit: visit.answer(b"{}"))
    async with connect(server.url.replace("127.0.0.1", "localhost")) as akool:
        with without_free_files(), pytest.raises(ConnectFailed) as caught:
            await akool.account.credit()
    assert caught.value.cause == "machine"


async def test_watched_jobs_go_on_as_soon_as_there_are_free_files_again(
    serve: Serve, connect: Connect, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "akool_async")
    ended: list[int] = []
    row = {"_id": "65f8017f56559aa67f0ecde7", "url": "https://media.example/a.mp3"}

    async def answer(visit: Any) -> None:
        document = {"code": 1000, "data": {**row, "status": 3 if ended else 1}}
        await visit.say(document, connection="close")

    server = await serve(answer)
    # A file that a closed connection frees goes to the client; then the server has none.
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    async with connect(server.url) as akool:
        job = await akool.submit(TTS(**SPEECH)).created()
        with without_free_files():
            before = akool.stats.retries
            for _ in range(200):  # many looks fail meanwhile
                await asyncio.sleep(0.001)
            assert not job.done()
            assert akool.stats.retries == before
        ended.append(1)
        asked = len(server.visits)
        await job
    # Had the host been blamed, its breaker would have let single probes pass, ever more seldom.
    assert len(server.visits) <= asked + 2
    assert not caplog.records


async def test_queued_creates_are_not_held_back_for_an_outage_of_the_host(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with connect(url) as akool:
            jobs = [akool.submit(TTS(**SPEECH)) for _ in range(60)]
            with without_free_files():
                for job in jobs:
                    with pytest.raises(ConnectFailed, match=f"(?i){os.strerror(errno.EMFILE)}"):
                        await job
    assert "creates get no answer" not in caplog.text


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (OSError(errno.EMFILE, "files"), "machine"),
        (OSError(errno.ENFILE, "files"), "machine"),
        (OSError(errno.ENOBUFS, "buffers"), "machine"),
        (OSError(errno.EADDRNOTAVAIL, "ports"), "machine"),
        (MemoryError(), "machine"),
        (RuntimeError("can't start new thread"), "machine"),
        (OSError(errno.ECONNREFUSED, "refused"), "host"),
        (OSError(errno.ENETUNREACH, "no network"), "host"),
        (aiohttp.ServerDisconnectedError(), "host"),
        (RuntimeError("cannot schedule new futures after interpreter shutdown"), "client"),
        (RuntimeError("Executor shutdown has been called"), "client"),
        (RuntimeError("Event loop is closed"), "client"),
        (RuntimeError("x is bound to a different event loop"), "client"),
        (RuntimeError("something of a middleware's"), "host"),
    ],
    ids=repr,
)
def test_an_exception_says_whose_trouble_it_is(error: Exception, cause: str) -> None:
    assert failure_of(error, sent=False).cause == cause


# Certificates

IDENTITY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgFzFB+rMLwHI7RysQ
12GHVcQbv6SdNbB0RFKcbDA5yjChRANCAATejUGKgvUV7AxtnkC+c/x58QIkmoj5
k1uugHChbxWniwvg4Y65xTnTmlLdWstPS5S84eZAEWT970ffdQo0yn7b
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBnDCCAUGgAwIBAgIUX/j7wT3MAChX0BZUNuBX8uboCqowCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyOTA1MzEyMFoYDzIxMjYxMTA1
MDUzMTIwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATejUGKgvUV7AxtnkC+c/x58QIkmoj5k1uugHChbxWniwvg4Y65xTnT
mlLdWstPS5S84eZAEWT970ffdQo0yn7bo28wbTAdBgNVHQ4EFgQUrosGW7prB2tj
nthHMYDfdLGViUwwHwYDVR0jBBgwFoAUrosGW7prB2tjnthHMYDfdLGViUwwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSQAwRgIhALI92zRie0dHZTyQ0tpFImalfFc/nM2vc91HUxeF3HMqAiEA
yOrstVdfKpFHgrBvTVCq/ebc6GwXONP3SreTi5iKQ0w=
-----END CERTIFICATE-----
"""
"""A key that opens nothing, with a certificate that nobody has signed."""


class TlsServer:
    """Counts the handshakes that reach it."""

    def __init__(self) -> None:
        self.url = ""
        self.handshakes = 0

    def note(self, *_: object) -> None:
        """Count a client's first message."""
        self.handshakes += 1


@pytest.fixture
async def tls(tmp_path: Path) -> AsyncIterator[TlsServer]:
    """Run a server whose certificate nobody trusts."""
    file = tmp_path / "identity.pem"
    file.write_text(IDENTITY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    noted = TlsServer()
    context.sni_callback = noted.note

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=context)
    noted.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # of the failed handshakes
    yield noted
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("whose", ["own", "the user's"])
async def test_a_certificate_that_is_refused_is_tried_once(
    whose: str, tls: TlsServer, connect: Connect
) -> None:
    async with aiohttp.ClientSession() as session:
        given = {} if whose == "own" else {"session": session}
        async with connect(tls.url, **given) as akool:
            for call in (akool.account.credit(), akool.audio.tts(**SPEECH)):
                with pytest.raises(ConnectFailed, match=r"is refused \(self") as caught:
                    await call
                assert (caught.value.attempts, caught.value.cause) == (1, "certificate")
    assert tls.handshakes == 2
