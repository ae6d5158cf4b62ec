"""HTTP for API calls, through aiohttp.

The transport follows no redirect: aiohttp would send `x-api-key` to another origin, and
repeat a POST on 307. It limits the size of every response body. It raises none of aiohttp's
exceptions, because their repr shows request headers.
"""

from __future__ import annotations

import asyncio
import io
import math
import warnings
from collections import deque
from collections.abc import Awaitable, Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, Protocol

import aiohttp
import yarl

from akool_async.errors import (
    ConnectFailed,
    InvalidInput,
    ReplyError,
    TransportError,
)
from akool_async.http.decoding import GZIP, decoded
from akool_async.http.failures import NEVER_SENT, failed, failure_of
from akool_async.http.time_limit import TimeLimit
from akool_async.protocol.value import Input
from akool_async.protocol.wire import HttpRequest, HttpResponse
from akool_async.protocol.words import counted

if TYPE_CHECKING:
    from akool_async.http.proxy import Proxy

# How "sent" and "not sent" are known, and why
# ---------------------------------------------
# A create that was not sent is sent again. A create that may have been sent is never sent again:
# Akool has no idempotency key, so a second create is a second payment. `Delivery.sent` may
# therefore be True where no byte left; it must never be False where a byte may have left.
#
# On a session of its own, the transport counts a request as sent as soon as it has a connection.
# aiohttp signals that moment, before it writes a byte, by `on_connection_create_end` and
# `on_connection_reuseconn` of `TraceConfig`. DNS, TCP, TLS and a proxy's CONNECT come before the
# signal: a failure in them means "not sent", every later failure means "sent". On the user's
# session the transport adds no signals. There a request counts as sent from the start, except
# where aiohttp raises an error that it raises only while it connects.
#
# A cancelled task sends nothing more: between the cancellation and its effect the task does not
# run. So the engine can hold back a request that is not sent yet by cancelling its task.
#
# An idle connection may have ended, or it may hold a reply that nobody asked for (some proxies
# send a 408 before they close). aiohttp drops a connection when the event loop has read its end;
# but a reply that was read goes to the next request on that connection. Three precautions:
# - An idle connection is kept for 4 seconds. Common servers keep it for 5 seconds or longer.
# - Before each request the event loop makes two passes and reads what has arrived. aiohttp then
#   knows which connections have ended, and connects anew.
# - A reply that is read before the event loop has made a pass since the request got its
#   connection is older than the request. It is dropped, and the request fails as "sent". Its
#   own reply may still arrive on that connection, which may be back in the pool: so no further
#   request uses the connections of that session.
# An end that is still on its way through the network escapes them all. A create that meets it
# ends with an unknown outcome, and is not repeated.
#
# All of this uses only what aiohttp documents: https://docs.aiohttp.org, "Client Reference" and
# "Tracing Reference".

LARGEST_REPLY = 8 * 2**20
"""Largest response body in bytes, after decompression. Reading stops there."""

_KEEP_ALIVE = 4.0
"""Seconds for which an idle connection is kept. Common servers close theirs after 5 seconds."""

_LONG = 500
"""Length of a query in characters from which on it bypasses yarl's cache. yarl keeps three copies
of each of the last 128 addresses that it parsed: megabytes, where they list 300 ids."""

_MOST_BYTES = 2**20
"""Largest request body in bytes that aiohttp takes as bytes without a warning."""

HEADER_LIMITS: Final[Mapping[str, Any]] = {
    "max_line_size": 2**16,
    "max_field_size": 2**16,
    "max_headers": 1000,
}
"""Bytes of one line, and number of lines, in the head of a reply. Proxies add lines, and some of
them long ones. With aiohttp's own limits, 8 190 bytes and 128, a create that a server has answered
would be in doubt."""


