"""The one module that speaks HTTP for API calls, through aiohttp.

It follows no redirect (aiohttp keeps `x-api-key` across origins, and posts again on
307), bounds every body, and lets none of aiohttp's exceptions out: their repr shows
request headers.
"""

from __future__ import annotations

import asyncio
import math
import select
import weakref
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

import aiohttp
import yarl
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from akool_async.errors import (
    ConnectFailed,
    InvalidInput,
    ReplyError,
    TransportError,
)
from akool_async.protocol.value import Input
from akool_async.protocol.wire import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from akool_async.http.proxy import Proxy

LARGEST_REPLY = 8 * 2**20
"""Bytes of a reply after decompression; a larger one is not read on."""

_KEEP_ALIVE = 4.0
"""Seconds that an idle connection is kept. A create on one that the server is just closing has
an unknown outcome, and common servers close after 5 seconds."""

_LONG = 500
"""Characters of a query that yarl shall not keep: of the last 128 addresses that it is given
whole it keeps three copies, which are megabytes where they list 300 ids."""

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
        self.sent_at = 0.0
        """When it was last handed to the transport, in the clock's seconds."""
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
            total=None, connect=timeout.connect, sock_connect=timeout.connect
        )
        self._patience = _Patience(timeout.total)
        self._owned = session is None
        if session is not None:
            _check_session(session)
        self._session = _own_session() if session is None else session
        self._urls: dict[str, yarl.URL] = {}

    async def send(
        self, base: str, request: HttpRequest, header: tuple[str, str] | None, delivery: Delivery
    ) -> HttpResponse:
        """Send a request and read the response whole."""
        if self._session.closed:
            raise ConnectFailed("the session is closed")
        # Our own requests say when they leave; of the others, begun means sent.
        delivery.sent = not self._owned
        task = self._patience.begin()
        marked = _ON_ITS_WAY.set(delivery)
        try:
            return await _read(await self._begun(base, request, header))
        except _NEVER_SENT as error:
            delivery.sent = False
            why = _described(error)
        except asyncio.CancelledError:
            if not self._patience.ran_out(task):
                raise
            why = f"no answer within {self._patience.seconds:g} seconds"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            why = _described(error)
        finally:
            _ON_ITS_WAY.reset(marked)
            self._patience.end(task)
        raise TransportError(why) if delivery.sent else ConnectFailed(why)

    def _begun(
        self, base: str, request: HttpRequest, header: tuple[str, str] | None
    ) -> Awaitable[aiohttp.ClientResponse]:
        """Begin a request; what is awaited is the head of its response."""
        proxy = self._proxies.get(base)
        for_proxy: Mapping[str, str] = {} if proxy is None else proxy.headers
        return self._session.request(
            request.method,
            self._url(base, request),
            data=request.body,
            headers=_headers(base, request, header, for_proxy),
            allow_redirects=False,
            raise_for_status=False,  # the envelope decides, whatever the session says
            timeout=self._timeout,
            proxy=None if proxy is None else proxy.url,
            proxy_headers=for_proxy,
        )

    def _url(self, base: str, request: HttpRequest) -> yarl.URL:
        """Return a request's address; those without a query are few, and parsed once."""
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

    async def close(self) -> None:
        """Close the session if it is ours."""
        self._patience.close()
        if self._owned:
            await self._session.close()


class _Patience:
    """Ends requests that take too long, by one timer for all of them.

    A timer for each, as aiohttp has them, makes every request a tenth dearer.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        """How long one may take."""
        self._loop = asyncio.get_running_loop()
        self._begun: dict[asyncio.Task[Any], tuple[float, int]] = {}
        """Who waits for a response since when, oldest first, and how often it was cancelled."""
        self._overdue: dict[asyncio.Task[Any], int] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> asyncio.Task[Any]:
        """Let the current task wait for a response; return that task."""
        task = asyncio.current_task(self._loop)
        assert task is not None
        self._begun[task] = self._loop.time(), task.cancelling()
        if self._timer is None:
            self._timer = self._loop.call_later(self.seconds, self._ring)
        return task

    def end(self, task: asyncio.Task[Any]) -> None:
        """Let a task wait no more."""
        if self._begun.pop(task, None) is None:
            del self._overdue[task]

    def ran_out(self, task: asyncio.Task[Any]) -> bool:
        """Say whether it was for this that a task was cancelled, and for nothing else."""
        return task in self._overdue and task.uncancel() <= self._overdue[task]

    def _ring(self) -> None:
        self._timer = None
        late = self._loop.time() - self.seconds
        for task, (since, cancelled) in list(self._begun.items()):
            if since > late:
                self._timer = self._loop.call_at(since + self.seconds, self._ring)
                return
            del self._begun[task]
            self._overdue[task] = cancelled
            task.cancel()

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()


_ON_ITS_WAY: ContextVar[Delivery] = ContextVar("_ON_ITS_WAY")
"""The delivery of the request that the current task is sending."""


class _FreshConnector(aiohttp.TCPConnector):
    """A connector that hands out no connection that has come to its end while it was idle."""

    async def connect(self, *args: Any, **kwargs: Any) -> Connection:
        """Find a connection for a request, of which nothing is sent as long as that takes."""
        delivery = _ON_ITS_WAY.get()
        delivery.sent = False
        connection = await super().connect(*args, **kwargs)
        while _is_stale(connection):
            connection.close()
            connection = await super().connect(*args, **kwargs)
        delivery.sent = True  # for all that is known here; a `_Request` knows better
        return connection


class _Request(aiohttp.ClientRequest):
    """A request that leaves in one piece, and tells when it does.

    aiohttp's own trace of sent headers tells it too, but makes every request a sixth dearer. For
    a body it takes a task besides, up to Python 3.11, which is as much.
    """

    _plain: bytes | None = None

    def update_body_from_data(self, body: Any, _stacklevel: int = 3) -> None:
        """Keep a body that is here whole; aiohttp has nothing to do with it any more."""
        if isinstance(body, bytes):
            self.headers["Content-Length"] = str(len(body))
            self._plain = body
        else:
            super().update_body_from_data(body, _stacklevel + 1)

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Let head and body leave."""
        delivery = _ON_ITS_WAY.get()
        delivery.sent = False
        if conn.protocol is None or conn.protocol.should_close:
            # An answer that came first would be taken for this request's, which leaves after it.
            raise aiohttp.ClientConnectionResetError("the server spoke first, or hung up")
        departure = _Departure(conn.protocol, self._plain or b"", delivery)
        return await super().send(cast("Connection", departure))


