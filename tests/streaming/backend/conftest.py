"""A backend on loopback, through each of its adapters, and pages that talk to it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeAlias

import aiohttp
import pytest
import uvicorn
from aiohttp import web

from akool_async import Akool
from akool_async.clock import ManualClock
from akool_async.streaming.backend.rules import PageRequest
from tests.servers import Reaction, Serve, Visit

KEY = "canary-api-key-0123456789"
CREATE = "/api/open/v4/liveAvatar/session/create"
CLOSE = "/api/open/v4/liveAvatar/session/close"
RULES: dict[str, Any] = {"avatars": ("tristan", "ann"), "durations": (300, 600)}


class Vendor:
    """An Akool that opens sessions, and counts how often each is closed."""

    def __init__(self) -> None:
        self.url = ""
        self.creates: list[dict[str, Any]] = []
        """The bodies of all creates."""
        self.closes: Counter[str] = Counter()
        """By the session's id."""
        self.deaf = False
        """Whether a close gets no answer."""
        self.before_create: Callable[[], Awaitable[object]] | None = None
        self.refusal: dict[str, Any] | None = None
        """What a create is answered instead."""

    async def react(self, visit: Visit) -> None:
        """Answer a request."""
        if visit.target == CREATE:
            self.creates.append(json.loads(visit.body))
            number = len(self.creates)
            if self.before_create is not None:
                await self.before_create()
            await visit.say(self.refusal or {"code": 1000, "msg": "OK", "data": session(number)})
        elif visit.target == CLOSE:
            self.closes[json.loads(visit.body)["id"]] += 1
            if self.deaf:
                visit.reset()
                return
            await visit.say({"code": 1000, "msg": "OK"})
        else:
            await visit.say({"code": 1000, "msg": "OK", "data": session(1)})

    @property
    def open(self) -> int:
        """How many sessions were opened and not closed."""
        return len(self.creates) - len(self.closes)


def session(number: int) -> dict[str, Any]:
    """Return what Akool answers to a create."""
    return {
        "_id": f"6698c9d6{number:016x}",
        "uid": 100010,
        "type": 1,
        "status": 2,
        "stream_type": "agora",
        "credentials": {
            "agora_uid": 100000,
            "agora_app_id": "app",
            "agora_channel": f"channel-{number}",
            "agora_token": f"token-of-channel-{number}",
        },
    }


@pytest.fixture
async def vendor(serve: Serve) -> Vendor:
    """Run an Akool that counts."""
    made = Vendor()
    reaction: Reaction = made.react
    made.url = (await serve(reaction)).url
    return made


@pytest.fixture
async def akool(vendor: Vendor, clock: ManualClock) -> AsyncIterator[Akool]:
    """Open a client on the test's clock."""
    async with Akool(KEY, base_url=vendor.url, clock=clock, retry=None) as client:
        yield client


def by_cookie(request: PageRequest) -> str | None:
    """Name the user that the cookie `user` names."""
    return request.cookies.get("user")


class Backend:
    """A backend that is served."""

    def __init__(self, url: str, close: Callable[[], Coroutine[Any, Any, object]]) -> None:
        self.url = url
        """Its origin."""
        self.close = close
        """End all sessions, as the server does when it stops."""


async def serve_aiohttp(akool: Akool, rules: dict[str, Any], running: AsyncExitStack) -> Backend:
    """Serve the routes."""
    app = web.Application()
    routes = akool.streaming.aiohttp_routes(**rules)
    app.add_routes(routes)
    app.on_shutdown.append(routes.close)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    running.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return Backend(f"http://127.0.0.1:{runner.addresses[0][1]}", routes.close)


async def serve_asgi(akool: Akool, rules: dict[str, Any], running: AsyncExitStack) -> Backend:
    """Serve the app."""
    app = akool.streaming.asgi_app(**rules)
    return await serve_app(app, app.close, running)


async def serve_app(
    app: Any, close: Callable[[], Coroutine[Any, Any, object]], running: AsyncExitStack
) -> Backend:
    """Serve an app in which the backend is."""
    listening = socket.create_server(("127.0.0.1", 0))  # connections wait until the app is ready
    config = uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))

    async def stop() -> None:
        server.should_exit = True
        await task

    running.push_async_callback(stop)
    return Backend(f"http://127.0.0.1:{listening.getsockname()[1]}", close)


