"""A simulated avatar, without any media: messages in, messages out, on a clock.

It stands at the other end of the data channel: it puts the parts of a text together, says the
text in a time that its length gives, sends captions while it does, and answers commands. The
peer of `peer.py` gives it a face and a voice; a test may join it to anything that carries bytes.
"""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias, cast

import msgspec
from msgspec import Meta

from akool_async.clock import Clock, Timer
from akool_async.protocol.fields import Share
from akool_async.protocol.value import Input

Seconds: TypeAlias = Annotated[float, Meta(ge=0)]

_MOST_TEXTS: Final = 1000
"""Texts that are remembered, whole or not: one that is sent twice is said once."""
_CAPTION: Final = 24
"""The most characters of a caption, unless a word is longer."""


class AvatarBehaviour(Input):
    """The behaviour of a simulated avatar, and of the channel that leads to it."""

    shows_defaults = True

    speed: Annotated[float, Meta(gt=0)] = 15.0
    """Characters that it says in a second."""
    events: bool = True
    """Whether it says that it begins and ends to speak; not every carrier does."""
    loss_rate: Share = 0.0
    """Share of the messages, in each direction, that are lost, from 0 to 1."""
    double_rate: Share = 0.0
    """Share of the messages that arrive twice, from 0 to 1."""
    late_rate: Share = 0.0
    """Share of the messages that arrive late, from 0 to 1."""
    lateness: Seconds = 1.0
    """The most seconds by which a message arrives late."""
    swap_rate: Share = 0.0
    """Share of the messages that arrive after the next one, from 0 to 1."""
    refusal: int | None = None
    """The code that it answers each command with, instead of carrying it out."""
    hangs_up_after: Seconds | None = None
    """Seconds after which it leaves the channel, from when somebody has joined."""


