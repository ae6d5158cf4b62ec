"""The two adapters as servers and frameworks use them: mounted, without extensions, and stopped."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import litestar
import pytest
from aiohttp import web
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

from akool_async import Akool
from akool_async.streaming.backend.asgi import BackendApp
from tests.streaming.backend.conftest import (
    KEY,
    RULES,
    Backend,
    Browser,
    Open,
    SignIn,
    Vendor,
    by_cookie,
    serve_app,
)


async def _talk(browser: Browser, prefix: str) -> None:
    minted = await browser.start_at(prefix)
    assert minted["relay"].startswith(f"{prefix}/sessions/")
    socket = await browser.join(minted)
    await socket.tell("say", text="Hello")
    assert isinstance(await socket.hear(), bytes)
    assert (await browser.ask("DELETE", f"{prefix}/sessions/{minted['ticket']}"))[0] == 204
    assert (await socket.hear_of("ended"))["reason"] == "ended by the page"


async def test_a_prefix_stands_before_all_addresses(open_backend: Open, sign_in: SignIn) -> None:
    browser = sign_in(await open_backend(prefix="/api/avatar"))
    await _talk(browser, "/api/avatar")
    async with browser.http.post(browser.url + "/sessions", headers=browser.headers) as answer:
        assert answer.status == 404


def _fastapi(app: BackendApp) -> Any:
    outer = FastAPI()
    outer.mount("/live", app)
    return outer


FRAMEWORKS: dict[str, Any] = {
    "starlette": lambda app: Starlette(routes=[Mount("/live", app=app)]),
    "fastapi": _fastapi,
    "litestar": lambda app: litestar.Litestar(
        [litestar.asgi("/live", is_mount=True, copy_scope=True)(app)], openapi_config=None
    ),
}


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_the_app_is_mounted_in_any_framework(
    akool: Akool, sign_in: SignIn, framework: str
) -> None:
    app = akool.streaming.asgi_app(authorize=by_cookie, **RULES)
    async with AsyncExitStack() as running:
        running.push_async_callback(app.close)
        backend = await serve_app(FRAMEWORKS[framework](app), app.close, running)
        await _talk(sign_in(backend), "/live")


async def test_the_routes_are_served_in_a_nested_app(akool: Akool, sign_in: SignIn) -> None:
    routes = akool.streaming.aiohttp_routes(authorize=by_cookie, **RULES)
    inner, outer = web.Application(), web.Application()
    inner.add_routes(routes)
    inner.on_shutdown.append(routes.close)
    outer.add_subapp("/live", inner)
    runner = web.AppRunner(outer, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        backend = Backend(f"http://127.0.0.1:{runner.addresses[0][1]}", routes.close)
        await _talk(sign_in(backend), "/live")
    finally:
        await runner.cleanup()


async def test_routes_that_nobody_closes_are_warned_of_once(
    akool: Akool, sign_in: SignIn, caplog: pytest.LogCaptureFixture
) -> None:
    routes = akool.streaming.aiohttp_routes(authorize=by_cookie, **RULES)
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        backend = Backend(f"http://127.0.0.1:{runner.addresses[0][1]}", routes.close)
        await sign_in(backend).start()
        await sign_in(backend).start()
        assert caplog.text.count("app.on_shutdown.append(routes.close)") == 1
    finally:
        await routes.close()
        await runner.cleanup()


async def test_an_address_without_sessions_is_none_of_the_apps(
    akool: Akool, sign_in: SignIn
) -> None:
    app = akool.streaming.asgi_app(authorize=by_cookie, **RULES)
    async with AsyncExitStack() as running:
        running.push_async_callback(app.close)
        browser = sign_in(await serve_app(app, app.close, running))
        ticket = (await browser.start())["ticket"]
        for method, path in (("DELETE", f"/{ticket}"), ("GET", f"/{ticket}/relay"), ("POST", "/")):
            assert (await browser.ask(method, path))[0] == 404


async def _spoken_to(app: BackendApp, scope: dict[str, Any]) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "websocket", "headers": [], **scope}, receive, send)
    return sent


async def test_a_server_that_cannot_answer_a_refused_websocket_closes_it(akool: Akool) -> None:
    app = akool.streaming.asgi_app(authorize=by_cookie, **RULES)
    scope = {"path": "/sessions/abc/relay"}
    assert await _spoken_to(app, scope) == [{"type": "websocket.close", "code": 1008}]
    extensions: dict[str, Any] = {"websocket.http.response": {}}
    start, body = await _spoken_to(app, scope | {"extensions": extensions})
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 403)
    assert body["type"] == "websocket.http.response.body"


SERVERS = {
    "aiohttp": """
from aiohttp import web
routes = akool.streaming.aiohttp_routes(**rules)
async def app():
    made = web.Application()
    made.add_routes(routes)
    made.on_shutdown.append(routes.close)
    return made
web.run_app(app(), host="127.0.0.1", port=port, print=None)
""",
    "asgi": """
import uvicorn
app = akool.streaming.asgi_app(**rules)
uvicorn.run(app, host="127.0.0.1", port=port, log_level="error")
""",
}
PREAMBLE = f"""
import sys
from akool_async import Akool
port = int(sys.argv[2])
akool = Akool({KEY!r}, base_url=sys.argv[1])
rules = dict(authorize=lambda r: r.cookies.get("user"), avatars=["tristan"], durations=[300])
"""


@pytest.mark.parametrize("server", SERVERS)
async def test_sigterm_closes_all_sessions_once_and_ends_the_process(
    server: str, vendor: Vendor, sign_in: SignIn, refused_url: str
) -> None:
    port = refused_url.rpartition(":")[2]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PREAMBLE + SERVERS[server], vendor.url, port
    )
    browsers = [sign_in(Backend(refused_url, process.wait), user) for user in ("ann", "bob")]
    while True:
        try:
            minted = await browsers[0].start()
        except aiohttp.ClientConnectionError:
            assert process.returncode is None
            await asyncio.sleep(0.02)
        else:
            break
    joined = await browsers[0].join(minted)
    await browsers[1].start()
    process.send_signal(signal.SIGTERM)
    while await joined.hear() is not None:
        pass
    await asyncio.wait_for(process.wait(), 15)
    assert len(vendor.creates) == 2
    assert sorted(vendor.closes.values()) == [1, 1]
