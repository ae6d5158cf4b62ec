"""What arrives by a transport, read part by part."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias

from akool_async.clock import Clock, Timer
from akool_async.streaming.events import Joined, Left
from akool_async.streaming.messages import Assembler, Received
from akool_async.streaming.sending import is_failure
from akool_async.streaming.transport import Arrival, Transport

Heard: TypeAlias = Received | Joined | Left
"""What a conversation is told by its reader."""


class Reader:
    """Reads a transport until it ends.

    Args:
        clock: Where time comes from.
        hear: Takes what was said, and who joined or left.
        ended: Called when nothing more will come: with what `messages()` raised, or with `None`.
    """

    def __init__(
        self,
        clock: Clock,
        hear: Callable[[Heard], object],
        ended: Callable[[BaseException | None], object],
    ) -> None:
        self._clock = clock
        self._hear = hear
        self._ended = ended
        self._assembler = Assembler()
        self._timer: Timer | None = None

    async def run(self, transport: Transport) -> None:
        """Read until the transport ends, or this task is cancelled."""
        why: BaseException | None = None
        try:
            await self._read(transport.messages())
        except BaseException as error:
            if not is_failure(error):
                raise
            why = error
        finally:
            if self._timer is not None:
                self._timer.cancel()
        self._ended(why)

    async def _read(self, messages: AsyncIterator[Arrival]) -> None:
        try:
            async for arrival in messages:
                if isinstance(arrival, Joined | Left):
                    self._hear(arrival)
                else:
                    self._tell(self._assembler.take(arrival, self._clock.time()))
                await asyncio.sleep(0)  # a peer that never pauses would keep all others waiting
        finally:
            close: Any = getattr(messages, "aclose", None)  # an async generator has it
            if close is not None:
                await close()

    def _expire(self) -> None:
        self._tell(self._assembler.expire(self._clock.time()))

    def _tell(self, received: list[Received]) -> None:
        """Tell what became whole, and ask again when the oldest part is given up."""
        for each in received:
            self._hear(each)
        if self._timer is not None:
            self._timer.cancel()
        due = self._assembler.next_expiry
        self._timer = None if due is None else self._clock.call_at(due, self._expire)
