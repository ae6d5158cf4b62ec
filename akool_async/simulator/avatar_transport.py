"""A transport with a simulated avatar at its other end: no browser, no media, no network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Literal

from akool_async.clock import Clock, LoopClock
from akool_async.errors import NotJoined
from akool_async.simulator.avatar import Avatar, AvatarBehaviour
from akool_async.streaming.events import Left
from akool_async.streaming.messages import AGORA, Limits
from akool_async.streaming.transport import Arrival


class AvatarTransport:
    """A transport for `akool.streaming.open(transport=...)`, for tests of what a program says.

    Args:
        behaviour: The behaviour of the avatar, and of the channel that leads to it.
        mode: The mode that the session is opened with: 1: it says what it is sent. 2: it answers.
        clock: The source of time; the loop's own if it is not given.
        seed: The same seed and messages have the same fates.
        limits: What the carrier takes; the session keeps to it.
    """

    def __init__(
        self,
        behaviour: AvatarBehaviour | None = None,
        *,
        mode: Literal[1, 2] = 2,
        clock: Clock | None = None,
        seed: int = 0,
        limits: Limits = AGORA,
    ) -> None:
        self.limits = limits
        """What the carrier takes."""
        self._arrived: asyncio.Queue[Arrival | None] = asyncio.Queue()
        self.avatar = Avatar(
            clock or LoopClock(), self._arrived.put_nowait, behaviour, mode=mode, seed=seed
        )
        """The avatar: what it was told, and whether it speaks."""
        self.avatar.when_left.append(self._left)

    @property
    def joined(self) -> bool:
        """Whether the avatar is in the channel."""
        return not self.avatar.left

    async def send(self, message: bytes, /) -> None:
        """Send a message to the avatar.

        Raises:
            NotJoined: the avatar has left.
            ValueError: the message is larger than the carrier takes.
        """
        if len(message) > self.limits.largest:
            raise ValueError(f"a message of {len(message)} bytes: at most {self.limits.largest}")
        if self.avatar.left:
            raise NotJoined("the avatar has left the channel")
        self.avatar.take(message)

    async def messages(self) -> AsyncIterator[Arrival]:
        """Yield what the avatar sends, and that it has left."""
        self.avatar.meet()
        while (message := await self._arrived.get()) is not None:
            yield message

    async def close(self) -> None:
        """Leave the channel."""
        self.avatar.close()
        self._end()

    def _left(self) -> None:
        self._arrived.put_nowait(Left(reason="the avatar has left the channel"))
        self._end()

    def _end(self) -> None:
        self._arrived.put_nowait(None)
