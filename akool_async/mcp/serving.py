"""How a server is reached: by stdio, or by streamable HTTP on this machine with a token."""

from __future__ import annotations

import asyncio
import hmac
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final

import uvicorn
from mcp.server import Server
from mcp.server.stdio import stdio_server
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK: Final = "127.0.0.1"
PATH: Final = "/mcp"
_GRACE: Final = 2
"""Seconds that clients have to leave, once the server is stopped."""
_REPLIES: Final = 0.3
"""Seconds in which waits for jobs are answered before that."""
_LOOK: Final = 0.01
"""Seconds between two looks at whether uvicorn has started."""


async def serve_stdio(server: Server[Any], stop: asyncio.Event) -> bool:
    """Serve one client at standard input and output, until it leaves or `stop` is set.

    Returns whether the client left. If not, a thread still reads standard input: the process has
    to end without waiting for it.
    """
    leaving = asyncio.create_task(stop.wait())
    serving = asyncio.create_task(_serve_stdio(server))
    done, _ = await asyncio.wait({leaving, serving}, return_when=asyncio.FIRST_COMPLETED)
    leaving.cancel()
    if serving in done:
        await serving
    return serving in done


async def _serve_stdio(server: Server[Any]) -> None:
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


async def serve_http(
    server: Server[Any],
    port: int,
    token: str,
    stop: asyncio.Event,
    *,
    hearing: Callable[[asyncio.Event], AbstractContextManager[None]],
    started: Callable[[str], object],
) -> None:
    """Serve clients that know a token by streamable HTTP at 127.0.0.1, until `stop` is set.

    Requests of other hosts' pages (by Host or Origin) are refused.

    Args:
        server: The server.
        port: The port; 0 for a free one.
        token: What `Authorization: Bearer` has to hold.
        stop: Stops it.
        hearing: Lets signals set `stop`, meanwhile.
        started: Called with the address once it listens.

    Raises:
        OSError: the port cannot be listened on.
    """
    app = WithToken(server.streamable_http_app(streamable_http_path=PATH, host=LOOPBACK), token)
    config = uvicorn.Config(
        app,
        # It says on stderr, with a traceback, which clients were still there at the end.
        log_level="critical",
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=_GRACE,
    )
    with _listen(port) as listening:
        running = uvicorn.Server(config)
        serving = asyncio.create_task(running.serve(sockets=[listening]))
        while not (running.started or serving.done()):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(_LOOK)
        # Not before: uvicorn has taken the signals for itself, and ends replies under way at once.
        with hearing(stop):
            started(f"http://{LOOPBACK}:{listening.getsockname()[1]}{PATH}")
            await _until(stop, serving)
            await asyncio.sleep(_REPLIES)
            running.should_exit = True
            await serving


async def _until(stop: asyncio.Event, serving: asyncio.Task[None]) -> None:
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({stopping, serving}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()


def _listen(port: int) -> socket.socket:
    listening = socket.socket()
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((LOOPBACK, port))
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening


class WithToken:
    """Lets only requests with the token through to an app.

    Args:
        app: The app.
        token: The token.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 401."""
        if scope["type"] == "http":
            given = Headers(scope=scope).get("authorization", "")
            # It takes as long for a nearly right token as for a wrong one.
            if not hmac.compare_digest(given.encode("latin-1"), self._expected):
                headers = {"WWW-Authenticate": "Bearer"}
                answer = PlainTextResponse("the bearer token is missing or wrong", 401, headers)
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


__all__ = ["LOOPBACK", "PATH", "WithToken", "serve_http", "serve_stdio"]
