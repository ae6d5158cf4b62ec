"""A page's websocket: what it may send, what it is sent, and whether it is still there."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, NamedTuple, Protocol, TypeAlias

from akool_async.clock import Clock
from akool_async.errors import NotJoined
from akool_async.observers import logger
from akool_async.streaming.backend import frames
from akool_async.streaming.backend.countdown import Countdown
from akool_async.streaming.relay import Page, RelayTransport

Frame: TypeAlias = str | bytes

PING_EVERY: Final = 1.5
"""Seconds between two pings."""
GONE_AFTER: Final = 3.0
"""Seconds without any frame, after which a page is gone: one that is frozen answers no ping."""
_LAST_WITHIN: Final = 1.0
"""Seconds in which a page has to take the last frame."""
_CLOSE_WITHIN: Final = 2.0
"""Seconds in which a page has to answer the close."""
_MOST_WAITING: Final = 256
"""Text frames that wait to be sent; a page that reads so slowly misses captions."""

NORMAL: Final = 1000
POLICY: Final = 1008
TOO_LARGE: Final = 1009
BROKEN: Final = 1011


class TooLarge(Exception):
    """A frame is larger than a page may send."""


class Socket(Protocol):
    """A websocket, as each web framework has one."""

    async def receive(self) -> Frame | None:
        """Return the next frame; `None` once the page is gone.

        Raises:
            TooLarge: the frame is too large to be read.
        """
        ...

    async def send(self, frame: Frame, /) -> None:
        """Send a frame."""
        ...

    async def close(self, code: int, reason: str, /) -> None:
        """Close the websocket."""
        ...


class ConnectedSession(Protocol):
    """The session behind a websocket."""

    transport: RelayTransport

    def may_send(self, size: int) -> bool:
        """Say whether the page may send a frame of that size now."""
        ...

    def handle(self, said: frames.FromPage) -> None:
        """Do what a text frame of the page says."""
        ...

    def released(self, connection: Connection) -> None:
        """Note that a websocket is gone."""
        ...


class _Outgoing(NamedTuple):
    frame: Frame | None
    """`None`: the websocket is closed after what stands before."""
    taken: asyncio.Future[None] | None = None


class Connection:
    """A page's websocket; made before the websocket is accepted, so that there is one at a time.

    Args:
        session: The session behind it.
        clock: Where time comes from.
    """

    _page: Page

    def __init__(self, session: ConnectedSession, clock: Clock) -> None:
        self._session = session
        self._waiting: deque[_Outgoing] = deque()
        self._news = asyncio.Event()
        self._over: asyncio.Future[tuple[int, str]]
        self._over = asyncio.get_running_loop().create_future()
        self._gone = Countdown(clock, GONE_AFTER, lambda: self._end(POLICY, "no frame came"))
        self._ping = Countdown(clock, PING_EVERY, self._send_ping, look=0.0)
        self._pinged = False
        """Whether a ping was sent since the last frame came."""
        self._last = Countdown(clock, _LAST_WITHIN, lambda: self._end(NORMAL, ""))

    async def serve(self, socket: Socket) -> None:
        """Pass frames on in both ways, until the page is gone or the session is over."""
        with self._session.transport.page(self._send) as self._page:
            tasks = [
                asyncio.create_task(self._read(socket)),
                asyncio.create_task(self._write(socket)),
            ]
            self._gone.start()
            self._ping.start()
            try:
                code, reason = await self._over
            finally:
                self._end(BROKEN, "")
                for countdown in (self._gone, self._ping, self._last):
                    countdown.stop()
                for task in tasks:
                    task.cancel()
                self._drop()
                self.release()
        await asyncio.wait(tasks)
        try:
            async with asyncio.timeout(_CLOSE_WITHIN):
                await socket.close(code, reason)
        except Exception as error:  # noqa: BLE001 - each server has errors of its own
            logger.debug("a page did not answer the close: %r", error)

    def release(self) -> None:
        """Let the next websocket of the same ticket in. Does nothing twice."""
        self._session.released(self)

    def tell(self, frame: str) -> None:
        """Send a text frame; one too many is dropped."""
        if len(self._waiting) < _MOST_WAITING:
            self._put(_Outgoing(frame))

    def finish(self, frame: str) -> None:
        """Send a last frame, then close."""
        self._put(_Outgoing(frame))
        self._put(_Outgoing(None))
        self._last.start()

    async def _send(self, message: bytes) -> None:
        if self._over.done():
            raise NotJoined("the page is gone")
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._put(_Outgoing(message, taken))
        await taken

    def _put(self, outgoing: _Outgoing) -> None:
        self._waiting.append(outgoing)
        self._news.set()

    def _drop(self) -> None:
        """Let nobody wait for what is not sent any more."""
        for _, taken in self._waiting:
            if taken is not None and not taken.done():
                taken.set_exception(NotJoined("the page is gone"))
        self._waiting.clear()

    def _end(self, code: int, reason: str) -> None:
        if not self._over.done():
            self._over.set_result((code, reason))

    def _send_ping(self) -> None:
        self.tell(frames.PING)
        self._ping.start()
        if not self._pinged:  # a busy server pings late
            self._pinged = True
            self._gone.hold(PING_EVERY)

    async def _write(self, socket: Socket) -> None:
        try:
            while True:
                while self._waiting:
                    frame, taken = self._waiting[0]
                    if frame is None:
                        self._end(NORMAL, "")
                        return
                    await socket.send(frame)
                    if taken is not None and not taken.done():
                        taken.set_result(None)
                    self._waiting.popleft()
                self._news.clear()
                await self._news.wait()
        except Exception as error:  # noqa: BLE001 - each server has errors of its own
            logger.debug("a page is gone: %r", error)
            self._end(BROKEN, "")

    async def _read(self, socket: Socket) -> None:
        try:
            while (frame := await socket.receive()) is not None:
                self._gone.start()
                self._pinged = False
                if trouble := self._trouble_with(frame):
                    self._end(*trouble)
                    return
            self._end(NORMAL, "")
        except TooLarge:
            self._end(TOO_LARGE, "a frame is too large")
        except Exception as error:  # noqa: BLE001 - each server has errors of its own
            logger.debug("a page is gone: %r", error)
            self._end(BROKEN, "")

    def _trouble_with(self, frame: Frame) -> tuple[int, str] | None:
        """Take a frame; return why the websocket has to be closed, if it has to."""
        if len(frame) > frames.LARGEST:
            return TOO_LARGE, "a frame is too large"
        if not self._session.may_send(len(frame)):
            return POLICY, "too many frames"
        if isinstance(frame, bytes):
            self._page.take(frame)
            return None
        said = frames.read(frame)
        if said is None:
            return POLICY, "a frame that nobody understands"
        if isinstance(said, frames.PageJoined):
            self._page.joined()
        elif isinstance(said, frames.PageLeft):
            self._page.left(said.reason)
        self._session.handle(said)
        return None
