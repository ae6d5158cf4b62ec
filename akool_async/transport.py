"""The one module that speaks HTTP for API calls, through aiohttp.

It follows no redirect (aiohttp keeps `x-api-key` across origins, and posts again on
307), bounds every body, and lets none of aiohttp's exceptions out: their repr shows
request headers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Protocol

import aiohttp
import yarl

from akool_async.errors import (
    AkoolError,
    ConnectFailed,
    InvalidInput,
    ReplyError,
    TransportError,
)
from akool_async.proxy import Proxy
from akool_async.value import Input
from akool_async.wire import HttpRequest, HttpResponse

LARGEST_REPLY = 8 * 2**20
"""Bytes of a reply after decompression; a larger one is not read on."""

_KEEP_ALIVE = 4.0
"""Seconds that an idle connection is kept. A create on one that the server is just closing has
an unknown outcome, and common servers close after 5 seconds."""

_NEVER_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientProxyConnectionError,
    aiohttp.InvalidURL,
)


class Timeout(Input):
    """How long one HTTP request may take, in seconds."""

    total: float = 60.0
    """From the first byte out to the last byte in, waiting for a connection included."""
    connect: float = 10.0
    """For the connection alone."""

    def check(self) -> None:
        """Refuse times that are over before they begin."""
        for name in ("total", "connect"):
            if not 0 < getattr(self, name) < math.inf:
                raise self.refuse(name, "must be more than 0 seconds, and finite")


class Delivery:
    """What is known of a request on its way."""

    __slots__ = ("held_for", "last", "sent", "sent_at")

    def __init__(self) -> None:
        self.sent = False
        """Whether any of it may have reached the server."""
        self.sent_at: datetime | None = None
        """When it was last handed to the transport, in UTC."""
        self.last = False
        """Whether there shall be no other try after this one."""
        self.held_for: Exception | None = None
        """Why it shall not leave any more, if so."""


class Transport(Protocol):
    """What exchanges an HTTP request for a response."""

    async def send(
        self, base: str, request: HttpRequest, header: tuple[str, str] | None, delivery: Delivery
    ) -> HttpResponse:
        """Send a request and read the response whole.

        Raises:
            ConnectFailed: nothing was sent.
            TransportError: it was sent, and no whole response came.
        """
        ...

    async def close(self) -> None:
        """Let go of all connections."""


class AiohttpTransport:
    """A transport with a session of its own, or with the caller's, which it never closes.

    Args:
        timeout: How long a request may take.
        session: The caller's session, if it shall be that.
        proxies: Through what a scheme and host is reached, where that is a proxy.

    Raises:
        InvalidInput: the caller's session brings a credential: Akool gets one, never two (T2).
    """

    def __init__(
        self,
        timeout: Timeout,
        session: aiohttp.ClientSession | None = None,
        *,
        proxies: Mapping[str, Proxy] | None = None,
    ) -> None:
        self._proxies = proxies or {}
        self._timeout = aiohttp.ClientTimeout(
            total=timeout.total, connect=timeout.connect, sock_connect=timeout.connect
        )
        self._owned = session is None
        if session is not None:
            _check_session(session)
        self._session = _own_session() if session is None else session

    async def send(
        self, base: str, request: HttpRequest, header: tuple[str, str] | None, delivery: Delivery
    ) -> HttpResponse:
        """Send a request and read the response whole."""
        if self._session.closed:
            raise ConnectFailed("the session is closed")
        # Only our own sessions carry the trace that knows; on others, begun means sent.
        delivery.sent = not self._owned
        try:
            return await self._send(base, request, header, delivery)
        except _NEVER_SENT as error:
            delivery.sent = False
            failure: AkoolError = ConnectFailed(_described(error))
        except TimeoutError:
            cls = TransportError if delivery.sent else ConnectFailed
            failure = cls(f"no answer within {self._timeout.total:g} seconds")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            cls = TransportError if delivery.sent else ConnectFailed
            failure = cls(_described(error))
        raise failure

    async def _send(
        self, base: str, request: HttpRequest, header: tuple[str, str] | None, delivery: Delivery
    ) -> HttpResponse:
        headers = {"Accept": "application/json"}
        if header is not None:
            headers[header[0]] = header[1]
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        proxy = self._proxies.get(base)
        for_proxy: Mapping[str, str] = {} if proxy is None else proxy.headers
        if proxy is not None and base.startswith("http:"):
            headers |= for_proxy  # it reads the request itself; else it sees no more than CONNECT
        async with self._session.request(
            request.method,
            yarl.URL(base + request.path, encoded=True),
            data=request.body,
            headers=headers,
            allow_redirects=False,
            raise_for_status=False,  # the envelope decides, also where the session says otherwise
            timeout=self._timeout,
            trace_request_ctx=delivery,
            proxy=None if proxy is None else proxy.url,
            proxy_headers=for_proxy,
        ) as response:
            return await _read(response)

    async def close(self) -> None:
        """Close the session if it is ours."""
        if self._owned:
            await self._session.close()


def _own_session() -> aiohttp.ClientSession:
    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(_mark_sent)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE),
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[trace],
    )


def _check_session(session: aiohttp.ClientSession) -> None:
    for name in ("Authorization", "x-api-key"):
        if name in session.headers:
            rule = "must have no credential among its default headers"
            raise InvalidInput("session", name, rule)
    if getattr(session, "auth", None) is not None:
        raise InvalidInput("session", "auth", "must have no credential of its own")


async def _mark_sent(
    _session: aiohttp.ClientSession,
    context: SimpleNamespace,
    _params: aiohttp.TraceRequestHeadersSentParams,
) -> None:
    context.trace_request_ctx.sent = True


async def _read(response: aiohttp.ClientResponse) -> HttpResponse:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > LARGEST_REPLY:
            response.close()
            raise ReplyError(
                f"the reply is larger than {LARGEST_REPLY} bytes", http_status=response.status
            )
        chunks.append(chunk)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return HttpResponse(status=response.status, headers=headers, body=b"".join(chunks))


def _described(error: BaseException) -> str:
    # Only what names the fault: the repr of some of aiohttp's errors holds request headers.
    detail = error.strerror if isinstance(error, OSError) and error.strerror else ""
    return f"{type(error).__name__}: {detail}" if detail else type(error).__name__
