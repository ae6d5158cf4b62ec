"""The receivers, each served by a real server, alone and mounted in three frameworks."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import aiohttp
import litestar
import pytest
import uvicorn
from aiohttp import web
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

from akool_async import Akool
from akool_async.protocol.attempt import Attempt
from akool_async.protocol.snapshot import Status
from akool_async.receivers import answers
from akool_async.webhook import Event, WebhookCredentials, sign, signed
from akool_async.webhook.address import Addresses
from tests.servers import RawServer, Serve, Visit

CREDENTIALS = WebhookCredentials(
    client_id="my-client-id-AAAAAAAAA==", client_secret="canary-secret-0123456789-abcdefg"
)
HOOK = "https://hooks.example/akool"

Build: TypeAlias = Callable[[Akool], Any]


async def _serve_asgi(app: Any, running: AsyncExitStack) -> str:
    listening = socket.create_server(("127.0.0.1", 0))  # connections wait until the app is ready
    config = uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))

    async def stop() -> None:
        server.should_exit = True
        await task

    running.push_async_callback(stop)
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


async def _serve_aiohttp(akool: Akool, running: AsyncExitStack) -> str:
    app = web.Application()
    app.router.add_route("*", "/akool/{token:.*}", akool.webhooks.aiohttp_handler())
    runner = web.AppRunner(app, shutdown_timeout=0.1, lingering_time=0.0)
    await runner.setup()
    running.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


def _starlette(akool: Akool) -> Any:
    return Starlette(routes=[Mount("/akool", app=akool.webhooks.asgi_app())])


def _fastapi(akool: Akool) -> Any:
    app = FastAPI()
    app.mount("/akool", akool.webhooks.asgi_app())
    return app


def _litestar(akool: Akool) -> Any:
    return litestar.Litestar(
        [litestar.asgi("/akool", is_mount=True, copy_scope=True)(akool.webhooks.asgi_app())],
        openapi_config=None,
    )


def _alone(akool: Akool) -> Any:
    return akool.webhooks.asgi_app()


ASGI: dict[str, Build] = {
    "alone": _alone,
    "starlette": _starlette,
    "fastapi": _fastapi,
    "litestar": _litestar,
}


@asynccontextmanager
async def receiving(name: str, akool: Akool) -> AsyncIterator[str]:
    """Serve a client's receiver; yield its address."""
    async with AsyncExitStack() as running:
        if name == "aiohttp":
            base = await _serve_aiohttp(akool, running)
        else:
            base = await _serve_asgi(ASGI[name](akool), running)
        yield f"{base}/akool"


@pytest.fixture
async def vendor(serve: Serve) -> RawServer:
    """An API that is never asked anything here."""

    async def react(visit: Visit) -> None:
        await visit.say({"code": 1003, "msg": "no"})

    return await serve(react)


@pytest.fixture
async def akool(vendor: RawServer) -> AsyncIterator[Akool]:
    async with Akool(
        "key", base_url=vendor.url, webhook_url=HOOK, webhook_credentials=CREDENTIALS
    ) as client:
        yield client


@pytest.fixture(params=["aiohttp", *ASGI])
async def address(request: pytest.FixtureRequest, akool: Akool) -> AsyncIterator[str]:
    async with receiving(request.param, akool) as url:
        yield url


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def token_for(owner: bytes) -> str:
    return Addresses(HOOK, CREDENTIALS, owner).token(Attempt(1, 1))


@pytest.fixture
def token() -> str:
    return token_for(b"somebody")


def fresh() -> bytes:
    """Return the body of a webhook that is signed now."""
    return sign(Event(id="a" * 24, status=Status.COMPLETED, type="audio"), CREDENTIALS)


JSON = {"Content-Type": "application/json"}


async def post(
    http: aiohttp.ClientSession, url: str, body: Any = None, **headers: str
) -> tuple[int, bytes]:
    body = fresh() if body is None else body
    async with http.post(url, data=body, headers=JSON | headers) as answer:
        assert "Content-Encoding" not in answer.headers
        return answer.status, await answer.read()


async def test_a_webhook_is_answered_by_200_and_nothing(
    address: str, token: str, http: aiohttp.ClientSession, akool: Akool
) -> None:
    for path in (f"{address}/{token}", f"{address}/{token}/"):
        assert await post(http, path) == (200, b"")
    assert akool.stats.webhooks == {"foreign": 1, "repeated": 1}