class _Departure:
    """A connection, its protocol and its transport in one, as far as writing a head needs them.

    What is written leaves in the loop's next turn, back to back with all others of this turn:
    sent one by one, each would wake the system, and the server, anew.
    """

    __slots__ = ("_body", "_delivery", "_protocol")

    _connector = SimpleNamespace(force_close=False)
    writing_paused = False

    def __init__(self, protocol: ResponseHandler, body: bytes, delivery: Delivery) -> None:
        self._protocol = protocol
        self._body = body
        self._delivery = delivery

    @property
    def protocol(self) -> _Departure:
        """What aiohttp writes to: this."""
        return self

    transport = protocol

    def is_closing(self) -> bool:
        """Say whether it is too late."""
        transport = self._protocol.transport
        return transport is None or transport.is_closing()

    def start_timeout(self) -> None:
        """Begin to wait for an answer, as long as one may take."""
        self._protocol.start_timeout()

    def write(self, head: bytes) -> None:
        """Let the body follow its head, soon."""
        asyncio.get_running_loop().call_soon(self._leave, head + self._body)

    def _leave(self, whole: bytes) -> None:
        transport = self._protocol.transport
        if transport is None or transport.is_closing() or self._delivery.held_for is not None:
            return
        self._delivery.sent = True
        transport.write(whole)


_Peek: TypeAlias = Callable[[], object]
"""Says whether bytes, or the end, have arrived at a socket that the event loop has not read."""

_PEEKS: weakref.WeakKeyDictionary[object, _Peek] = weakref.WeakKeyDictionary()
"""By connection, of those that have served a request: a new one has nothing to hide yet."""


def _is_stale(connection: Connection) -> bool:
    """Say whether a connection that was idle has something to read, or still to write.

    To read is its end, and a create on it would have an unknown outcome; or an answer that
    nobody asked for, and the next request would take it for its own. To write is the rest of a
    body that was answered before it was read, and the next request would have to wait for that.
    """
    protocol, transport = connection.protocol, connection.transport
    if protocol is None or transport is None or transport.get_write_buffer_size():
        return True
    peek = _PEEKS.get(protocol)
    if peek is not None:
        return protocol.should_close or bool(peek())
    _PEEKS[protocol] = _peek(transport.get_extra_info("socket").fileno())
    return False


def _peek(descriptor: int) -> _Peek:
    if not hasattr(select, "poll"):  # Windows
        return lambda: select.select([descriptor], [], [], 0)[0]
    arrived = select.poll()
    arrived.register(descriptor, select.POLLIN)
    return partial(arrived.poll, 0)


def _own_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=_FreshConnector(limit=0, keepalive_timeout=_KEEP_ALIVE),
        cookie_jar=aiohttp.DummyCookieJar(),
        request_class=_Request,
    )


def _headers(
    base: str,
    request: HttpRequest,
    header: tuple[str, str] | None,
    for_proxy: Mapping[str, str],
) -> dict[str, str]:
    headers = {"Accept": "application/json"}
    if header is not None:
        headers[header[0]] = header[1]
    if request.body is not None:
        headers["Content-Type"] = "application/json"
    if for_proxy and base.startswith("http:"):
        headers |= for_proxy  # it reads the request itself; else it sees no more than CONNECT
    return headers


def _check_session(session: aiohttp.ClientSession) -> None:
    for name in ("Authorization", "x-api-key"):
        if name in session.headers:
            rule = "must have no credential among its default headers"
            raise InvalidInput("session", name, rule)
    if getattr(session, "auth", None) is not None:
        raise InvalidInput("session", "auth", "must have no credential of its own")


async def _read(response: aiohttp.ClientResponse) -> HttpResponse:
    """Read a response to its end, with which aiohttp lets go of its connection."""
    try:
        body = await _whole(response.content)
    except BaseException:
        response.close()
        raise
    if body is None:
        response.close()
        raise ReplyError(
            f"the reply is larger than {LARGEST_REPLY} bytes", http_status=response.status
        )
    return HttpResponse(status=response.status, headers=response.headers, body=body)


async def _whole(content: aiohttp.StreamReader) -> bytes | None:
    """Return a body; `None` as soon as it is too large."""
    first = await content.readany()
    if content.at_eof() and len(first) <= LARGEST_REPLY:
        return first  # most replies are here whole, and there at once
    chunks, size = [first], len(first)
    while size <= LARGEST_REPLY and not content.at_eof():
        chunks.append(await content.readany())
        size += len(chunks[-1])
    return b"".join(chunks) if size <= LARGEST_REPLY else None


def _described(error: BaseException) -> str:
    # Only what names the fault: the repr of some of aiohttp's errors holds request headers.
    detail = error.strerror if isinstance(error, OSError) and error.strerror else ""
    return f"{type(error).__name__}: {detail}" if detail else type(error).__name__
