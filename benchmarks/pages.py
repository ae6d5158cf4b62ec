"""Very many pages with a live avatar each, and the Akool that opens their sessions: one process.

    python -m benchmarks.pages

It prints the address of its Akool, then obeys the lines of its standard input, and answers each
with the number of pages that are connected. `open COUNT URL` opens sessions at a backend, connects
a page to each and lets it join; `talk SECONDS` lets each page pass on a caption each so many
seconds; `count` only counts. It ends when its standard input ends.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import resource
import sys
from collections.abc import Mapping
from typing import Any

import aiohttp
from aiohttp import web

from benchmarks.cores import pin

_PACE = 50
"""Pages that are opened at once."""


def session(number: int) -> Mapping[str, Any]:
    """Return what Akool answers to a create."""
    return {
        "_id": f"{number:024x}",
        "status": 2,
        "stream_type": "agora",
        "credentials": {
            "agora_uid": 100000,
            "agora_app_id": "app",
            "agora_channel": f"channel-{number}",
            "agora_token": "t" * 139,
        },
    }


def vendor() -> web.Application:
    """Return an Akool that knows sessions."""
    numbers = itertools.count(1)

    async def create(_request: web.Request) -> web.Response:
        return web.json_response({"code": 1000, "msg": "OK", "data": session(next(numbers))})

    async def detail(request: web.Request) -> web.Response:
        data = {**session(1), "_id": request.query["id"]}
        return web.json_response({"code": 1000, "msg": "OK", "data": data})

    async def close(_request: web.Request) -> web.Response:
        return web.json_response({"code": 1000, "msg": "OK"})

    app = web.Application()
    root = "/api/open/v4/liveAvatar/session"
    app.router.add_post(f"{root}/create", create)
    app.router.add_get(f"{root}/detail", detail)
    app.router.add_post(f"{root}/close", close)
    return app


class Pages:
    """Pages that answer pings."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http
        self._sockets: list[aiohttp.ClientWebSocketResponse] = []
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def connected(self) -> int:
        """How many pages are connected."""
        return sum(not each.closed for each in self._sockets)

    async def open(self, count: int, url: str) -> None:
        """Open pages, and wait until each has joined."""
        known = len(self._sockets)
        for first in range(known, known + count, _PACE):
            few = range(first, min(first + _PACE, known + count))
            await asyncio.gather(*(self._page(url, number) for number in few))

    async def _page(self, url: str, number: int) -> None:
        headers = {"Origin": url, "Cookie": f"user={number}"}
        async with self._http.post(f"{url}/sessions", headers=headers) as answer:
            minted = await answer.json()
        socket = await self._http.ws_connect(url + minted["relay"], headers=headers)
        await socket.send_str('{"type":"joined"}')
        self._sockets.append(socket)
        self._tasks.append(asyncio.create_task(self._answer(socket)))

    async def _answer(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT and message.data == '{"type":"ping"}':
                await socket.send_str('{"type":"pong"}')

    def talk(self, seconds: float) -> None:
        """Let each page pass on captions from now on."""
        self._tasks += [asyncio.create_task(self._talk(each, seconds)) for each in self._sockets]

    async def _talk(self, socket: aiohttp.ClientWebSocketResponse, seconds: float) -> None:
        for number in itertools.count():
            payload = {"text": "twelve words of an answer", "from": "bot"}
            message = {"v": 2, "type": "chat", "mid": f"m{number}", "idx": 0, "fin": True}
            await socket.send_bytes(json.dumps({**message, "pld": payload}).encode())
            await asyncio.sleep(seconds)


async def obey() -> None:
    """Serve the Akool, and obey."""
    runner = web.AppRunner(vendor(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar()
    ) as http:
        pages = Pages(http)
        while line := await asyncio.to_thread(sys.stdin.readline):
            match line.split():
                case ["open", count, url]:
                    await pages.open(int(count), url)
                case ["talk", seconds]:
                    pages.talk(float(seconds))
                case ["count"]:
                    pass
                case _:
                    raise ValueError(line)
            print(pages.connected, flush=True)


def allow_sockets() -> None:
    """Let this process have as many sockets as the system permits."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    allow_sockets()
    pin(1)
    asyncio.run(obey())
