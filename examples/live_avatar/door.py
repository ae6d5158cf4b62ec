"""Who may ask, and the headers that go out: a middleware around the whole app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from aiohttp import web

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

AGORA: Final = ("*.agora.io", "*.sd-rtn.com", "*.rtnsvc.com", "*.rtesvc.com")
"""The hosts of Agora's channels: https://docs.agora.io/en/introduction/firewall, 2026-11-29."""

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "CF-Connecting-IP")
"""A tunnel or a proxy adds one of these: such a request comes from elsewhere."""

_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), display-capture=()",
}


def guard(app: web.Application, *, agora: bool) -> None:
    """Let in this machine's own requests only, and put the security headers on all answers.

    Whoever can open the page spends the account's credit. So it answers on loopback only, also
    where a tunnel leads the world to this server. The name of the host is checked, so that no site
    that calls itself 127.0.0.1 in the DNS can use the page.
    """
    headers = {"Content-Security-Policy": policy(agora=agora), **_HEADERS}

    async def write(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(headers)
        response.headers.setdefault("Cache-Control", "no-cache")  # a new server, a new page

    app.middlewares.append(_own_only)
    app.on_response_prepare.append(write)


def policy(*, agora: bool) -> str:
    """Return the content security policy: this server, and the carrier's hosts if it is Agora."""
    hosts = [f"{kind}://{host}:*" for host in AGORA for kind in ("https", "wss")] if agora else []
    parts = [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        " ".join(["connect-src 'self'", *hosts]),
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
    if agora:
        parts.append("worker-src 'self' blob:")  # AgoraRTC has its timers in a worker
    return "; ".join(parts)


@web.middleware
async def _own_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    if _is_own(request):
        return await handler(request)
    return web.Response(text="not found\n", status=404)


def _is_own(request: web.Request) -> bool:
    host = request.headers.get("Host", "").rpartition(":")
    name = host[0] if host[2].isdecimal() else "".join(host)
    return name in _LOOPBACK and not any(each in request.headers for each in _FORWARDED)
