"""A live avatar's session, for `async with`: it is talked with, and it is always closed."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable
from datetime import datetime
from typing import Literal

from akool_async.protocol.endpoint import Command, Startable
from akool_async.streaming.closing import ClosingSession, Opener
from akool_async.streaming.conversation import Conversation
from akool_async.streaming.events import SessionEvent
from akool_async.streaming.session import Session, SessionCredentials
from akool_async.streaming.speaking import Spoken
from akool_async.streaming.speech import Speech
from akool_async.streaming.transport import Transport


class LiveSession(ClosingSession[Session]):
    """A session with a live avatar; `akool.streaming.open(...)` makes it."""

    def __init__(
        self,
        client: Opener,
        create: Startable[Session],
        close: Callable[[str], Command[None]],
        *,
        transport: Transport | None,
        grace: float,
        mode: Literal[1, 2] | None,
    ) -> None:
        super().__init__(client, create, close, grace=grace)
        self.conversation = Conversation(transport, client.clock, mode=mode)

    # The session at Akool

    @property
    def credentials(self) -> SessionCredentials:
        """What a page needs to join the channel; the repr hides the token."""
        return self.receipt.credentials

    @property
    def join_before(self) -> datetime:
        """When the token ends: 5 minutes after Akool's answer (T31)."""
        raise NotImplementedError

    @property
    def ends_at(self) -> datetime | None:
        """When Akool ends the session; `None` if it was opened without a duration."""
        raise NotImplementedError

    @property
    def remaining(self) -> float | None:
        """Seconds until `ends_at`, at least 0."""
        raise NotImplementedError

    # The conversation

    async def say(self, text: str) -> Speech:
        """Let the avatar say a text."""
        return await self.conversation.say(text)

    async def interrupt(self) -> None:
        """Stop the avatar, and drop what waits to be said."""
        await self.conversation.interrupt()

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
        await self.conversation.set_params(vid=vid, vurl=vurl, lang=lang, mode=mode, bgurl=bgurl)

    async def speak(self, deltas: AsyncIterable[str]) -> str:
        """Let the avatar say what a language model writes, while it writes."""
        return await self.conversation.speak(deltas)

    @property
    def spoken(self) -> Spoken:
        """What was spoken so far of the text that `speak` was given last."""
        return self.conversation.spoken

    def __aiter__(self) -> AsyncIterator[SessionEvent]:
        return self.conversation.events()