class Direction:
    """One direction of a channel without order: it may lose, double, delay or swap messages.

    Args:
        clock: The source of time.
        deliver: Takes what arrives.
        behaviour: How often what happens to a message.
        seed: The same seed and messages have the same fates.
    """

    def __init__(
        self,
        clock: Clock,
        deliver: Callable[[bytes], object],
        behaviour: AvatarBehaviour,
        seed: int,
    ) -> None:
        self._clock = clock
        self._deliver = deliver
        self._behaviour = behaviour
        self._random = random.Random(seed)
        self._held: list[bytes] = []
        self._timers: set[Timer] = set()

    def carry(self, message: bytes) -> None:
        """Take a message; it arrives now, later, twice, or never."""
        said, draw = self._behaviour, self._random.random
        lost, doubled, late, swapped = (
            draw() < rate
            for rate in (said.loss_rate, said.double_rate, said.late_rate, said.swap_rate)
        )
        if lost:
            return
        for _ in range(1 + doubled):
            if late:
                self._later(message, self._random.uniform(0, said.lateness))
            elif swapped and not self._held:
                self._held.append(message)
            else:
                self._arrive(message)

    def _arrive(self, message: bytes) -> None:
        self._deliver(message)
        held, self._held = self._held, []
        for each in held:
            self._deliver(each)

    def _later(self, message: bytes, seconds: float) -> None:
        def arrive() -> None:
            self._timers.discard(timer)
            self._arrive(message)

        timer = self._clock.call_at(self._clock.time() + seconds, arrive)
        self._timers.add(timer)

    def close(self) -> None:
        """Let nothing arrive any more."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._held.clear()


class Said(NamedTuple):
    """A text that the avatar was told to say."""

    mid: str
    text: str


class Avatar:
    """A simulated avatar: bytes that arrive go to `take`, and those it sends come by `send`.

    Args:
        clock: The source of time.
        send: Takes each message that it sends, at most 1024 bytes.
        behaviour: Its behaviour.
        mode: 1: it says what it is sent. 2: it answers.
        seed: The same seed and messages have the same fates.
    """

    def __init__(
        self,
        clock: Clock,
        send: Callable[[bytes], object],
        behaviour: AvatarBehaviour | None = None,
        *,
        mode: Literal[1, 2] = 2,
        seed: int = 0,
    ) -> None:
        self._clock = clock
        self._behaviour = behaviour or AvatarBehaviour()
        self._in = Direction(clock, self._arrived, self._behaviour, seed)
        self._out = Direction(clock, send, self._behaviour, seed + 1)
        self._parts: dict[str, _Parts] = {}
        self._waiting: deque[Said] = deque()
        self._speech: _Speech | None = None
        self._timer: Timer | None = None
        self._own_mids = (f"avatar-{number}" for number in count(1))
        self.mode: Literal[1, 2] = mode
        self.params: dict[str, Any] = {}
        """What `set-params` has set, by Akool's names."""
        self.told: list[Said] = []
        """The whole texts that arrived, in their order."""
        self.commands: list[str] = []
        """The commands that arrived, in their order; one that is sent twice stands here twice."""
        self.left = False
        """Whether it has left the channel."""
        self.when_left: list[Callable[[], object]] = []
        """Called when it leaves the channel by itself."""
        self._hanging_up: Timer | None = None

    @property
    def speaking(self) -> bool:
        """Whether it speaks now."""
        return self._speech is not None

    def meet(self) -> None:
        """Take note that somebody has joined the channel, for the first time or again."""
        seconds = self._behaviour.hangs_up_after
        if seconds is not None and self._hanging_up is None:
            self._hanging_up = self._clock.call_at(self._clock.time() + seconds, self.hang_up)

    def take(self, message: bytes) -> None:
        """Take a message from the channel."""
        if not self.left:
            self._in.carry(message)

    def hear(self, seconds: float) -> None:
        """Take note that the user has spoken for some seconds."""
        if self.left:
            return
        self._caption(
            next(self._own_mids), 0, f"(heard {seconds:.1f} s of speech)", "user", last=True
        )
        if self.mode == 2:  # noqa: PLR2004 - a mode, not a number
            self._stop()
            self._say(Said(next(self._own_mids), f"You spoke for {seconds:.1f} seconds."))

    def hang_up(self) -> None:
        """Leave the channel, as an avatar does whose session has ended."""
        if not self.left:
            self.close()
            for told in self.when_left:
                told()

    def close(self) -> None:
        """End: nothing is sent any more."""
        self.left = True
        self._waiting.clear()
        self._speech = None
        for timer in (self._timer, self._hanging_up):
            if timer is not None:
                timer.cancel()
        self._in.close()
        self._out.close()

    # What arrives

    def _arrived(self, message: bytes) -> None:
        try:
            # Not msgspec: a page that cuts a text may send half a character (T32).
            said = json.loads(message)
            kind, mid, content = said["type"], str(said.get("mid", "")), said["pld"]
            if kind == "chat":
                self._part(mid, int(said.get("idx", 0)), content, last=bool(said.get("fin", True)))
            elif kind == "command":
                self._command(mid, content["cmd"], content.get("data"))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return  # nobody knows what Akool does with what it cannot read

    def _part(self, mid: str, idx: int, content: Mapping[str, Any], *, last: bool) -> None:
        parts = self._parts.setdefault(mid, _Parts())
        if len(self._parts) > _MOST_TEXTS:
            del self._parts[next(iter(self._parts))]
        text = parts.add(idx, str(content["text"]), last=last)
        if text is None:
            return
        self.told.append(Said(mid, text))
        answer = text if self.mode == 1 else f"You said: {text}"
        self._say(Said(mid, answer))

    def _command(self, mid: str, command: str, data: object) -> None:
        self.commands.append(command)
        code, msg = self._carried_out(command, data)
        self._send(type="command", mid=mid, pld={"cmd": command, "code": code, "msg": msg})

    def _carried_out(self, command: str, data: object) -> tuple[int, str]:
        if self._behaviour.refusal is not None:
            return self._behaviour.refusal, "refused by the simulator, as its behaviour says"
        if command == "interrupt":
            self._stop()
        elif command != "set-params" or not isinstance(data, dict) or not data:
            return 1003, "Parameter error or Parameter can not be empty"
        else:
            params = cast("dict[str, Any]", data)
            mode = params.get("mode", self.mode)
            if mode not in (1, 2):
                return 1003, "Parameter error: mode"
            self.mode = mode
            self.params |= params
        return 1000, "OK"

    # What it says

    def _say(self, said: Said) -> None:
        self._waiting.append(said)
        if self._speech is None:
            self._begin()

    def _begin(self) -> None:
        if not self._waiting:
            return
        self._speech = _Speech(self._waiting.popleft())
        self._event("audio_start")
        self._go_on()

    def _go_on(self) -> None:
        """Show the next caption, and say it."""
        speech = self._speech
        assert speech is not None
        if speech.over:
            self._fall_silent()
            self._begin()
            return
        idx, text, last = speech.next()
        self._caption(speech.mid, idx, text, "bot", last=last)
        seconds = len(text) / self._behaviour.speed
        self._timer = self._clock.call_at(self._clock.time() + seconds, self._go_on)

    def _stop(self) -> None:
        """Stop speaking, and forget what waits."""
        self._waiting.clear()
        speech = self._speech
        if speech is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        if not speech.over:
            self._caption(speech.mid, speech.idx, "", "bot", last=True)
        self._fall_silent()

    def _fall_silent(self) -> None:
        self._speech = None
        self._event("audio_end")

    def _event(self, event: str) -> None:
        if self._behaviour.events:
            self._send(type="event", mid=next(self._own_mids), pld={"event": event})

    def _caption(self, mid: str, idx: int, text: str, speaker: str, *, last: bool) -> None:
        content = {"from": speaker, "text": text}
        self._send(type="chat", mid=mid, idx=idx, fin=last, pld=content)

    def _send(self, **message: Any) -> None:
        self._out.carry(msgspec.json.encode({"v": 2, **message}))


class _Parts:
    """The parts of one text."""

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}
        self._last: int | None = None
        self._whole = False

    def add(self, idx: int, text: str, *, last: bool) -> str | None:
        """Add a part; return the whole text when it is the one that was missing."""
        self._texts.setdefault(idx, text)
        if last:
            self._last = idx
        if self._whole or self._last is None:
            return None
        if any(number not in self._texts for number in range(self._last + 1)):
            return None
        self._whole = True
        joined = "".join(self._texts[number] for number in range(self._last + 1))
        self._texts.clear()
        # Two halves of a character become one; a half alone becomes a question mark.
        return joined.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class _Speech:
    """What it says now, in the pieces of its captions."""

    def __init__(self, said: Said) -> None:
        self.mid = said.mid
        self.idx = 0
        self._pieces = list(_pieces(said.text)) or [""]

    @property
    def over(self) -> bool:
        return self.idx == len(self._pieces)

    def next(self) -> tuple[int, str, bool]:
        """Return the next caption: its number, its text, and whether it is the last."""
        self.idx += 1
        return self.idx - 1, self._pieces[self.idx - 1], self.over


def _pieces(text: str) -> Iterator[str]:
    """Cut a text into captions, after a blank where one is near."""
    while text:
        cut = text.rfind(" ", 0, _CAPTION) + 1 if len(text) > _CAPTION else len(text)
        cut = cut or _CAPTION
        yield text[:cut]
        text = text[cut:]
