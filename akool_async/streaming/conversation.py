"""What is said in a live session, in both directions, over one transport."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import Literal

from akool_async.clock import Clock
from akool_async.streaming.events import SessionEvent
from akool_async.streaming.speech import Speech
from akool_async.streaming.transport import Transport


class Conversation:
    """What is said in a live session: texts and commands out, events in.

    It knows nothing of Akool's HTTP API: a `LiveSession` begins it, and tells it when the session
    ends.

    Args:
        transport: Carries the messages; `None` where this process only opens the session.
        clock: Where time comes from.
        mode: The mode that the session was opened with: 1 retelling, 2 dialogue; `None` if it was
            not said.
    """

    def __init__(
        self, transport: Transport | None, clock: Clock, *, mode: Literal[1, 2] | None = None
    ) -> None:
        self._transport = transport
        self._clock = clock
        self.mode: Literal[1, 2] | None = mode
        """The mode that is known to be set; `None` while nobody knows."""

    def begin(self) -> None:
        """Begin to read what arrives, and to send."""

    async def end(self, reason: str) -> None:
        """End: nothing more is sent, every `Speech` is cut off, and iterators stop at `Ended`.

        Ending twice does nothing.
        """

    def tell(self, event: SessionEvent) -> None:
        """Give an event to all iterators."""
        raise NotImplementedError

    async def say(self, text: str) -> Speech:
        """Let the avatar say a text."""
        raise NotImplementedError

    async def interrupt(self) -> None:
        """Stop the avatar."""
        raise NotImplementedError

    async def set_params(
        self,
        *,
        vid: str | None = None,
        vurl: str | None = None,
        lang: str | None = None,
        mode: Literal[1, 2] | None = None,
        bgurl: str | None = None,
    ) -> None:
        """Change how the avatar speaks."""
        raise NotImplementedError

    async def speak(self, deltas: AsyncIterable[str]) -> str:
        """Let the avatar say what a language model writes, while it writes."""
        raise NotImplementedError

    def events(self) -> AsyncIterator[SessionEvent]:
        """Return a new iterator of events, from now on."""
        raise NotImplementedError
