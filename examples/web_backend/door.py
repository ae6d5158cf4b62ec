"""What may come in, and the headers that go out: an ASGI app around the whole backend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PUBLIC: Final = ("/akool/", "/photos/")
"""Where the rest of the world may come: webhooks and photos, both under unguessable addresses."""

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "cf-connecting-ip")
"""A tunnel or a proxy adds one of these: such a request comes from elsewhere."""

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:;"
        " connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # the address of a photo is its password
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Door:
    """Lets the page's own requests in, and of all others only those to the public addresses.

    Whoever can open the page spends the account's credit. So the page answers on loopback only,
    also where a tunnel leads the world to this server. The name of the host is checked, so that
    no site that calls itself 127.0.0.1 in the DNS can read the page.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered = MutableHeaders(scope=message)
                answered.update(HEADERS)
                answered.setdefault("Cache-Control", "no-cache")  # a new server, a new page
            await send(message)

        headers = Headers(scope=scope)
        app = self._app
        if not scope["path"].startswith(PUBLIC) and not _is_own(headers):
            app = PlainTextResponse("not found\n", 404)
        elif scope["method"] not in {"GET", "HEAD"} and not _is_from_page(headers):
            app = PlainTextResponse("another site may not do that\n", 403)
        await app(scope, receive, with_headers)


def _is_own(headers: Headers) -> bool:
    host = headers.get("host", "").rpartition(":")
    name = host[0] if host[2].isdecimal() else "".join(host)
    return name in _LOOPBACK and not any(header in headers for header in _FORWARDED)


def _is_from_page(headers: Headers) -> bool:
    """Say whether a request that changes something is the page's own, or a program's."""
    origin = headers.get("origin")
    return origin is None or origin == f"http://{headers.get('host', '')}"
