"""The backend as an aiohttp app: the page's files, and the routes of `akool.streaming`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from aiohttp import web

from akool_async import Akool

from .door import guard

STATIC = Path(__file__).with_name("static")
SDK = "/vendor/AgoraRTC_N.js"
"""Where the page finds Agora's SDK, if there is one."""
Join: TypeAlias = Callable[..., Awaitable[str]]
"""The simulator's media peer: it takes an offer, and answers it; `ValueError` says why not."""


@dataclass(frozen=True)
class Deadlines:
    """Seconds after which the page gives up a step, and says so."""

    scripts: float = 20.0
    """Loading Agora's SDK from this server."""
    open: float = 30.0
    """Opening a session."""
    relay: float = 10.0
    """Connecting the websocket."""
    join: float = 15.0
    """Joining the channel."""
    picture: float = 20.0
    """Waiting for the avatar's picture."""
    send: float = 5.0
    """Sending a message into the channel."""
    microphone: float = 60.0
    """Waiting for a person's answer, and for the microphone."""
    end: float = 5.0
    """Waiting for the server's answer that the session is ended."""
    back: float = 15.0
    """Trying to get a lost websocket back: as long as the server waits for the page."""


@dataclass(frozen=True)
class Setup:
    """How the backend is run."""

    avatars: Mapping[str, str]
    """What people may choose: the name of each `avatar_id`. The first is the default."""
    durations: Sequence[int]
    """What people may choose: the most seconds of a session. The first is the default."""
    sdk: Path | None = None
    """The file AgoraRTC_N.js, which Agora gives out."""
    join: Join | None = None
    """The simulator's media peer, in the place of Agora: nothing is paid."""
    rules: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """More arguments of `akool.streaming.aiohttp_routes`, such as `on_text`."""
    deadlines: Deadlines = Deadlines()
    """What the page gives up after."""

    def for_page(self) -> dict[str, Any]:
        """Return what the page must know."""
        simulated = self.join is not None
        return {
            "carrier": "loopback" if simulated else "agora",
            "scripts": [] if simulated else [SDK],
            "avatars": [{"id": each, "name": name} for each, name in self.avatars.items()],
            "durations": list(self.durations),
            "deadlines": asdict(self.deadlines),
            "simulated": simulated,
        }


def authorize(_request: object) -> str:
    """Say who asks. The door lets in this machine only; put the check of your own login here."""
    return "this machine"


def build_app(akool: Akool, setup: Setup) -> web.Application:
    """Return the app. When it shuts down, it ends all sessions."""
    app = web.Application()
    guard(app, agora=setup.join is None)
    sessions = akool.streaming.aiohttp_routes(
        authorize=authorize,
        avatars=list(setup.avatars),
        durations=list(setup.durations),
        prefix="/api",
        **setup.rules,
    )
    app.add_routes(sessions)
    app.on_shutdown.append(sessions.close)
    app.add_routes([web.get("/", _page), web.static("/static", STATIC)])
    app.router.add_get("/settings.json", _settings_of(setup))
    if setup.sdk is not None:
        app.router.add_get(SDK, _file(setup.sdk))
    if setup.join is not None:
        app.router.add_post("/loopback/join", _joining(setup.join))
    return app


@asynccontextmanager
async def serving(app: web.Application, port: int = 0) -> AsyncGenerator[str]:
    """Serve the app on this machine's loopback; yield its address.

    Raises:
        OSError: the port cannot be listened on.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def _page(_request: web.Request) -> web.FileResponse:
    return web.FileResponse(STATIC / "index.html")


def _settings_of(setup: Setup) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def settings(_request: web.Request) -> web.Response:
        return web.json_response(setup.for_page())

    return settings


def _file(path: Path) -> Callable[[web.Request], Awaitable[web.FileResponse]]:
    async def file(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(path)

    return file


def _joining(join: Join) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def joining(request: web.Request) -> web.Response:
        try:
            offer = await request.json()
            wanted = {name: offer[name] for name in ("channel", "token", "uid", "sdp")}
            str.encode(wanted["sdp"])
        except (ValueError, KeyError, TypeError):
            return web.json_response({"message": "That is no offer."}, status=400)
        try:
            return web.json_response({"sdp": await join(**wanted)})
        except ValueError as refusal:
            return web.json_response({"message": str(refusal)}, status=403)

    return joining
