"""What is said in a live session, in both directions, over one transport.

How this works
--------------
Two tasks run while a session is open. One empties the `Outbox`: commands ahead of texts, at the
carrier's pace. The other reads what arrives: answers go to `Commands`, news of the avatar's voice
to `SpeakingTimes`, and events to each iterator of the `FanOut`. All else happens at once, in the
caller's turn of the event loop, so no cancel leaves it half done.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from functools import partial
from typing import Final, Literal

from akool_async.clock import Clock
from akool_async.errors import (
    CommandRefused,
    NotJoined,
    SessionEnded,
    StreamingError,
    TooMuchWaiting,
)
from akool_async.observers import logger
from akool_async.streaming import messages
from akool_async.streaming.commands import Commands
from akool_async.streaming.events import Ended, Joined, Left, SessionEvent, Silent, Speaking
from akool_async.streaming.fan_out import FanOut
from akool_async.streaming.messages import AGORA, CommandReply
from akool_async.streaming.receiving import Heard, Reader
from akool_async.streaming.sending import Outbox
from akool_async.streaming.speaking import ModelText, Spoken, speak
from akool_async.streaming.speaking_times import SpeakingTimes
from akool_async.streaming.speech import Speech, SpeechState
from akool_async.streaming.speech_rate import seconds_of
from akool_async.streaming.transport import Transport
from akool_async.streaming.waiting import done_within, lasting

MOST_WAITING: Final = 256 * 1024
"""The most bytes, as messages, of texts that were not said to their ends."""
_CLOSING: Final = 2.0
"""Seconds that a transport has to close."""


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
        self.model_text: ModelText | None = None
        """What `speak` was given last."""
        self._limits = AGORA if transport is None else transport.limits
        self._outbox = Outbox(self._limits, clock, self._send_failed)
        self._commands = Commands(self._outbox, clock)
        self._times = SpeakingTimes(clock)
        self.next_cut = self._times.next_cut
        self._fan_out = FanOut()
        self._tasks: list[asyncio.Task[None]] = []
        self._present = False
        """Whether iterators are to be told `Left`. A transport may be joined, and not say so."""
        self._lost = False
        """Whether the transport failed, and nobody has joined since."""
        self._ended: str | None = None
        self._closing: asyncio.Task[None] | None = None

    @property
    def joined(self) -> bool:
        """Whether messages can be sent now."""
        if not self._tasks or self._lost or self._ended is not None:
            return False
        return bool(getattr(self._transport, "joined", True))

    def begin(self) -> None:
        """Begin to read what arrives, and to send."""
        transport = self._transport
        if transport is None or self._tasks or self._ended is not None:
            return
        reader = Reader(self._clock, self._hear, self._stopped)
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._outbox.run(transport)),
            loop.create_task(reader.run(transport)),
        ]
        self._present = self.joined

    async def end(self, reason: str) -> None:
        """End: nothing more is sent, every `Speech` is cut off, and iterators stop at `Ended`.

        It closes the transport, which has two seconds for that. Ending twice does nothing.
        """
        if self._closing is None:
            self._ended = reason
            self._drop(partial(SessionEnded, reason))
            self._fan_out.tell(Ended(reason=reason))
            self._closing = asyncio.get_running_loop().create_task(self._close())
        await lasting(self._closing)

    def tell(self, event: SessionEvent) -> None:
        """Give an event to all iterators."""
        self._fan_out.tell(event)

    def events(self) -> AsyncIterator[SessionEvent]:
        """Return a new iterator of events, from now on.

        1024 events wait for an iterator; it loses the oldest of more, and yields `Missed`.
        """
        return self._fan_out.listener()

    async def say(self, text: str) -> Speech:
        """Let the avatar say a text. It waits behind other texts, and leaves as pace allows.

        In mode 2 the avatar answers the text; how long that takes is a guess by the text's length
        where the carrier does not tell when the avatar speaks.

        Raises:
            InvalidInput: the text is blank, too long, or no valid text.
            NotJoined: nobody carries messages now.
            SessionEnded: the session is over.
            TooMuchWaiting: texts of 256 KB were not said yet.
        """
        mid = messages.new_mid()
        parts = messages.chat(text, mid, limits=self._limits)
        self.check_joined()
        state = SpeechState(mid, text, seconds_of(text), tuple(map(len, parts)))
        if self._times.size + state.size > MOST_WAITING:
            raise TooMuchWaiting(self._times.size, MOST_WAITING)
        self._times.add(state)
        self._outbox.post_texts(parts, partial(self._times.one_left, state))
        return Speech(state, self._clock)

    async def interrupt(self) -> CommandReply:
        """Stop the avatar: drop what waits to be said, and return Akool's answer.

        At once, every unfinished `Speech` is cut off, and what was not sent yet is dropped, also
        the rest of a text of which a part has left. The command goes out ahead of everything, and
        is repeated like those of `set_params`. What is said meanwhile waits for the answer, so
        that no repetition cuts it off.

        Raises:
            CommandRefused: Akool refused it.
            NoAnswer: no answer came within 6 seconds.
            NotJoined: nobody carries messages now, or not any more.
            SessionEnded: the session is over.
        """
        self.check_joined()
        self._outbox.drop_texts()
        self._times.cut_off()
        mid = messages.new_mid()
        message = messages.interrupt(mid=mid, limits=self._limits)
        with self._outbox.texts_held():
            return await self._commands.ask("interrupt", mid, message, first=True)

    async def set_params(
        self,
        *,
        vid: str | None = None,
        vurl: str | None = None,
        lang: str | None = None,
        mode: Literal[1, 2] | None = None,
        bgurl: str | None = None,
    ) -> None:
        """Change how the avatar speaks; return when Akool has done so.

        The command overtakes texts that wait. It is repeated, with the same `mid`, 2 and 4 seconds
        later if no answer has come.

        Args:
            vid: A voice's id.
            vurl: The address of a voice.
            lang: The `lang_code` that the avatar answers in.
            mode: 1: the avatar says what it is sent. 2: it answers.
            bgurl: The address of a picture or video behind the avatar.

        Raises:
            InvalidInput: a value breaks a rule, or there is none.
            CommandRefused: Akool refused it.
            NoAnswer: no answer came within 6 seconds. It may have been carried out.
            NotJoined: nobody carries messages now, or not any more.
            SessionEnded: the session is over.
        """
        mid = messages.new_mid()
        message = messages.set_params(
            vid=vid, vurl=vurl, lang=lang, mode=mode, bgurl=bgurl, mid=mid, limits=self._limits
        )
        self.check_joined()
        try:
            await self._commands.ask("set-params", mid, message)
        except CommandRefused:
            raise
        except BaseException:
            if mode is not None and mode != self.mode:
                self.mode = None  # it may have been carried out
            raise
        if mode is not None:
            self.mode = mode

    async def speak(self, deltas: AsyncIterable[str]) -> str:
        """Let the avatar say what a language model writes, as it writes; see `speaking.speak`."""
        return await speak(self, deltas)

    @property
    def spoken(self) -> Spoken:
        """What was spoken so far of the text that `speak` was given last."""
        return Spoken() if self.model_text is None else self.model_text.spoken

    def check_joined(self) -> None:
        """Raise `NotJoined` or `SessionEnded` if nothing can be sent now."""
        if self._ended is not None:
            raise SessionEnded(self._ended)
        if self._transport is None:
            raise NotJoined("the session has no transport: pass transport= to streaming.open")
        if not self.joined:
            raise NotJoined("nobody carries messages to the avatar's channel now")
        self._present = True

    def _hear(self, heard: Heard) -> None:
        """Take what the reader read."""
        if isinstance(heard, CommandReply):
            self._commands.take(heard)
            return
        if isinstance(heard, Left):
            self._leave(heard)
            return
        if isinstance(heard, Joined):
            self._present, self._lost = True, False
        elif isinstance(heard, Speaking):
            self._times.speaking()
        elif isinstance(heard, Silent):
            self._times.silent()
        self.tell(heard)

    def _leave(self, left: Left) -> None:
        """Cut off what waits, and tell of it if that is news."""
        self._drop(_gone)
        if self._present:
            self._present = False
            self.tell(left)

    def _send_failed(self, error: BaseException) -> None:
        # A page may leave while a message is on its way to it. Its transport knows whether one is
        # there, and its `messages()` tell who comes and goes: by now, another one may be there.
        if isinstance(error, NotJoined) and hasattr(self._transport, "joined"):
            self._drop(_gone)
        else:
            self._stopped(error)

    def _stopped(self, error: BaseException | None) -> None:
        """Go on without the transport, until somebody joins."""
        if not self._lost:
            self._lost = True
            if error is not None:
                logger.error("the transport of a live session failed: %r", error, exc_info=error)
        how = "was closed" if error is None else "failed"
        self._leave(Left(reason=f"the transport {how}"))

    def _drop(self, why: Callable[[], StreamingError]) -> None:
        self._outbox.drop()
        self._times.cut_off()
        self._commands.fail(why)

    async def _close(self) -> None:
        """End the tasks and close the transport; whatever that does, the session is over."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            await self._ended_by(task)
        if self._transport is not None:
            await self._ended_by(asyncio.ensure_future(self._transport.close()))

    async def _ended_by(self, ending: asyncio.Future[None]) -> None:
        if not await done_within(self._clock, _CLOSING, ending):
            ending.cancel()
            logger.error("a live session is over, and its transport does not close")
        elif not ending.cancelled() and (error := ending.exception()) is not None:
            logger.error("the transport of a live session failed: %r", error, exc_info=error)


def _gone() -> NotJoined:
    return NotJoined("whoever carried messages to the avatar's channel has left")