class Timeout(Input):
    """Time limits for one HTTP request, in seconds.

    `total` counts the time in which the event loop ran: not the time for which the process was
    stopped or the loop blocked, when no answer could be read.
    """

    shows_defaults = True

    total: float = 60.0
    """For the whole request, from waiting for a connection to the last byte of the response."""
    connect: float = 10.0
    """For the connection alone."""

    def check(self) -> None:
        """Refuse limits that are not positive and finite."""
        for name in ("total", "connect"):
            if not 0 < getattr(self, name) < math.inf:
                raise self.refuse(name, "must be more than 0 seconds, and finite")


class Delivery:
    """State of one request on its way to the server."""

    __slots__ = ("held_for", "last", "sent", "sent_at", "sent_on")

    def __init__(self) -> None:
        self.sent = False
        """Whether a byte of the request may have left."""
        self.sent_at = 0.0
        """When the request was last given to the transport, in seconds of the client's clock."""
        self.sent_on: datetime | None = None
        """The same as a date in UTC, of requests that start a job."""
        self.last = False
        """Whether this attempt is the last: a failure is not retried."""
        self.held_for: Exception | None = None
        """The reason for which the request must not be sent, if there is one."""


class Transport(Protocol):
    """Exchanges an HTTP request for a response."""

    async def send(
        self, base: str, request: HttpRequest, header: tuple[str, str] | None, delivery: Delivery
    ) -> HttpResponse:
        """Send a request and read the whole response.

        Raises:
            ConnectFailed: Nothing was sent.
            TransportError: The request may have been sent, and no whole response came.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""


class AiohttpTransport:
    """A transport on an aiohttp session: its own, or the user's, which it never closes.

    Args:
        timeout: Time limits for one request.
        session: The user's session; `None` for a session of its own.
        proxies: The proxy for each base address that is reached through one.

    Raises:
        InvalidInput: The user's session is closed, belongs to another event loop, or adds a
            credential: Akool gets one, never two (T2).
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
            total=None, connect=timeout.connect, sock_connect=timeout.connect
        )
        self._limit = TimeLimit(timeout.total)
        self._owned = session is None
        if session is not None:
            check_session(session)
            _check_loop(session)
        self._under_way: set[asyncio.Task[Any]] = set()
        """Tasks in which the user's session sends a request."""
        self._session = _own_session() if session is None else session
        self._retired: deque[tuple[float, aiohttp.ClientSession]] = deque()
        """Own sessions that send no further request, and since when, in seconds of the limit."""
        self._urls: dict[str, yarl.URL] = {}

    async def send(
        self, base: str, request: HttpRequest, header: tuple[str, str] | None, delivery: Delivery
    ) -> HttpResponse:
        """Send a request and read the whole response."""
        if not self._owned and asyncio.current_task() in self._under_way:
            # A middleware of the user's session uses the client. One task has one time limit.
            return await asyncio.create_task(self.send(base, request, header, delivery))
        attempt = _Attempt(delivery)
        answer: HttpResponse | TransportError
        task = self._start()
        try:
            await _read_what_has_arrived()
            answer = self._obstacle(delivery) or await self._answer(base, request, header, attempt)
        except asyncio.CancelledError:
            if not self._limit.expired(task):
                raise
            answer = _too_late(base, self._limit.seconds, sent=delivery.sent)
        except Exception as error:  # noqa: BLE001 - of aiohttp, of the user's middleware, of Python
            # On an own session the signals know better: aiohttp repeats a GET whose connection
            # ended, and may then fail to connect.
            if not self._owned and isinstance(error, NEVER_SENT):
                delivery.sent = False
            # Errors of this package, too: they are about another request, that of a middleware.
            secret = "" if header is None else header[1]
            answer = failure_of(error, sent=delivery.sent, place=base, secret=secret)
        finally:
            self._stop(task)
        if isinstance(answer, HttpResponse):
            return answer
        raise answer

    async def _answer(
        self,
        base: str,
        request: HttpRequest,
        header: tuple[str, str] | None,
        attempt: _Attempt,
    ) -> HttpResponse | TransportError:
        """Send a request; return the response, or why it cannot be used."""
        attempt.delivery.sent = not self._owned
        session = self._session
        response = await self._begin(base, request, header, attempt)
        if not attempt.at_once:
            return await _read(response)
        response.close()
        await self._retire(session)
        return TransportError("the connection held a reply that is older than the request")

    def _start(self) -> asyncio.Task[Any]:
        task = self._limit.start()
        if not self._owned:
            self._under_way.add(task)
        return task

    def _stop(self, task: asyncio.Task[Any]) -> None:
        self._limit.stop(task)
        self._under_way.discard(task)

    def _obstacle(self, delivery: Delivery) -> TransportError | None:
        """Return why a request cannot be sent now, if so."""
        if self._session.closed:
            return failed("the session is closed", sent=False, cause="client")
        if delivery.held_for is not None:
            return ConnectFailed("the request was held back")
        return None

    def _begin(
        self,
        base: str,
        request: HttpRequest,
        header: tuple[str, str] | None,
        attempt: _Attempt,
    ) -> Awaitable[aiohttp.ClientResponse]:
        """Begin a request. Awaiting the return value gives the head of the response."""
        proxy = self._proxies.get(base)
        for_proxy: Mapping[str, str] = {} if proxy is None else proxy.headers
        headers = _headers(base, request, header, for_proxy)
        return self._session.request(
            request.method,
            self._url(base, request),
            data=_data(request.body),
            headers=headers if self._owned else _plain(headers),
            allow_redirects=False,
            raise_for_status=False,  # Akool's envelope decides, not the session's setting
            auto_decompress=False,  # see `decoding`
            timeout=self._timeout,
            proxy=None if proxy is None else proxy.url,
            proxy_headers=for_proxy,
            trace_request_ctx=attempt if self._owned else None,
            **HEADER_LIMITS,
        )

    def _url(self, base: str, request: HttpRequest) -> yarl.URL:
        """Return the address of a request. The addresses of POSTs are few: each is parsed once."""
        path, _, query = request.path.partition("?")
        if len(query) > _LONG and "%" not in query:
            return self._known(base + path).with_query(query)
        if request.body is None:
            return yarl.URL(base + request.path, encoded=True)
        return self._known(base + request.path)

    def _known(self, text: str) -> yarl.URL:
        known = self._urls.get(text)
        if known is None:
            known = self._urls[text] = yarl.URL(text, encoded=True)
        return known

    async def _retire(self, session: aiohttp.ClientSession) -> None:
        """Send no further request on an own session. The requests on their way may end."""
        if session is not self._session or session.closed:
            return
        self._session = _own_session()
        self._retired.append((self._limit.time(), session))
        while self._retired[0][0] < self._limit.oldest():  # the last request on it is over
            await self._retired.popleft()[1].close()

    @property
    def own_sessions(self) -> list[aiohttp.ClientSession]:
        """The sessions that the transport has to close: none of them is the user's."""
        retired = [session for _, session in self._retired]
        return [*retired, self._session] if self._owned else retired

    async def close(self) -> None:
        """Close the session, unless it is the user's."""
        self._limit.close()
        for _, session in self._retired:
            await session.close()
        if self._owned:
            await self._session.close()


