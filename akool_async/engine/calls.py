"""Runs coroutine functions of the user: hooks, done callbacks, and what is told of ends.

How this works
--------------
Calls that belong together, such as those of one hook about one job, are a lane: they run one after
the other, in order. At most `AT_ONCE` run at once. Each runs in a task of its own, in the context
that it was added in. What it raises is logged, and is its own.

A call that has to succeed is made again after a pause. Its lane waits, and holds up no other.

Back-pressure: while more than `MOST` calls wait, no further job is created. A call may itself wait
for a job, though. So where no call has returned for `PATIENCE` seconds, jobs are created again.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections import deque
from collections.abc import Callable
from inspect import isawaitable
from typing import Any, Final

from akool_async.clock import Clock, Timer, wait_for_all
from akool_async.engine.tasks import NAME, start
from akool_async.observers import logger

AT_ONCE: Final = 100
"""Calls that run at once."""
MOST: Final = 1000
"""Calls that may wait before creates wait for them."""
PATIENCE: Final = 10.0
"""Seconds without the end of a call after which creates wait no more."""
_FIRST, _LONGEST = 1.0, 300.0
"""Seconds: the first and the longest pause before a failed call is made again."""


class _Call:
    """One call that is to be made."""

    __slots__ = ("argument", "context", "function", "must_succeed", "tries", "what")

    def __init__(
        self,
        what: str,
        function: Callable[[Any], object],
        argument: object,
        context: contextvars.Context,
        *,
        must_succeed: bool,
    ) -> None:
        self.what = what
        self.function = function
        self.argument = argument
        self.context = context
        self.must_succeed = must_succeed
        self.tries = 0

    async def run(self) -> None:
        """Call the function, and await what it returns."""
        outcome = self.function(self.argument)
        if isawaitable(outcome):
            await outcome

    def pause(self) -> float | None:
        """Return the seconds after which it is made again; `None` if that is not needed."""
        if not self.must_succeed:
            return None
        self.tries += 1
        return random.uniform(0.5, 1.0) * min(_LONGEST, _FIRST * 2.0 ** (self.tries - 1))


class Calls:
    """The calls of coroutine functions of one event loop.

    Args:
        clock: Where time comes from.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.relieved: Callable[[], object] = lambda: None
        """Called when creates need not wait any more."""
        self.held = False
        """Whether creates wait, because too many calls do."""
        self.left = 0
        """Calls that have not ended."""
        self._lanes: dict[object, deque[_Call]] = {}
        self._ready: deque[object] = deque()
        """Lanes whose next call may begin."""
        self._running: dict[asyncio.Task[None], object] = {}
        self._pauses: dict[object, Timer] = {}
        self._ended = 0
        self._look: Timer | None = None
        """When it is looked whether calls return, while creates wait."""
        self._gave_up_holding = False
        self._closing = False
        self._idle = asyncio.Event()
        self._idle.set()

    def add(
        self,
        lane: object,
        what: str,
        function: Callable[[Any], object],
        argument: object,
        *,
        context: contextvars.Context | None = None,
        must_succeed: bool = False,
    ) -> None:
        """Call a function soon, after the other calls of its lane.

        Args:
            lane: Says which calls belong together.
            what: Names the call in the log: "a hook".
            function: Returns what is awaited.
            argument: What it is called with.
            context: The context that it runs in; the present one if not given.
            must_succeed: Whether it is called again until it raises nothing.
        """
        context = contextvars.copy_context() if context is None else context
        call = _Call(what, function, argument, context, must_succeed=must_succeed)
        self.left += 1
        self._idle.clear()
        calls = self._lanes.get(lane)
        if calls is not None:
            calls.append(call)
        else:
            self._lanes[lane] = deque([call])
            self._ready.append(lane)
            self._pump()
        if self.left > MOST and not self.held and not self._gave_up_holding:
            self._hold()

    def _pump(self) -> None:
        while self._ready and len(self._running) < AT_ONCE:
            lane = self._ready.popleft()
            call = self._lanes[lane][0]
            loop = asyncio.get_running_loop()
            task = loop.create_task(call.run(), name=NAME, context=call.context)
            self._running[task] = lane
            task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        lane = self._running.pop(task)
        if lane not in self._lanes:  # given up, because the client is closed
            return
        call = self._lanes[lane][0]
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        pause = None if error is None else call.pause()
        if isinstance(error, Exception | asyncio.CancelledError):
            again = "" if pause is None or self._closing else f"; again in {pause:.0f} s"
            logger.error("%s failed%s", call.what, again, exc_info=error)
        if pause is None:
            self._next(lane)
        elif self._closing:
            self._drop(lane)
        else:
            when = self._clock.time() + pause
            self._pauses[lane] = self._clock.call_at(when, lambda: self._again(lane))
        self._pump()

    def _next(self, lane: object) -> None:
        """Turn to the next call of a lane, since one has ended."""
        calls = self._lanes[lane]
        calls.popleft()
        self._ended += 1
        if calls:
            self._ready.append(lane)
        else:
            del self._lanes[lane]
        self._less(1)

    def _again(self, lane: object) -> None:
        del self._pauses[lane]
        self._ready.append(lane)
        self._pump()

    def _drop(self, lane: object) -> None:
        self._less(len(self._lanes.pop(lane)))

    def _less(self, ended: int) -> None:
        self.left -= ended
        if not self.left:
            self._idle.set()
        if self.left <= MOST // 2:
            self._gave_up_holding = False
            self._release()

    # Back-pressure

    def _hold(self) -> None:
        logger.info("%d calls of hooks wait: no job is created until they are fewer", self.left)
        self.held = True
        self._watch_progress()

    def _watch_progress(self) -> None:
        before = self._ended

        def look() -> None:
            if self.held and self._ended > before:
                self._watch_progress()
            elif self.held:
                logger.warning("hooks do not return: %d calls wait; jobs are created", self.left)
                self._gave_up_holding = True
                self._release()

        self._look = self._clock.call_at(self._clock.time() + PATIENCE, look)

    def _release(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None
        if self.held:
            self.held = False
            self.relieved()

    # The end

    async def close(self, seconds: float) -> None:
        """Wait until all calls have ended, at most some seconds; then cancel the others.

        Calls that pause are not made again: they are left to the next process.
        """
        self._closing = True
        for lane, timer in tuple(self._pauses.items()):
            timer.cancel()
            self._drop(lane)
        self._pauses.clear()
        idle = start(self._wait())
        try:
            await wait_for_all([idle], seconds)
        finally:
            idle.cancel()
            tasks = [idle, *self._running]
            self._stop()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _wait(self) -> None:
        await self._idle.wait()

    def _stop(self) -> None:
        if self.left:
            logger.warning("%d calls of hooks were cut off: the client was closed", self.left)
        self._release()
        self._ready.clear()
        self._lanes.clear()
        self.left = 0
        self._idle.set()
        for task in self._running:
            task.cancel()
