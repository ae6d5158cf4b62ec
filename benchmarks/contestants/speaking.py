"""A language model's answer, on its way to an avatar: how soon its first sentence is there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator

from akool_async.clock import LoopClock
from akool_async.streaming import messages
from akool_async.streaming.conversation import Conversation
from benchmarks.contestants.interrupting import Carrier
from benchmarks.meter import Figures, Meter, quantile

SENTENCE = "The avatar says what a language model writes, while it is still writing. "


class Model:
    """Writes an answer word by word, and notes when it began, and when a first sentence was whole.

    Args:
        sentences: How many it writes.
        pause: Seconds before each word.
    """

    def __init__(self, sentences: int, pause: float) -> None:
        self._words = [f"{word} " for word in SENTENCE.split()] * sentences
        self._pause = pause
        self.began = 0.0
        self.ended_sentence = 0.0

    async def write(self) -> AsyncGenerator[str]:
        """Yield the words; the blank behind the last one of a sentence proves its end."""
        self.began = time.monotonic()
        for word in self._words:
            await asyncio.sleep(self._pause)
            if not self.ended_sentence and word.endswith(". "):
                self.ended_sentence = time.monotonic()
            yield word


class Wire(Carrier):
    """A carrier that tells of each message."""

    def __init__(self) -> None:
        super().__init__()
        self.news = asyncio.Event()

    async def send(self, message: bytes, /) -> None:
        """Note a message."""
        await super().send(message)
        self.news.set()


async def ours(_meter: Meter, *, sentences: int, pause: float, rounds: int) -> Figures:
    """Let an avatar say answers by `speak`; each is interrupted when its first sentence is sent."""
    carrier, runs = Wire(), list[tuple[float, float]]()
    conversation = Conversation(carrier, LoopClock(), mode=1)
    conversation.begin()
    for _ in range(rounds):
        model, before = Model(sentences, pause), len(carrier.sent)
        speaking = asyncio.create_task(conversation.speak(model.write()))
        carrier.news.clear()
        await carrier.news.wait()
        runs.append(_late(model, carrier.sent[before][0]))
        await conversation.interrupt()
        await speaking
    await conversation.end("closed")
    return _figures(runs)


async def whole(_meter: Meter, *, sentences: int, pause: float, rounds: int) -> Figures:
    """Wait for the whole answer, as the sample on Akool's page does, and send it then."""
    carrier, runs = Carrier(), list[tuple[float, float]]()
    for _ in range(rounds):
        model, before = Model(sentences, pause), len(carrier.sent)
        text = "".join([word async for word in model.write()])
        await carrier.send(messages.chat(text)[0])
        runs.append(_late(model, carrier.sent[before][0]))
    return _figures(runs)


def _late(model: Model, sent: float) -> tuple[float, float]:
    return sent - model.began, sent - model.ended_sentence


def _figures(runs: list[tuple[float, float]]) -> Figures:
    """Return milliseconds, from the model's start and from the end of its first sentence."""
    starts, ends = (sorted(each) for each in zip(*runs, strict=True))
    return {
        "answers": len(runs),
        "from_start": 1e3 * quantile(starts, 0.5),
        "p50": 1e3 * quantile(ends, 0.5),
        "longest": 1e3 * ends[-1],
    }
