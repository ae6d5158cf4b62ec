"""What waits to be sent: commands ahead of texts, never faster than the carrier takes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

from akool_async.clock import Clock
from akool_async.streaming.messages import Limits, Pace
from akool_async.streaming.transport import Transport


class Posted:
    """A message that waits to be sent, or was sent."""

    __slots__ = ("data", "left", "when_left")

    def __init__(self, data: bytes, when_left: Callable[[], object] | None = None) -> None:
        self.data = data
        self.left = False
        """Whether the carrier has taken it."""
        self.when_left = when_left


class Outbox:
    """The queue of a conversation, and the task that empties it.

    Args:
        limits: What the carrier takes.
        clock: Where time comes from.
        failed: Called with what `send` raised. The task goes on with what is posted afterwards.
    """

    def __init__(
        self, limits: Limits, clock: Clock, failed: Callable[[BaseException], object]
    ) -> None:
        self._pace = Pace(limits)
        self._clock = clock
        self._failed = failed
        self._commands: deque[Posted] = deque()
        self._texts: deque[Posted] = deque()
        self._holds = 0
        self._news = asyncio.Event()

    def post_texts(self, messages: Sequence[bytes], when_left: Callable[[], object]) -> None:
        """Let messages of a text wait behind all others; `when_left` is called for each."""
        self._texts.extend(Posted(each, when_left) for each in messages)
        self._news.set()

    def post_command(self, message: bytes, *, first: bool) -> Posted:
        """Let a command wait ahead of all texts; with `first`, ahead of other commands, too."""
        posted = Posted(message)
        (self._commands.appendleft if first else self._commands.append)(posted)
        self._news.set()
        return posted

    def withdraw(self, posted: Posted) -> None:
        """Drop a command that has not left."""
        if posted in self._commands:
            self._commands.remove(posted)

    def drop_texts(self) -> None:
        """Drop all texts that have not left."""
        self._texts.clear()

    def drop(self) -> None:
        """Drop all that has not left."""
        self._texts.clear()
        self._commands.clear()

    @contextmanager
    def texts_held(self) -> Generator[None]:
        """Send commands only while the block runs."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            self._news.set()

    async def run(self, transport: Transport) -> None:
        """Send what is posted, until this task is cancelled."""
        while True:
            self._news.clear()
            lane = self._next_lane()
            if lane is None:
                await self._news.wait()
                continue
            size, command = len(lane[0].data), lane is self._commands
            delay = self._pace.delay(size, self._clock.time(), command=command)
            if delay > 0:
                await self._news_within(delay)
                continue
            await self._send(transport, lane.popleft())
            await asyncio.sleep(0)  # a carrier that never waits would keep all other tasks waiting

    def _next_lane(self) -> deque[Posted] | None:
        if self._commands:
            return self._commands
        return self._texts if self._texts and not self._holds else None

    async def _news_within(self, seconds: float) -> None:
        """Wait until something is posted, at most some seconds."""
        timer = self._clock.call_at(self._clock.time() + seconds, self._news.set)
        try:
            await self._news.wait()
        finally:
            timer.cancel()

    async def _send(self, transport: Transport, posted: Posted) -> None:
        try:
            await transport.send(posted.data)
        except BaseException as error:
            if not is_failure(error):
                raise
            self._failed(error)
        else:
            posted.left = True
            if posted.when_left is not None:
                posted.when_left()
        finally:
            # The moment after: the message left at the latest now, so no window holds too much.
            self._pace.sent(len(posted.data), self._clock.time())


def is_failure(error: BaseException) -> bool:
    """Say whether an error is a transport's own, and no cancel of the running task.

    A transport whose own task was cancelled raises `CancelledError`, too.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and not task.cancelling()
    return isinstance(error, Exception)
