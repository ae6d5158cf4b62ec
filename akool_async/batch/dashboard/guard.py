"""Who may ask the dashboard for anything, and the headers of every answer.

The page shows prompts and results, and its buttons stop a run. Other users of the machine, and
other sites in the same browser, can reach its port. So each address begins with a token that nobody
can guess. The request has to name this machine as its host: a site whose DNS says 127.0.0.1 names
itself, and is refused. No other site may send or embed anything.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from aiohttp import web

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        " media-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # the token is in the address
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_HOSTS: Final = ("127.0.0.1", "localhost")
_OWN: Final = ("same-origin", "none")
"""Where a browser says that a request comes from: the page itself, or the address bar."""


class Guard:
    """Lets in who knows the token, and is no other site.

    Args:
        token: The first part of every path.
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self.port = 0
        """The port of the server, once it is known."""

    @web.middleware
    async def let_in(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Check a request before it is answered; a middleware of aiohttp."""
        self._check(request)
        return await handler(request)

    def _check(self, request: web.Request) -> None:
        """Check a request.

        Raises:
            web.HTTPException: it is refused.
        """
        hosts = [f"{name}:{self.port}" for name in _HOSTS]
        if request.headers.get("Host") not in hosts:
            raise web.HTTPMisdirectedRequest(text="this is no host of this page\n")
        # A wrong token looks like a wrong path: nobody learns that there is one.
        given = request.path.lstrip("/").partition("/")[0]
        if not hmac.compare_digest(given.encode(errors="replace"), self._token):
            raise web.HTTPNotFound(text="not found\n")
        origin = request.headers.get("Origin")
        own = origin in [f"http://{host}" for host in hosts]
        changes = request.method not in {"GET", "HEAD"}
        if (origin is not None or changes) and not own:
            raise web.HTTPForbidden(text="another site may not do that\n")
        if request.headers.get("Sec-Fetch-Site", "none") not in _OWN:
            raise web.HTTPForbidden(text="another site may not do that\n")


async def add_headers(_request: web.Request, answer: web.StreamResponse) -> None:
    """Add the headers of every answer, also of one that is streamed; a signal of aiohttp."""
    for name, value in HEADERS.items():
        answer.headers[name] = value
