"""Something that a live avatar was told to say, and how far it is."""

from __future__ import annotations

import asyncio

from akool_async.clock import Clock
from akool_async.streaming.speech_rate import part_said


class SpeechState:
    """How far a text is. The conversation changes it, and a `Speech` shows it.

    Args:
        mid: The text's message.
        text: The text.
        seconds: How long it takes to say it, as estimated.
        messages: The sizes of its messages in bytes.
    """

    def __init__(self, mid: str, text: str, seconds: float, messages: tuple[int, ...]) -> None:
        self.mid = mid
        self.text = text
        self.seconds = seconds
        self.size = sum(messages)
        self.to_send = len(messages)
        """Messages that have not left."""
        self.begun = False
        """Whether one has left."""
        self.sent_at: float | None = None
        """When the last one left."""
        self.heard_at: float | None = None
        """When the carrier said that the avatar began to say it."""
        self.started = False
        self.began_at: float | None = None
        """When the avatar began to say it, as told or estimated."""
        self.cut_at: float | None = None
        """When it was cut off."""
        self.estimated = True
        self.cut_off = False
        self.over = asyncio.Event()


class Speech:
    """A text on its way to the avatar; `await session.say(text)` returns it."""

    def __init__(self, state: SpeechState, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    @property
    def mid(self) -> str:
        """The `mid` of its messages."""
        return self._state.mid

    @property
    def text(self) -> str:
        """The text."""
        return self._state.text

    @property
    def sent(self) -> bool:
        """Whether all its messages have left."""
        return self._state.sent_at is not None

    @property
    def started(self) -> bool:
        """Whether the avatar began to say it; see `estimated`."""
        return self._state.started

    @property
    def cut_off(self) -> bool:
        """Whether it was stopped before its end: by an interrupt, or because nobody hears it."""
        return self._state.cut_off

    @property
    def said(self) -> str:
        """The beginning of the text that was said so far, in whole words.

        All of it, once it was said to its end. Until then the words are estimated from the time,
        also where the carrier says when the avatar speaks.
        """
        state = self._state
        if state.over.is_set() and not state.cut_off:
            return state.text
        if state.began_at is None:
            return ""
        until = self._clock.time() if state.cut_at is None else state.cut_at
        return part_said(state.text, until - state.began_at)

    @property
    def estimated(self) -> bool:
        """Whether its times are estimated from its length.

        They are until the carrier says that the avatar speaks, and not every carrier does.
        """
        return self._state.estimated

    async def spoken(self) -> bool:
        """Wait until it was said to its end, or was cut off; return whether it was said.

        Where the carrier does not say when the avatar speaks, that moment is estimated; see
        `estimated`. An interrupt, the end of the session and a page that leaves cut it off; they
        raise nothing here.
        """
        await self._state.over.wait()
        return not self._state.cut_off

    def __repr__(self) -> str:
        state = self._state
        if state.cut_off:
            now = "cut off"
        elif state.over.is_set():
            now = "spoken"
        else:
            now = "started" if state.started else "sent" if self.sent else "waiting"
        return f"<Speech {state.mid} {now}>"
