"""Saving results as their jobs complete: in the background, each until it is on disk."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from akool_async.clock import Clock, Timer
from akool_async.engine import Flight, Step
from akool_async.engine.ledger import Ledger
from akool_async.errors import ClientClosed, JournalError, ResultExpired
from akool_async.journal import Change, State
from akool_async.result import Result

logger = logging.getLogger("akool_async")

TRIES: Final = 6
"""How often a result is saved in vain before that is given up."""
_FIRST, _LONGEST = 5.0, 300.0
"""Seconds: bounds of the first and of every pause between two tries; a download has shorter ones
of its own."""

_CLOSED: Final = "the client was closed first"


class _Order:
    """A result to be saved."""

    __slots__ = ("flight", "result", "tries")

    def __init__(self, flight: Flight[Any], result: Result) -> None:
        self.flight = flight
        self.result = result
        self.tries = 0

    def __str__(self) -> str:
        return f"the result of {self.flight.name} {self.flight.token or self.result.id}"


class Saver:
    """Saves results in a folder, so many at once, oldest first.

    A result that cannot be saved is tried again later, and in the end given up with an error
    in the log that names the job's token; a journal keeps it as unsaved.

    Args:
        folder: Where to; made if it is not there.
        at_once: How many may be under way.
        clock: Where time comes from.
        ledger: Where the paths are written down.
        observe: Told of each result that is on disk, with its path, or was given up, with why.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        at_once: int,
        clock: Clock,
        ledger: Ledger | None = None,
        observe: Callable[[str, Flight[Any], object], object] | None = None,
    ) -> None:
        self._folder = os.path.join(os.fspath(folder), "")  # noqa: PTH118 - says: a folder
        self._at_once = at_once
        self._clock = clock
        self._ledger = ledger
        self._observe = observe
        self._waiting: deque[_Order] = deque()
        self._tasks: dict[asyncio.Task[None], _Order] = {}
        self._timers: dict[_Order, Timer] = {}
        self._stopped = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def left(self) -> int:
        """How many results are not saved yet."""
        return len(self._waiting) + len(self._tasks) + len(self._timers)

    def add(self, flight: Flight[Any], result: Result) -> None:
        """Save a result, if it has media."""
        if result.url and not flight.spared:
            self._queue(_Order(flight, result))

    def _queue(self, order: _Order) -> None:
        if self._stopped:
            self._give_up(order)
            return
        self._idle.clear()
        self._timers.pop(order, None)
        self._waiting.append(order)
        self._pump()

    def _pump(self) -> None:
        while self._waiting and len(self._tasks) < self._at_once:
            order = self._waiting.popleft()
            task = asyncio.get_running_loop().create_task(self._save(order))
            self._tasks[task] = order
            task.add_done_callback(self._over)
        if not self.left:
            self._idle.set()

    def _over(self, task: asyncio.Task[None]) -> None:
        order = self._tasks.pop(task)
        if task.cancelled():  # the client gives up its saves, or the loop is ending
            self._give_up(order)
            self._stop()
        self._pump()

    async def _save(self, order: _Order) -> None:
        try:
            path = await order.result.save(self._folder)
        except Exception as error:  # noqa: BLE001 - any error ends this save, and no other
            self._missed(order, error)
        else:
            self._note(order, State.COMPLETED, saved=str(path.absolute()))
            self._step(Step.SAVED, order, str(path))

    def _step(self, step: str, order: _Order, about: object) -> None:
        order.flight.kind.tally[step] += 1
        if self._observe is not None:
            self._observe(step, order.flight, about)

    def _missed(self, order: _Order, error: Exception) -> None:
        order.tries += 1
        if isinstance(error, ResultExpired):
            logger.error("%s is lost: %s", order, error)
            self._note(order, State.EXPIRED, reason=str(error))
            self._step(Step.UNSAVED, order, error)
        elif order.tries >= TRIES or self._stopped:
            self._give_up(order, error)
        else:
            pause = random.uniform(0, min(_LONGEST, _FIRST * 2.0**order.tries))
            logger.warning("%s is not saved yet: %s; again in %.0f s", order, error, pause)
            when = self._clock.time() + pause
            self._timers[order] = self._clock.call_at(when, lambda: self._queue(order))

    def _give_up(self, order: _Order, why: Exception | None = None) -> None:
        until = order.result.expires_at
        shown = f" until {until:%Y-%m-%d %H:%M} UTC" if until else ""
        told = why or _CLOSED
        logger.error("%s is not saved: %s; akool.job(token) finds it%s", order, told, shown)
        self._step(Step.UNSAVED, order, why or order.flight.error(ClientClosed, _CLOSED))

    def _note(self, order: _Order, state: State, **what: Any) -> None:
        """Write down what became of a result, where there is a journal."""
        entry = order.flight.entry
        if self._ledger is None or entry is None:
            return
        try:
            self._ledger.journal.note_soon(entry, Change(state, **what))
        except JournalError as error:
            problem = str(error)
        else:
            return
        logger.error("%s: the journal does not say that it is %s: %s", order, state, problem)

    async def close(self, limit: float) -> None:
        """Wait until all results are saved, at most `limit` seconds; then give the others up."""
        if self.left and limit > 0:
            logger.info("waiting until %d results are saved", self.left)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limit):
                    await self._idle.wait()
        finally:
            tasks = list(self._tasks)
            self._stop()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _stop(self) -> None:
        """Save nothing more."""
        self._stopped = True
        for timer in self._timers.values():
            timer.cancel()
        given_up = [*self._timers, *self._waiting]
        self._timers.clear()
        self._waiting.clear()
        for order in given_up:
            self._give_up(order)
        for task in self._tasks:
            task.cancel()
