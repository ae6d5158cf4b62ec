"""A live avatar's session, for `async with`: it is talked with, and it is always closed."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Final, Literal

from akool_async.clock import Timer
from akool_async.errors import JobCancelled, JobFailed, NotFound
from akool_async.observers import logger
from akool_async.protocol.endpoint import Command, Startable
from akool_async.streaming.closing import ClosingSession, Opener, not_open
from akool_async.streaming.conversation import Conversation
from akool_async.streaming.events import SessionEvent, Warned
from akool_async.streaming.messages.received import CommandReply
from akool_async.streaming.session import Session, SessionCredentials
from akool_async.streaming.speaking import Spoken
from akool_async.streaming.speech import Speech
from akool_async.streaming.transport import Transport

_TOKEN: Final = timedelta(minutes=5)
"""How long a token is valid (T31)."""
_WARNING: Final = 30.0
"""Seconds before the end of the token, and of the session, in which `Warned` says so."""


class LiveSession(ClosingSession[Session]):
    """A session with a live avatar, for `async with`; `akool.streaming.open(...)` makes it.

    It is closed when the block is left, whatever ends it. At the end of its `duration`, or when a
    lookup shows that it is over, it is closed at once, and the conversation ends: iterators stop
    at `Ended`, and sending raises `SessionEnded`. Each 30 s a lookup asks whether it is over.

    Raises:
        CreateOutcomeUnknown: on entering: the session may be open, and nobody knows its id.
        SessionLeftOpen: on leaving a block that raised nothing: the session could not be closed
            within `grace` seconds.
    """

    def __init__(
        self,
        client: Opener,
        create: Startable[Session],
        close: Callable[[str], Command[None]],
        *,
        transport: Transport | None,
        grace: float,
        mode: Literal[1, 2] | None,
        duration: float | None = None,
    ) -> None:
        super().__init__(client, create, close, grace=grace, duration=duration)
        self.conversation = Conversation(transport, client.clock, mode=mode)
        self._timers: list[Timer] = []

    # The session at Akool

    @property
    def credentials(self) -> SessionCredentials:
        """What a page needs to join the channel; the repr hides the token."""
        return self.receipt.credentials

    @property
    def opened_at(self) -> datetime:
        """When Akool's answer to the create came, in UTC."""
        opened = self._entered().opened_at
        if opened is None:
            raise not_open()
        return opened

    @property
    def join_before(self) -> datetime:
        """When the token ends, in UTC: 5 minutes after Akool's answer (T31)."""
        return self.opened_at + _TOKEN

    @property
    def ends_at(self) -> datetime | None:
        """When Akool ends the session, in UTC; `None` if it was opened without a duration."""
        if self._duration is None:
            return None
        return self.opened_at + timedelta(seconds=self._duration)

    @property
    def remaining(self) -> float | None:
        """Seconds until `ends_at`, at least 0; `None` if it was opened without a duration."""
        return self._seconds_left()

    def _begun(self) -> None:
        self.conversation.begin()
        self._arm(_TOKEN.total_seconds(), "token")
        if self._duration is not None:
            self._arm(self._duration, "session")
            self._ring(self._duration, lambda: self.end("expired"))

    def _arm(self, end: float, what: str) -> None:
        """Warn of an end, some seconds before it."""
        self._ring(end - _WARNING, lambda: self._warn(end, what))

    def _ring(self, age: float, callback: Callable[[], object]) -> None:
        clock = self._client.clock
        self._timers.append(clock.call_at(clock.time() + age - self._entered().age, callback))

    def _warn(self, end: float, what: str) -> None:
        if what != "token" or not self.conversation.joined:
            self.conversation.tell(Warned(seconds=end - self._entered().age, what=what))

    def _job_ended(self) -> None:
        super()._job_ended()
        if self.job.id is None or self.closed:
            return
        error = self.job.exception()
        if error is None or isinstance(error, NotFound):
            self.end("ended at Akool")
        elif isinstance(error, JobFailed):
            self.end("failed")
        elif isinstance(error, JobCancelled):
            self.end("closed")
        else:  # such as a key that Akool refuses by now
            logger.warning("%r: no lookup asks whether it goes on any more: %s", self, error)

    async def _over(self, reason: str) -> None:
        for timer in self._timers:
            timer.cancel()
        try:
            await self.conversation.end(reason)
        except Exception:  # such as of the user's transport
            logger.exception("%r: the end of its conversation failed", self)

    # The conversation

    async def say(self, text: str) -> Speech:
        """Let the avatar say a text, behind those that wait; see `Conversation.say`.

        Raises:
            InvalidInput: the text is blank, too long, or no valid text.
            NotJoined: nobody carries messages now.
            SessionEnded: the session is over.
            TooMuchWaiting: texts of 256 KB were not said yet.
        """
        return await self.conversation.say(text)

    async def interrupt(self) -> CommandReply:
        """Stop the avatar, and drop what waits to be said; return Akool's answer.

        Raises:
            CommandRefused: Akool refused it.
            NoAnswer: no answer came within 6 seconds.
            NotJoined: nobody carries messages now, or not any more.
            SessionEnded: the session is over.
        """
        return await self.conversation.interrupt()

    async def set_params(
        self,
        *,
        vid: str | None = None,
        vurl: str | None = None,
        lang: str | None = None,
        mode: Literal[1, 2] | None = None,
        bgurl: str | None = None,
    ) -> None:
        """Change how the avatar speaks; see `Conversation.set_params` for what it takes.

        Raises:
            InvalidInput: a value breaks a rule, or there is none.
            CommandRefused: Akool refused it.
            NoAnswer: no answer came within 6 seconds. It may have been carried out.
            NotJoined: nobody carries messages now, or not any more.
            SessionEnded: the session is over.
        """
        await self.conversation.set_params(vid=vid, vurl=vurl, lang=lang, mode=mode, bgurl=bgurl)

    async def speak(self, deltas: AsyncIterable[str]) -> str:
        """Let the avatar say what a language model writes, while it writes.

        A sentence leaves as soon as its end is certain. At most two are sent that were not said to
        their ends; meanwhile, the model is read no further. An interrupt, the end of the session
        and a page that leaves end it; whatever ends it closes the iterator. A cancel, or an error
        of the model, does not stop the avatar: it says what was sent, and `spoken` tells how much.

        Args:
            deltas: The pieces of the model's text, from an async iterator.

        Returns:
            What was really said: a beginning of the model's text, as `spoken` tells, too.

        Raises:
            InvalidInput: the session is in mode 2, in which the avatar would answer the model; or
                `deltas` yields something else than texts.
            AlreadySpeaking: another `speak` is under way.
            CommandRefused: Akool refused mode 1.
            NoAnswer: Akool did not answer to mode 1.
            NotJoined: nobody carries messages now.
            SessionEnded: the session is over.
        """
        return await self.conversation.speak(deltas)

    @property
    def spoken(self) -> Spoken:
        """What was spoken so far of the text that `speak` was given last."""
        return self.conversation.spoken

    def __aiter__(self) -> AsyncIterator[SessionEvent]:
        return self.conversation.events()
