"""One session of a page: opened, talked with, and closed by whatever comes first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Final

from akool_async.clock import Clock
from akool_async.errors import (
    AkoolError,
    CreateOutcomeUnknown,
    InvalidInput,
    NotJoined,
    SessionEnded,
    SessionLeftOpen,
)
from akool_async.observers import logger
from akool_async.streaming.backend import frames
from akool_async.streaming.backend.allowance import Grant
from akool_async.streaming.backend.answers import stopping
from akool_async.streaming.backend.bucket import Bucket
from akool_async.streaming.backend.connection import Connection
from akool_async.streaming.backend.countdown import Countdown
from akool_async.streaming.backend.rules import Rules
from akool_async.streaming.events import Caption, Ended, SessionEvent, Silent, Speaking
from akool_async.streaming.live_session import LiveSession
from akool_async.streaming.relay import RelayTransport

NOT_OPENED: Final = "not opened in time"
"""The reason of a session for which Akool had no place."""
FAILED: Final = "failed"
"""The reason of a session that could not be opened, or that broke."""
ANNOUNCED: Final = 30.0
"""Seconds before a silent session is closed, when the page is told."""

FRAMES: Final = (100.0, 400.0)
"""Frames a second that a page may send, and at once. Agora's channel brings 30 a second; a page
that was away for some seconds brings what came meanwhile."""
BYTES: Final = (131_072.0, 262_144.0)
"""Bytes a second, and at once."""


class PageSession:
    """A session that a page was given a ticket for.

    It opens and ends in a task of its own, so that no cancel of a request cuts that short.

    Args:
        user: Whose it is.
        live: The session, which is not opened yet.
        transport: What the session talks by.
        grant: The seconds that it may last.
        rules: Say how long it waits for its page.
        clock: Where time comes from.
        on_over: Called once when the session is about to be closed.
    """

    def __init__(
        self,
        *,
        user: str,
        live: LiveSession,
        transport: RelayTransport,
        grant: Grant,
        rules: Rules,
        clock: Clock,
        on_over: Callable[[], object],
    ) -> None:
        self.user = user
        self.transport = transport
        self.reason: str | None = None
        """Why it is over; `None` while it is not."""
        self.failure: BaseException | None = None
        """Why it could not be opened."""
        self.settled = asyncio.Event()
        """Set once it is opened, or could not be, or is over."""
        self.live = live
        self._grant = grant
        self._rules = rules
        self._clock = clock
        self._on_over = on_over
        self._connection: Connection | None = None
        self._listener: asyncio.Task[str] | None = None
        self._answering: asyncio.Task[None] | None = None
        self._interrupting: asyncio.Task[None] | None = None
        self._frames = Bucket(clock, *FRAMES)
        self._bytes = Bucket(clock, *BYTES)
        left = min(ANNOUNCED, rules.silent_for / 2)
        self._open = Countdown(clock, rules.open_within, lambda: self.end(NOT_OPENED))
        self._open.start()
        self._join = Countdown(clock, rules.join_within, lambda: self.end("never joined"))
        self._back = Countdown(clock, rules.back_within, lambda: self.end("the page is gone"))
        self._reload = Countdown(clock, rules.reload_within, self._end_unless_back)
        self._announce = Countdown(
            clock, rules.silent_for - left, lambda: self.tell(frames.written("idle", seconds=left))
        )
        self._silent = Countdown(clock, rules.silent_for, lambda: self.end("nobody said anything"))
        self.task = asyncio.get_running_loop().create_task(self._run())
        """Ends once the session is closed."""

    # Its life

    async def _run(self) -> None:
        used = 0.0
        try:
            async with self.live as session:
                opened = self._clock.time()
                try:
                    await self._listen(aiter(session))
                finally:
                    used = self._clock.time() - opened
        except asyncio.CancelledError:
            self.failure = stopping()
        except SessionLeftOpen:  # it is in the log
            used = self._grant.seconds
        except CreateOutcomeUnknown as error:
            self.failure, used = error, self._grant.seconds
        except Exception as error:
            self.failure = error
            if self._listener is not None:
                logger.exception("session %s failed", self.live.id)
        finally:
            self._note_end(FAILED)
            self._grant.settle(used)

    async def _listen(self, events: AsyncIterator[SessionEvent]) -> None:
        """Pass events on until the session is over."""
        self._open.stop()
        self._join.start()
        self.note_activity()
        self._listener = asyncio.create_task(self._hear_all(events))
        self.settled.set()
        try:
            await asyncio.wait([self._listener])
        finally:
            self._listener.cancel()
        if not self._listener.cancelled():
            self.end(self._listener.result())

    async def _hear_all(self, events: AsyncIterator[SessionEvent]) -> str:
        async for event in events:
            if isinstance(event, Ended):
                return event.reason
            if isinstance(event, Caption | Speaking | Silent):
                self.note_activity()
            if (frame := frames.of_event(event)) is not None:
                self.tell(frame)
        return "ended"

    def end(self, reason: str) -> None:
        """End the session. Only the first reason counts."""
        if not self._note_end(reason):
            return
        if self._listener is not None:
            self._listener.cancel()
        else:
            self.task.cancel()

    def _note_end(self, reason: str) -> bool:
        """Stop all that serves the page; return whether that was still to be done."""
        if self.reason is not None:
            return False
        self.reason = reason
        self.settled.set()
        self._on_over()
        waits = (self._open, self._join, self._back, self._reload, self._announce, self._silent)
        for countdown in waits:
            countdown.stop()
        for task in (self._answering, self._interrupting):
            if task is not None:
                task.cancel()
        if self._connection is not None:
            self._connection.finish(frames.written("ended", reason=reason))
        return True

    def note_activity(self) -> None:
        """Note that somebody said something."""
        if self.reason is None:
            self._announce.start()
            self._silent.start()

    # Its page

    @property
    def connected(self) -> bool:
        """Whether a websocket is there."""
        return self._connection is not None

    def connect(self) -> Connection:
        """Take the place of the one websocket."""
        assert self._connection is None
        self._connection = Connection(self, self._clock)
        self._back.stop()
        self._reload.stop()
        self._expect_page()
        session = self.live
        self.tell(frames.session(session.remaining, session.ends_at, session.join_before))
        return self._connection

    def released(self, connection: Connection) -> None:
        """Note that a websocket is gone; the page may come back for some seconds."""
        if self._connection is connection:
            self._connection = None
            if self.reason is None:
                self._back.start()

    def leave(self) -> None:
        """Note that the page goes away: it comes back soon, if it is reloaded."""
        if self.reason is None:
            self._reload.start()

    def _end_unless_back(self) -> None:
        if not self.connected:
            self.end("the page is gone")

    def _expect_page(self) -> None:
        if not self._join.running:
            self._join.start()

    def tell(self, frame: str) -> None:
        """Send a text frame to the page, if it is there."""
        if self._connection is not None:
            self._connection.tell(frame)

    def may_send(self, size: int) -> bool:
        """Say whether the page may send a frame of that size now."""
        return self._frames.take(1) and self._bytes.take(size)

    def handle(self, said: frames.FromPage) -> None:
        """Do what a text frame of the page says."""
        if self.reason is not None:
            return
        if isinstance(said, frames.Say):
            self._say(said.text)
        elif isinstance(said, frames.Interrupt):
            self._interrupt()
        elif isinstance(said, frames.PageJoined):
            self._join.stop()
        elif isinstance(said, frames.PageLeft):
            self._expect_page()
        elif isinstance(said, frames.End):
            self.end("ended by the page")

    def _say(self, text: str) -> None:
        self.note_activity()
        if _runs(self._answering):
            words = "The avatar still works on your last text. Interrupt it, or wait."
            self.tell(frames.refused(words))
        else:
            words = "The avatar could not answer."
            self._answering = self._begin(lambda: self._answer(text), words)

    async def _answer(self, text: str) -> None:
        if not text.strip():
            self.tell(frames.refused("The text is empty."))
        elif self._rules.on_text is None:
            await self.live.say(text)
        else:
            await self._rules.on_text(self.live, text)

    def _interrupt(self) -> None:
        self.note_activity()
        if self._answering is not None:
            self._answering.cancel()
        if not _runs(self._interrupting):
            words = "The avatar could not be interrupted."
            self._interrupting = self._begin(self.live.interrupt, words)

    def _begin(
        self, work: Callable[[], Coroutine[Any, Any, object]], words: str
    ) -> asyncio.Task[None]:
        """Do in a task what the page asked for; if it fails, tell the page in these words."""

        async def done() -> None:
            try:
                await work()
            except SessionEnded:
                return
            except NotJoined:
                self.tell(frames.refused("The avatar is not there yet."))
            except InvalidInput as error:
                shown = f"The text {error.rule}." if error.field == "text" else words
                self.tell(frames.refused(shown))
            except AkoolError as error:
                logger.warning("%s: %s", words, error)
                self.tell(frames.refused(words))
            except Exception:
                logger.exception("on_text= raised an error")
                self.tell(frames.refused(words))

        return asyncio.create_task(done())


def _runs(task: asyncio.Task[None] | None) -> bool:
    return task is not None and not task.done()