async def test_a_body_that_is_no_webhook_is_refused_by_one_answer(
    address: str, token: str, http: aiohttp.ClientSession
) -> None:
    stale = sign(Event(id="1", status=Status.FAILED), CREDENTIALS, timestamp=5)
    others = WebhookCredentials(client_id="other", client_secret="0" * 32)
    foreign = sign(Event(id="1", status=Status.FAILED), others)
    answered = {await post(http, f"{address}/{token}", body) for body in (b"{}", stale, foreign)}
    assert answered == {(400, answers.REFUSED)}


async def test_an_address_without_a_valid_token_is_not_found(
    address: str, token: str, http: aiohttp.ClientSession
) -> None:
    for path in ("", "/", "/x", f"/{token[:-1]}", f"/{token}/x"):
        status, _ = await post(http, f"{address}{path}")
        assert status == 404


async def test_other_methods_and_kinds_are_refused(
    address: str, token: str, http: aiohttp.ClientSession
) -> None:
    url = f"{address}/{token}"
    async with http.get(url) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    zipped = gzip.compress(fresh())
    assert await post(http, url, zipped, **{"Content-Encoding": "gzip"}) == (415, answers.REFUSED)
    status, _ = await post(http, url, fresh(), **{"Content-Type": "text/xml"})
    assert status == 415


async def test_a_large_body_is_refused_while_it_is_read(
    address: str, token: str, http: aiohttp.ClientSession
) -> None:
    url = f"{address}/{token}"
    assert (await post(http, url, b" " * (signed.LARGEST + 1)))[0] == 413
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100 * 2**20:
            sent += 2**14
            yield b" " * 2**14

    try:
        status, _ = await post(http, url, endless())
    except aiohttp.ClientError:  # the server hangs up on the rest
        status = 413
    assert status == 413
    assert sent < 20 * 2**20


async def test_a_slow_body_is_not_waited_for(
    address: str, token: str, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("asgi", "aiohttp"):
        monkeypatch.setattr(f"akool_async.receivers.{module}.SLOWEST", 0.05)

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(5)
        yield b"}"

    status, _ = await post(http, f"{address}/{token}", slow())
    assert status == 408


async def test_a_body_that_comes_in_pieces_is_taken_in(
    address: str, token: str, http: aiohttp.ClientSession, akool: Akool
) -> None:
    body = fresh()

    async def pieces() -> AsyncIterator[bytes]:
        for place in range(0, len(body), 100):
            yield body[place : place + 100]
            await asyncio.sleep(0.01)

    assert await post(http, f"{address}/{token}", pieces()) == (200, b"")
    assert akool.stats.webhooks == {"foreign": 1}


async def test_a_sender_that_hangs_up_has_sent_no_webhook(
    address: str, token: str, http: aiohttp.ClientSession, akool: Akool
) -> None:
    parts = urlsplit(f"{address}/{token}")
    _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = f"POST {parts.path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: 400\r\n\r\n{{".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert await post(http, f"{address}/{token}") == (200, b""), "it serves the next"
    assert akool.stats.webhooks == {"foreign": 1}


async def test_a_connection_that_is_no_request_is_an_error_of_the_mount(akool: Akool) -> None:
    async def unused(*_: Any) -> Any:
        raise AssertionError

    with pytest.raises(RuntimeError, match="'websocket'"):
        await akool.webhooks.asgi_app()({"type": "websocket"}, unused, unused)


@pytest.mark.parametrize("name", ["aiohttp", "alone"])
async def test_a_closed_client_lets_the_event_come_again(
    name: str, akool: Akool, token: str, http: aiohttp.ClientSession
) -> None:
    async with receiving(name, akool) as url:
        await akool.close()
        assert (await post(http, f"{url}/{token}"))[0] == 503


async def test_an_event_of_another_worker_is_offered_after_the_answer(
    akool: Akool, http: aiohttp.ClientSession
) -> None:
    offered: list[tuple[bytes, str]] = []
    body = fresh()
    gate, done = asyncio.Event(), asyncio.Event()

    async def on_foreign(event: bytes, token: str) -> None:
        await gate.wait()
        offered.append((event, token))
        done.set()

    foreign = token_for(b"somebody")
    async with AsyncExitStack() as running:
        url = await _serve_asgi(akool.webhooks.asgi_app(on_foreign=on_foreign), running)
        assert await post(http, f"{url}/{foreign}", body) == (200, b"")
        assert not offered
        gate.set()
        await done.wait()
        assert offered == [(body, foreign)]


async def test_without_addresses_of_its_own_a_client_needs_no_token(
    vendor: RawServer, http: aiohttp.ClientSession
) -> None:
    async with (
        Akool("key", base_url=vendor.url, webhook_credentials=CREDENTIALS) as akool,
        receiving("aiohttp", akool) as url,
    ):
        assert await post(http, f"{url}/anything") == (200, b"")