class _Attempt:
    """One request between its connection and the head of its reply."""

    __slots__ = ("at_once", "delivery")

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.at_once = False
        """Whether the event loop has made no pass since the request got its connection."""

    def connected(self) -> None:
        """Count the request as sent: aiohttp writes it next."""
        self.delivery.sent = True
        self.at_once = True
        asyncio.get_running_loop().call_soon(self._passed)

    def _passed(self) -> None:
        self.at_once = False


async def _connected(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    """Handle aiohttp's signal that a request has a connection.

    It must not await, and must not raise: aiohttp would lose the connection.
    """
    attempt: _Attempt = context.trace_request_ctx
    attempt.connected()


def _own_session() -> aiohttp.ClientSession:
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(_connected)
    trace.on_connection_reuseconn.append(_connected)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE),
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[trace],
    )


def _too_late(base: str, seconds: float, *, sent: bool) -> TransportError:
    what = "answer from" if sent else "connection to"
    return failed(f"no {what} {base} within {counted(seconds, 'second')}", sent=sent)


async def _read_what_has_arrived() -> None:
    """Let the event loop read what has arrived at idle connections.

    In one pass the loop runs this task before it reads; so the second pass is the one that
    comes after the reading.
    """
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def _data(body: bytes | None) -> bytes | io.BytesIO | None:
    """Return a body as aiohttp wants it: a large one, such as an image, as a file."""
    return io.BytesIO(body) if body is not None and len(body) > _MOST_BYTES else body


