"""A conversation over a carrier that measures each second, loses, doubles and reorders messages."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest

from akool_async.clock import ManualClock
from akool_async.errors import NoAnswer
from akool_async.streaming import AGORA, LIVEKIT, TRTC, Caption, Limits
from akool_async.streaming.conversation import Conversation
from akool_async.streaming.transport import Arrival
from tests.streaming.talking import begun, caption, read, reply
from tests.streaming.test_conversation_events import rest


class Carrier:
    """A transport, and the avatar at its other end, which answers every command.

    Args:
        clock: Where time comes from.
        limits: What it takes.
        seed: Of its dice.
        loses: The share of messages that never arrive.
        doubles: The share that arrives twice.
        delays: A message takes up to so many seconds, so a later one may overtake it.
    """

    def __init__(
        self,
        clock: ManualClock,
        limits: Limits = AGORA,
        *,
        seed: int = 0,
        loses: float = 0.0,
        doubles: float = 0.0,
        delays: float = 0.0,
    ) -> None:
        self.limits = limits
        self.sent: list[tuple[float, int]] = []
        """The moment and the size of each message of the session."""
        self.texts: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
        """The parts of each text that the avatar has heard, by number."""
        self.commands: Counter[str] = Counter()
        """How often the avatar has heard each command, by its `mid`."""
        self._clock, self._dice = clock, random.Random(seed)
        self._loses, self._doubles, self._delays = loses, doubles, delays
        self._arrived: asyncio.Queue[Arrival | None] = asyncio.Queue()

    async def send(self, message: bytes, /) -> None:
        self.sent.append((self._clock.time(), len(message)))
        self._pass(message, self._avatar_hears)

    async def messages(self) -> AsyncIterator[Arrival]:
        while (arrival := await self._arrived.get()) is not None:
            yield arrival

    async def close(self) -> None:
        self._arrived.put_nowait(None)

    def say(self, mid: str, parts: list[str]) -> None:
        """Let the avatar say a text in parts."""
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            self._pass(caption(part, mid=mid, idx=number, fin=last), self._arrived.put_nowait)

    def heard(self, mid: str) -> str | None:
        """Return a text as the avatar has heard it; `None` if a part is missing."""
        parts = [part for _, part in sorted(self.texts[mid].items())]
        whole = bool(parts) and parts[-1]["fin"] and len(parts) == parts[-1]["idx"] + 1
        return "".join(part["pld"]["text"] for part in parts) if whole else None

    def busiest(self, seconds: float = 1.0) -> tuple[int, int]:
        """Return the most messages, and the most bytes, of any second."""
        windows = [
            [size for moment, size in self.sent if start <= moment < start + seconds]
            for start, _ in self.sent
        ]
        return max(map(len, windows)), max(map(sum, windows))

    def _pass(self, message: bytes, arrive: Callable[[bytes], object]) -> None:
        copies = 0 if self._dice.random() < self._loses else 1
        copies += copies and self._dice.random() < self._doubles
        for _ in range(copies):
            when = self._clock.time() + self._dice.random() * self._delays
            self._clock.call_at(when, lambda: arrive(message))

    def _avatar_hears(self, message: bytes) -> None:
        said = read(message)
        if said["type"] == "chat":
            self.texts[said["mid"]][said["idx"]] = said
        else:
            self.commands[said["mid"]] += 1
            self._pass(reply(said), self._arrived.put_nowait)


async def tried(command: Awaitable[object]) -> bool:
    """Wait for a command; return whether it was answered."""
    try:
        await command
    except NoAnswer:
        return False
    return True


async def chatter(
    conversation: Conversation, clock: ManualClock, seed: int, *, stops: bool
) -> tuple[dict[str, str], list[asyncio.Task[bool]]]:
    """Say texts of all sizes and give commands for a minute; return both."""
    dice = random.Random(seed)
    texts: dict[str, str] = {}
    commands: list[asyncio.Task[bool]] = []
    for number in range(60):
        if dice.random() < 0.8:
            text = f"{number} " + "Größe „…“ 世界 😀 and words. " * dice.choice((1, 5, 40, 200))
            texts[(await conversation.say(text)).mid] = text
        given: list[Coroutine[Any, Any, object]] = [
            conversation.set_params(lang="fr") for _ in range(dice.choice((0, 0, 1, 2)))
        ]
        if stops and dice.random() < 0.1:
            given.append(conversation.interrupt())
        commands += [asyncio.create_task(tried(each)) for each in given]
        await clock.advance(dice.random() * 2)
    await clock.advance(120)
    return texts, commands


@pytest.mark.parametrize("limits", [AGORA, TRTC], ids=lambda each: each.carrier)
@pytest.mark.parametrize("seed", range(3))
async def test_no_second_has_more_than_the_carrier_takes_and_every_text_arrives_whole(
    clock: ManualClock, seed: int, limits: Limits
) -> None:
    carrier = Carrier(clock, limits, seed=seed, doubles=0.3, delays=0.4)
    async with begun(carrier, clock) as conversation:
        texts, commands = await chatter(conversation, clock, seed, stops=False)
        assert all(await asyncio.gather(*commands))
        assert {mid: carrier.heard(mid) for mid in texts} == texts
    assert limits.bytes_per_second is not None
    assert limits.messages_per_second is not None
    messages, size = carrier.busiest()
    assert messages <= limits.messages_per_second
    assert 0.5 * limits.bytes_per_second < size <= limits.bytes_per_second
    assert max(size for _, size in carrier.sent) <= limits.largest


@pytest.mark.parametrize("seed", range(5))
async def test_where_one_message_in_four_is_lost_commands_work_and_nothing_hangs(
    clock: ManualClock, seed: int
) -> None:
    carrier = Carrier(clock, seed=seed, loses=0.25, doubles=0.3, delays=0.4)
    async with begun(carrier, clock) as conversation:
        texts, commands = await chatter(conversation, clock, seed, stops=True)
        answered = await asyncio.gather(*commands)
        # Each try fails with a probability of 0.44, so all three do with one of 0.08.
        assert answered.count(True) > 0.75 * len(answered)
        assert max(carrier.commands.values()) > 1
        # The bytes of a text that the avatar heard whole are those that were said.
        heard = {mid: carrier.heard(mid) for mid in texts}
        assert {mid: text for mid, text in heard.items() if text is not None}.items() <= (
            texts.items()
        )
    messages, size = carrier.busiest()
    assert messages <= 30
    assert size <= 6000


@pytest.mark.parametrize("seed", range(5))
async def test_captions_are_whole_or_say_that_something_is_missing(
    clock: ManualClock, seed: int
) -> None:
    carrier = Carrier(clock, LIVEKIT, seed=seed, loses=0.1, doubles=0.5, delays=0.4)
    said = {f"bot-{number}": [f"{number}.{part} " for part in range(8)] for number in range(20)}
    async with begun(carrier, clock) as conversation:
        events = conversation.events()
        for mid, parts in said.items():
            carrier.say(mid, parts)
            await clock.advance(0.3)
        await clock.advance(60)
        await conversation.end("closed")
        told: dict[str, list[Caption]] = defaultdict(list)
        for event in await rest(events):
            if isinstance(event, Caption):
                told[event.mid].append(event)
    whole = 0
    for mid, captions in told.items():
        text, expected = "".join(each.text for each in captions), "".join(said[mid])
        assert [each.final for each in captions] == [*[False] * (len(captions) - 1), True]
        assert (text == expected) != any(each.gap for each in captions)
        whole += text == expected
    assert 0 < whole < len(said)
