"""A transport in memory: for tests of programs that talk with avatars."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from akool_async.errors import NotJoined
from akool_async.streaming.events import Joined, Left
from akool_async.streaming.messages.limits import AGORA, Limits
from akool_async.streaming.transport import Arrival


def transport_pair(
    limits: Limits = AGORA, *, joined: bool = True
) -> tuple[MemoryTransport, MemoryAvatar]:
    """Return a transport for a session, and the avatar's end of it.

    Nothing is lost, doubled or reordered on the way, and nothing takes time.

    Args:
        limits: What the carrier takes; the session keeps to it.
        joined: Whether somebody is in the channel from the start; otherwise from `join()` on.
    """
    transport = MemoryTransport(limits, joined=joined)
    return transport, MemoryAvatar(transport)


class MemoryTransport:
    """A session's end of a channel in memory; `transport_pair` makes it."""

    def __init__(self, limits: Limits, *, joined: bool) -> None:
        self.limits = limits
        """What the carrier takes."""
        self.joined = joined
        """Whether somebody carries messages now."""
        self.sent: asyncio.Queue[bytes | None] = asyncio.Queue()
        """What waits for the avatar; `None` when the session has left."""
        self.arrived: asyncio.Queue[Arrival | None] = asyncio.Queue()
        """What waits for the session; `None` when nothing more will come."""

    async def send(self, message: bytes, /) -> None:
        """Send a message to the avatar.

        Raises:
            NotJoined: nobody is in the channel.
            ValueError: the message is larger than the carrier takes.
        """
        if len(message) > self.limits.largest:
            raise ValueError(f"a message of {len(message)} bytes: at most {self.limits.largest}")
        if not self.joined:
            raise NotJoined("nobody is in the channel")
        self.sent.put_nowait(message)

    async def messages(self) -> AsyncIterator[Arrival]:
        """Yield what arrives."""
        while (arrival := await self.arrived.get()) is not None:
            yield arrival

    async def close(self) -> None:
        """Leave the channel."""
        self.joined = False
        self.sent.put_nowait(None)
        self.arrived.put_nowait(None)


class MemoryAvatar:
    """The avatar's end of a channel in memory; `transport_pair` makes it.

    `async for message in avatar` yields what the session sends, until it leaves.
    """

    def __init__(self, transport: MemoryTransport) -> None:
        self._transport = transport

    async def receive(self) -> bytes:
        """Return the next message of the session; wait for it.

        Raises:
            NotJoined: the session has left the channel, and all its messages were returned.
        """
        message = await self._transport.sent.get()
        if message is None:
            self._transport.sent.put_nowait(None)  # for whoever asks next
            raise NotJoined("the session has left the channel")
        return message

    def received(self) -> list[bytes]:
        """Return the messages that are there, without waiting for others."""
        found: list[bytes] = []
        while not self._transport.sent.empty():
            message = self._transport.sent.get_nowait()
            if message is None:
                self._transport.sent.put_nowait(None)
                break
            found.append(message)
        return found

    async def send(self, message: bytes, /) -> None:
        """Send a message to the session."""
        self._transport.arrived.put_nowait(message)

    async def join(self) -> None:
        """Let somebody join the channel, such as a page; the session is told `Joined`."""
        self._transport.joined = True
        self._transport.arrived.put_nowait(Joined())

    async def leave(self, reason: str = "") -> None:
        """Let whoever is in the channel leave it; the session is told `Left`."""
        self._transport.joined = False
        self._transport.arrived.put_nowait(Left(reason=reason))

    async def hang_up(self) -> None:
        """End the channel: `messages()` of the transport ends."""
        self._transport.joined = False
        self._transport.arrived.put_nowait(None)

    def __aiter__(self) -> MemoryAvatar:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self.receive()
        except NotJoined:
            raise StopAsyncIteration from None