def _headers(
    base: str,
    request: HttpRequest,
    header: tuple[str, str] | None,
    for_proxy: Mapping[str, str],
) -> dict[str, str]:
    headers = {"Accept": "application/json", "Accept-Encoding": "gzip, deflate"}
    if header is not None:
        headers[header[0]] = header[1]
    if request.body is not None:
        headers["Content-Type"] = "application/json"
    if for_proxy and base.startswith("http:"):
        # The proxy reads a plain request itself. Of one over TLS it sees the CONNECT only.
        headers |= for_proxy
    return headers


def _plain(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return headers without a type of ours, for a session of the user's.

    What is put between it and the network may keep them, as vcrpy does, and knows texts only.
    """
    return {name: str.__str__(value) for name, value in headers.items()}


def check_session(session: object) -> None:
    """Refuse a session of the user's that cannot work, now or ever.

    Raises:
        InvalidInput: It is none of aiohttp's, is closed, or adds a credential.
    """
    if not isinstance(session, aiohttp.ClientSession):
        raise InvalidInput("session", session, "must be an aiohttp.ClientSession")
    if session.closed:
        raise InvalidInput("session", session, "must be open; this one is closed")
    for name in ("Authorization", "x-api-key"):
        if name in session.headers:
            rule = "must have no credential among its default headers"
            raise InvalidInput("session", name, rule)
    if getattr(session, "auth", None) is not None:
        raise InvalidInput("session", "auth", "must have no credential of its own")


def _check_loop(session: aiohttp.ClientSession) -> None:
    with warnings.catch_warnings():
        # aiohttp deprecates the attribute, and has no other that tells a session's loop.
        warnings.simplefilter("ignore", DeprecationWarning)
        loop = getattr(session, "loop", None)
    if loop is not None and loop is not asyncio.get_running_loop():
        rule = "must be made in the event loop that uses it; this one belongs to another loop"
        raise InvalidInput("session", session, rule)


async def _read(response: aiohttp.ClientResponse) -> HttpResponse | ReplyError:
    """Read a response to its end, where aiohttp takes its connection back."""
    try:
        body = await _whole(response.content)
    except BaseException:
        response.close()
        raise
    label = response.headers.get("Content-Encoding", "")
    if body is None:
        response.close()
    elif label or body.startswith(GZIP):
        body = decoded(body, label, LARGEST_REPLY)
    if body is None:
        return ReplyError(
            f"the reply is larger than {LARGEST_REPLY} bytes", http_status=response.status
        )
    return HttpResponse(status=response.status, headers=response.headers, body=body)


async def _whole(content: aiohttp.StreamReader) -> bytes | None:
    """Return a body, or `None` as soon as it is too large."""
    first = await content.readany()
    if content.at_eof() and len(first) <= LARGEST_REPLY:
        return first  # most replies arrive whole: no copy
    chunks, size = [first], len(first)
    while size <= LARGEST_REPLY and not content.at_eof():
        chunks.append(await content.readany())
        size += len(chunks[-1])
    return b"".join(chunks) if size <= LARGEST_REPLY else None
