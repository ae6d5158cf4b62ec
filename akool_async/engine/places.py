"""Places under the limits on jobs in flight: the client's own limit, quotas, and shared places.

A job takes a place just before its create leaves, and frees it when it ends. Places that are
shared with other clients, or machines, stand behind the protocol `Places`. A shared place is
waited for before a create has a worker, so that a job that waits for one never keeps a worker
from others.
"""

from __future__ import annotations

import asyncio
import functools
from collections import Counter
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Protocol

from akool_async.engine.record import JobRecord
from akool_async.engine.room import Room
from akool_async.engine.tasks import start
from akool_async.observers import logger


class Semaphore(Protocol):
    """A limit of the user's own, such as an `asyncio.Semaphore` that several clients share."""

    async def acquire(self) -> Any:
        """Wait for a place, and take it."""
        ...

    def release(self) -> Any:
        """Give a place back."""
        ...


class Places(Protocol):
    """Places that a client shares with others. Each belongs to a job of some operation."""

    def try_take(self, name: str) -> bool:
        """Take a place for a job of an operation, if one is free at once."""
        ...

    async def take(self, name: str) -> None:
        """Wait for a place for a job of an operation, and take it."""
        ...

    def release(self, name: str) -> None:
        """Give a place back."""
        ...


class SemaphorePlaces:
    """A user's semaphore as places."""

    def __init__(self, semaphore: Semaphore) -> None:
        self._semaphore = semaphore

    def try_take(self, name: str) -> bool:  # noqa: ARG002 - the same places for all operations
        """Take none: a semaphore does not say whether it would have to wait."""
        return False

    async def take(self, name: str) -> None:  # noqa: ARG002 - the same
        """Wait for the semaphore."""
        await self._semaphore.acquire()

    def release(self, name: str) -> None:  # noqa: ARG002 - the same
        """Release the semaphore."""
        self._semaphore.release()


class SharedPlaces:
    """Waits for shared places, at most once for each operation at a time.

    Args:
        places: The shared places.
        granted: Called when a place has been waited for; uses it by `try_take`, or leaves it.
        failed: Called with an operation's name and the error that waiting ended with.
        cut_off: Called if something else has cancelled, or interrupted, the waiting.
    """

    def __init__(
        self,
        places: Places,
        granted: Callable[[], object],
        failed: Callable[[str, Exception], object],
        cut_off: Callable[[], object] = lambda: None,
    ) -> None:
        self._places = places
        self._granted = granted
        self._failed = failed
        self._cut_off = cut_off
        self._closed = False
        self._waiting: dict[str, asyncio.Task[None]] = {}
        self._in_hand: set[str] = set()
        """The operations for which a place was taken that no job has yet."""

    def try_take(self, name: str) -> bool:
        """Take a place; without one, wait for it in the background, and call `granted` then."""
        if name in self._in_hand:
            self._in_hand.discard(name)
            return True
        if name in self._waiting:
            return False
        if self._is_free(name):
            return True
        over = functools.partial(self._over, name)
        self._waiting[name] = start(self._wait(name), over)
        return False

    def _over(self, name: str, task: asyncio.Task[None]) -> None:
        """Let the jobs wait again that a cancel from outside, or an interrupt, has left waiting."""
        if self._waiting.get(name) is task:
            del self._waiting[name]
        if self._closed or (not task.cancelled() and task.exception() is None):
            return
        self._cut_off()
        self._granted()

    def _is_free(self, name: str) -> bool:
        try:
            return self._places.try_take(name)
        except Exception:  # `take` finds out whether the trouble lasts, and ends one job if so
            logger.exception("%s: taking a place failed", name)
            return False

    async def _wait(self, name: str) -> None:
        try:
            await self._places.take(name)
        except Exception as error:  # noqa: BLE001 - any error of a user's own ends one job
            del self._waiting[name]
            self._failed(name, error)
            return
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Nobody has cancelled this task: the user's own code has raised it.
            del self._waiting[name]
            self._failed(name, RuntimeError("waiting for a place was cancelled"))
            return
        del self._waiting[name]
        self._in_hand.add(name)
        try:
            self._granted()
        finally:
            if name in self._in_hand:  # no job wants it any more
                self._in_hand.discard(name)
                self.release(name)

    def release(self, name: str) -> None:
        """Give a place back. An error of the user's own is logged: it must not lose a job's end."""
        try:
            self._places.release(name)
        except Exception:
            logger.exception("%s: giving a place back failed", name)

    def close(self) -> list[asyncio.Task[None]]:
        """Wait for no more places; return the tasks that end now."""
        self._closed = True
        tasks = list(self._waiting.values())
        for task in tasks:
            task.cancel()
        return tasks


