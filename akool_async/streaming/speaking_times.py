"""When the avatar says which text: as the carrier tells it, else estimated from the length."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from typing import Final

from akool_async.clock import Clock, Timer
from akool_async.streaming.speech import SpeechState

LATENCY: Final = 1.0
"""Seconds, as estimated, from the last message of a text to the first word."""
UNTOLD: Final = 3.0
"""Seconds longer than estimated until a text counts as said, though the carrier that tells when the
avatar speaks did not do so for this text."""
_UNENDED: Final = 10.0


class SpeakingTimes:
    """The texts that were not said to their ends, in the order in which the avatar says them.

    Only the first of them can be spoken. Where the carrier tells when the avatar speaks, that
    decides; messages of that kind may be lost, so a time limit ends each text in any case.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._states: deque[SpeechState] = deque()
        self._told = False
        """Whether this carrier tells when the avatar speaks."""
        self._free_at = -math.inf
        """When the text before the first one was over."""
        self._timer: Timer | None = None
        self._next_cut: asyncio.Future[None] | None = None
        self.size = 0
        """The bytes of the messages of all texts here."""

    def add(self, state: SpeechState) -> None:
        """Add a text behind all others."""
        self._states.append(state)
        self.size += state.size

    def one_left(self, state: SpeechState) -> None:
        """Note that a message of a text has left."""
        state.begun = True
        state.to_send -= 1
        if state.to_send == 0:
            state.sent_at = self._clock.time()
            self._plan()

    def speaking(self) -> None:
        """Note that the avatar began to speak."""
        self._told = True
        if self._states and self._states[0].begun and self._states[0].heard_at is None:
            first = self._states[0]
            first.started, first.estimated = True, False
            first.heard_at = first.began_at = self._clock.time()
            self._plan()

    def silent(self) -> None:
        """Note that the avatar stopped speaking."""
        if self._states and self._states[0].heard_at is not None and self._states[0].to_send == 0:
            self._finish()

    def cut_off(self) -> None:
        """Cut off all texts."""
        for state in self._states:
            state.cut_off = True
            state.cut_at = self._clock.time()
            state.over.set()
        self._states.clear()
        self.size = 0
        self._free_at = self._clock.time()
        self._plan()
        if self._next_cut is not None:
            self._next_cut.set_result(None)
            self._next_cut = None

    def next_cut(self) -> asyncio.Future[None]:
        """Return what is done when all texts are cut off next, though there be none."""
        if self._next_cut is None:
            self._next_cut = asyncio.get_running_loop().create_future()
        return self._next_cut

    def _finish(self) -> None:
        state = self._states.popleft()
        self.size -= state.size
        state.started = True
        state.over.set()
        self._free_at = self._clock.time()
        self._plan()

    def _plan(self) -> None:
        """Set the timer for what happens next to the first text."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        first = self._states[0] if self._states else None
        if first is None or first.sent_at is None:
            return
        if first.heard_at is not None:
            self._at(first.heard_at + 2 * first.seconds + _UNENDED, self._give_up)
        elif self._told:
            self._at(max(first.sent_at, self._free_at) + UNTOLD + first.seconds, self._finish)
        else:
            began = max(first.sent_at + LATENCY, self._free_at)
            if first.started:
                self._at(began + first.seconds, self._finish)
            else:
                self._at(began, self._start)

    def _at(self, when: float, step: Callable[[], None]) -> None:
        self._timer = self._clock.call_at(when, step)

    def _start(self) -> None:
        first = self._states[0]
        first.started, first.began_at = True, self._clock.time()
        self._plan()

    def _give_up(self) -> None:
        """Go by the estimate: the carrier said when the text began, and not when it ended."""
        self._states[0].estimated = True
        self._finish()
