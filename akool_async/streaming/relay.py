"""A transport over a page: the page joins the channel, and passes messages on in both ways.

Text, keys, pacing and the language model stay on the server. The routes of the backend use this
transport; so may a websocket handler of your own:

    async def relay(request):
        websocket = web.WebSocketResponse(max_msg_size=16_384)
        await websocket.prepare(request)
        with transport.page(websocket.send_bytes, websocket.close) as page:
            async for frame in websocket:
                if frame.type is WSMsgType.BINARY:
                    page.take(frame.data)  # a message, as it arrived in the channel
                elif frame.data == "joined":
                    page.joined()
        return websocket
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Final, Self, TypeAlias

from akool_async.errors import NotJoined
from akool_async.observers import logger
from akool_async.streaming.events import Joined, Left
from akool_async.streaming.messages.limits import AGORA, Limits
from akool_async.streaming.transport import Arrival

Send: TypeAlias = Callable[[bytes], Awaitable[object]]
"""Sends a message to the page as one binary frame."""
Close: TypeAlias = Callable[[], Awaitable[object]]
"""Closes the page's websocket."""

_MOST_WAITING: Final = 1024
"""Messages that wait to be read; more are dropped, as the channel itself may do."""


class RelayTransport:
    """Carries messages by way of a page, which may leave and come back.

    Args:
        limits: What the carrier of the page's channel takes.
    """

    def __init__(self, limits: Limits = AGORA) -> None:
        self._limits = limits
        self._page: Page | None = None
        self._arrived: deque[Arrival] = deque()
        self._news = asyncio.Event()
        self._closed = False

    @property
    def limits(self) -> Limits:
        """What the carrier takes."""
        return self._limits

    @property
    def joined(self) -> bool:
        """Whether a page is there that has joined the channel."""
        return self._page is not None and self._page.is_joined

    def page(self, send: Send, close: Close | None = None) -> Page:
        """Return what stands for a page's websocket: `with transport.page(...) as page`.

        Leaving the block says that the page is gone; another one, or the same, may come then.

        Args:
            send: Sends a binary frame to the page.
            close: Closes the websocket; called when the session ends first.
        """
        return Page(self, send, close)

    async def send(self, message: bytes, /) -> None:
        """Send a message; return once the websocket has taken it.

        Raises:
            NotJoined: no page is there that has joined the channel.
        """
        page = self._page
        if page is not None and page.is_joined and await page.sends(message):
            return
        raise NotJoined("no page is there that has joined the avatar's channel")

    async def messages(self) -> AsyncIterator[Arrival]:
        """Yield what the page passes on, and its coming and going, until the transport closes."""
        while True:
            while self._arrived:
                yield self._arrived.popleft()
            if self._closed:
                return
            self._news.clear()
            await self._news.wait()

    async def close(self) -> None:
        """Leave the page alone: its websocket is closed. Closing twice does nothing."""
        if self._closed:
            return
        self._closed = True
        self._news.set()
        if self._page is not None:
            await self._page.closes()

    def attach(self, page: Page) -> None:
        """Take a page.

        Raises:
            RuntimeError: another page is there.
        """
        if self._page is not None:
            raise RuntimeError("a transport has one page at a time")
        self._page = page

    def detach(self, page: Page) -> None:
        """Let a page go."""
        if self._page is page:
            self._page = None

    def arrive(self, arrival: Arrival) -> None:
        """Keep what arrived for whoever reads."""
        if self._closed or (isinstance(arrival, bytes) and len(self._arrived) >= _MOST_WAITING):
            return
        self._arrived.append(arrival)
        self._news.set()


class Page:
    """A page's websocket, for as long as it is connected."""

    def __init__(self, transport: RelayTransport, send: Send, close: Close | None) -> None:
        self._transport = transport
        self._send = send
        self._close = close
        self.is_joined = False
        """Whether the page has joined the channel."""

    def __enter__(self) -> Self:
        self._transport.attach(self)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.left("the page is gone")
        self._transport.detach(self)

    def take(self, message: bytes) -> None:
        """Take a message that arrived in the channel."""
        self._transport.arrive(message)

    def joined(self) -> None:
        """Take the news that the page has joined the channel. Joining twice does nothing."""
        if not self.is_joined:
            self.is_joined = True
            self._transport.arrive(Joined())

    def left(self, reason: str = "") -> None:
        """Take the news that the page has left the channel. Leaving twice does nothing."""
        if self.is_joined:
            self.is_joined = False
            self._transport.arrive(Left(reason=reason))

    async def sends(self, message: bytes) -> bool:
        """Send a message; return whether the websocket took it."""
        try:
            await self._send(message)
        except Exception as error:  # noqa: BLE001 - each server has an error of its own for that
            logger.debug("a page is gone: %r", error)
            return False
        return True

    async def closes(self) -> None:
        """Close the websocket."""
        if self._close is None:
            return
        try:
            await self._close()
        except Exception as error:  # noqa: BLE001 - each server has an error of its own for that
            logger.debug("a page was gone: %r", error)