ADAPTERS = {"aiohttp": serve_aiohttp, "asgi": serve_asgi}

Open: TypeAlias = Callable[..., Awaitable[Backend]]
"""Serve a backend: `await open_backend(on_text=...)`."""


@pytest.fixture(params=ADAPTERS)
async def open_backend(request: pytest.FixtureRequest, akool: Akool) -> AsyncIterator[Open]:
    """Serve backends through one of the adapters."""
    async with AsyncExitStack() as running:

        async def opened(**rules: Any) -> Backend:
            given = {"authorize": by_cookie} | RULES | rules
            return await ADAPTERS[request.param](akool, given, running)

        yield opened


@pytest.fixture
async def backend(open_backend: Open) -> Backend:
    """Serve a backend with few rules."""
    return await open_backend()


class Socket:
    """A page's websocket."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self.raw = websocket
        self.code: int | None = None
        """The code with which it was closed."""

    async def tell(self, type: str, **fields: Any) -> None:
        """Send a text frame."""
        await self.raw.send_json({"type": type, **fields})

    async def hear(self, *, pings: bool = False) -> dict[str, Any] | bytes | None:
        """Return the next frame, pings left out; `None` once the websocket is closed."""
        while True:
            message = await self.raw.receive(timeout=20)
            if message.type is aiohttp.WSMsgType.BINARY:
                data: bytes = message.data
                return data
            if message.type is not aiohttp.WSMsgType.TEXT:
                self.code = self.raw.close_code
                return None
            frame: dict[str, Any] = json.loads(message.data)
            if pings or frame["type"] != "ping":
                return frame

    async def hear_of(self, type: str) -> dict[str, Any]:
        """Return the next frame of a type."""
        while True:
            frame = await self.hear()
            assert frame is not None, f"closed with {self.code}"
            if isinstance(frame, dict) and frame["type"] == type:
                return frame


class Browser:
    """A browser in which a user is signed in, on a page of an origin."""

    def __init__(
        self, http: aiohttp.ClientSession, url: str, user: str | None, origin: str
    ) -> None:
        self.http = http
        self.url = url
        self.sockets: list[aiohttp.ClientWebSocketResponse] = []
        self.headers = {"Origin": origin}
        if user is not None:
            self.headers["Cookie"] = f"user={user}"

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, dict[str, Any]]:
        """Send a request; return the status and the JSON."""
        headers = self.headers | more.pop("headers", {})
        async with self.http.request(method, self.url + path, headers=headers, **more) as answer:
            body = await answer.read()
            return answer.status, json.loads(body) if body else {}

    async def start(self, **wanted: Any) -> dict[str, Any]:
        """Start a session."""
        return await self.start_at("", **wanted)

    async def start_at(self, prefix: str, **wanted: Any) -> dict[str, Any]:
        """Start a session at a backend whose addresses have a prefix."""
        status, body = await self.ask("POST", prefix + "/sessions", json=wanted)
        assert status == 201, body
        return body

    async def connect(self, minted: dict[str, Any]) -> Socket:
        """Open the websocket of a session, and hear the first frame."""
        websocket = await self.http.ws_connect(
            self.url + minted["relay"],
            headers=self.headers,
            timeout=aiohttp.ClientWSTimeout(ws_close=0.5),
        )
        self.sockets.append(websocket)
        opened = Socket(websocket)
        first = await opened.hear()
        assert isinstance(first, dict)
        assert first["type"] == "session"
        return opened

    async def join(self, minted: dict[str, Any]) -> Socket:
        """Open the websocket of a session, and join its channel."""
        opened = await self.connect(minted)
        await opened.tell("joined")
        return opened


SignIn: TypeAlias = Callable[..., Browser]
"""Open a browser: `sign_in(backend)`, or `sign_in(backend, user, origin=...)`."""


@pytest.fixture
async def sign_in() -> AsyncIterator[SignIn]:
    """Open browsers."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        browsers: list[Browser] = []

        def opened(backend: Backend, user: str | None = "ann", *, origin: str = "") -> Browser:
            browsers.append(Browser(http, backend.url, user, origin or backend.url))
            return browsers[-1]

        yield opened
        for each in browsers:
            for websocket in each.sockets:
                await websocket.close()


@pytest.fixture
def browser(backend: Backend, sign_in: SignIn) -> Browser:
    """Open a browser in which Ann is signed in."""
    return sign_in(backend)
