"""An interrupt while texts wait: how soon its message is with the carrier."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator

from akool_async.clock import LoopClock
from akool_async.streaming import messages
from akool_async.streaming.conversation import Conversation
from akool_async.streaming.messages import AGORA
from akool_async.streaming.transport import Arrival
from benchmarks.meter import Figures, Meter, quantile

SENTENCE = "The avatar says what a language model writes, while it writes. "


class Carrier:
    """Takes what is sent, notes when, and answers each interrupt."""

    limits = AGORA

    def __init__(self) -> None:
        self.sent: list[tuple[float, int]] = []
        """The moment and the size of each message."""
        self.interrupted_at = 0.0
        """The moment of the last interrupt."""
        self._arrived: asyncio.Queue[Arrival | None] = asyncio.Queue()

    async def send(self, message: bytes, /) -> None:
        """Note a message."""
        now = time.monotonic()
        self.sent.append((now, len(message)))
        if b'"cmd":"interrupt"' in message:
            self.interrupted_at = now
            answer = message.replace(b'"cmd":"interrupt"', b'"cmd":"interrupt","code":1000')
            self._arrived.put_nowait(answer)

    async def messages(self) -> AsyncIterator[Arrival]:
        """Yield the answers."""
        while (arrival := await self._arrived.get()) is not None:
            yield arrival

    async def close(self) -> None:
        """End the answers."""
        self._arrived.put_nowait(None)

    def figures(self, waits: list[float]) -> Figures:
        """Return the milliseconds of the interrupts, and the most bytes of any second."""
        waits.sort()
        most = max(
            sum(size for moment, size in self.sent if start <= moment < start + 1)
            for start, _ in self.sent
        )
        return {
            "p50": 1e3 * quantile(waits, 0.5),
            "longest": 1e3 * waits[-1],
            "interrupts": len(waits),
            "busiest": most,
        }


async def ours(_meter: Meter, *, waiting: int, rounds: int) -> Figures:
    """Say a text of so many bytes, and interrupt it at some moment of its first second."""
    carrier, waits, dice = Carrier(), list[float](), random.Random(1)
    conversation = Conversation(carrier, LoopClock())
    conversation.begin()
    for _ in range(rounds):
        await conversation.say(text_of(waiting))
        await asyncio.sleep(dice.random())
        began = time.monotonic()
        await conversation.interrupt()
        waits.append(carrier.interrupted_at - began)
    await conversation.end("closed")
    return carrier.figures(waits)


async def fifo(_meter: Meter, *, waiting: int, rounds: int) -> Figures:
    """Do the same with a plain queue, at the pace of the sample on Akool's page."""
    carrier, waits, dice = Carrier(), list[float](), random.Random(1)
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    sending = asyncio.create_task(_emptied(queue, carrier))
    for _ in range(rounds):
        for message in messages.chat(text_of(waiting)):
            queue.put_nowait(message)
        await asyncio.sleep(dice.random())
        began = time.monotonic()
        queue.put_nowait(messages.interrupt())
        await queue.join()
        waits.append(carrier.interrupted_at - began)
    sending.cancel()
    return carrier.figures(waits)


async def _emptied(queue: asyncio.Queue[bytes], carrier: Carrier) -> None:
    while True:
        message = await queue.get()
        await carrier.send(message)
        await asyncio.sleep(len(message) / 6000)
        queue.task_done()


def text_of(size: int) -> str:
    """Return a text of so many bytes."""
    return (SENTENCE * (size // len(SENTENCE) + 1))[:size]