class JobPlaces:
    """The places of one client: its own limit and quotas, and shared places beside them.

    Args:
        room: The client's limit and quotas of the moment.
        shared: Places that are shared with other clients.
    """

    def __init__(self, room: Room, shared: SharedPlaces | None = None) -> None:
        self.room = room
        self._quotas: Mapping[str, int] = {}
        """The quotas that `_taken` counts for."""
        self._shared = shared
        self._sharing: set[JobRecord[Any]] = set()
        """Jobs that hold a shared place. A job that was accepted earlier holds none."""
        self._patterns: dict[str, tuple[str, ...]] = {}
        self._taken: Counter[str] = Counter()
        self._by_name: Counter[str] = Counter()
        """Jobs that hold a place, by operation: quotas may change."""
        self.in_flight = 0
        """Jobs that hold a place now."""
        self.peak = 0
        """The most that ever held one at once."""

    @property
    def full(self) -> bool:
        """Whether no further job may be in flight, of whatever operation."""
        return self.room.paused or self.in_flight >= self.room.limit

    def open_to(self, name: str) -> bool:
        """Say whether the client's own limits allow one more job of an operation in flight."""
        if self.full:
            return False
        patterns = self._patterns_of(name)
        return all(self._taken[each] < self._quotas[each] for each in patterns)

    def _patterns_of(self, name: str) -> tuple[str, ...]:
        if self._quotas is not self.room.quotas:
            self._recount(self.room.quotas)
        if not self._quotas:
            return ()
        known = self._patterns.get(name)
        if known is None:
            known = tuple(each for each in self._quotas if fnmatchcase(name, each))
            self._patterns[name] = known
        return known

    def _recount(self, quotas: Mapping[str, int]) -> None:
        """Count for other quotas which of them the jobs in flight take."""
        self._quotas = quotas
        self._patterns.clear()
        self._taken.clear()
        for name, count in tuple(self._by_name.items()):
            for each in self._patterns_of(name):
                self._taken[each] += count

    def try_take(self, name: str) -> bool:
        """Say whether a job of an operation may be in flight; take its shared place, if any."""
        return self.open_to(name) and (self._shared is None or self._shared.try_take(name))

    def give_back(self, name: str) -> None:
        """Give a shared place back that `try_take` has just taken, and that no job holds."""
        if self._shared is not None:
            self._shared.release(name)

    def hold(self, record: JobRecord[Any]) -> None:
        """Let a job hold the place that `try_take` has just allowed."""
        if self._shared is not None:
            self._sharing.add(record)
        self.add(record)

    def add(self, record: JobRecord[Any]) -> None:
        """Count a job that was accepted earlier. It needs no permission, but counts."""
        patterns = self._patterns_of(record.name)
        # No calls between these: an interrupt comes at a call, and would make a wrong number.
        record.in_flight = True
        self.in_flight += 1
        record.operation.in_flight += 1
        self._by_name[record.operation.name] += 1
        for each in patterns:
            self._taken[each] += 1
        self.peak = max(self.peak, self.in_flight)

    def free(self, record: JobRecord[Any]) -> None:
        """Free a job's place, if it holds one."""
        if not record.in_flight:
            return
        patterns = self._patterns_of(record.name)
        record.in_flight = False
        self.in_flight -= 1
        record.operation.in_flight -= 1
        self._by_name[record.operation.name] -= 1
        for each in patterns:
            self._taken[each] -= 1
        if self._shared is not None and record in self._sharing:
            self._sharing.discard(record)
            self._shared.release(record.name)

    def close(self) -> list[asyncio.Task[None]]:
        """Wait for no shared place any more; return the tasks that end now."""
        return [] if self._shared is None else self._shared.close()
