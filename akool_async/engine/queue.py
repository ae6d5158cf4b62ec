"""The order of creates: by priority, in turn between operations, then first come first served."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from akool_async.engine.record import JobRecord
from akool_async.engine.state import QUEUED

_Turns = OrderedDict[str, deque[JobRecord[Any]]]
"""By operation, the jobs that wait. The operation whose turn it is stands first."""


class PendingQueue:
    """Jobs that wait for a place. Each costs an entry in a queue, and no task."""

    def __init__(self) -> None:
        self._by_priority: dict[int, _Turns] = {}
        """Highest priority first."""

    def __bool__(self) -> bool:
        """Say whether there may be a job; cancelled ones count until they are passed over."""
        return bool(self._by_priority)

    def __iter__(self) -> Iterator[JobRecord[Any]]:
        # Copied, since another thread may count waiting jobs while the loop goes on.
        for turns in tuple(self._by_priority.values()):
            for waiting in tuple(turns.values()):
                yield from (record for record in tuple(waiting) if record.state is QUEUED)

    def add(self, record: JobRecord[Any], priority: int = 0) -> None:
        """Put a job at the end of its operation's queue."""
        self._queue(record, priority).append(record)

    def add_first(self, record: JobRecord[Any], priority: int = 0) -> None:
        """Put a job before all others of its operation and priority, unless it stands there."""
        waiting = self._queue(record, priority)
        if not waiting or waiting[0] is not record:
            waiting.appendleft(record)

    def _queue(self, record: JobRecord[Any], priority: int) -> deque[JobRecord[Any]]:
        turns = self._by_priority.get(priority)
        if turns is None:
            self._by_priority[priority] = turns = _Turns()
            self._by_priority = dict(sorted(self._by_priority.items(), reverse=True))
        name = record.operation.name
        if name not in turns:
            turns[name] = deque()
        return turns[name]

    def position(self, record: JobRecord[Any]) -> int | None:
        """Return a job's place in line, from 1; `None` if it does not stand there.

        It is exact as long as a place is free for each operation in turn, and no job of a higher
        priority comes. It costs less than 0.3 µs for each job before it.
        """
        before = 0
        for turns in self._by_priority.values():
            own = turns.get(record.name)
            index = None if own is None else _index(own, record)
            if index is None or own is None:
                before += sum(_standing(waiting) for waiting in turns.values())
                continue
            rounds = _standing(own, index)
            has_come = False
            for waiting in turns.values():
                if waiting is own:
                    has_come = True
                    continue
                before += min(_standing(waiting), rounds if has_come else rounds + 1)
            return before + rounds + 1
        return None

    def take(
        self,
        try_take: Callable[[str], bool],
        hand_over: Callable[[JobRecord[Any]], object] = lambda _record: None,
    ) -> JobRecord[Any] | None:
        """Take out the job whose turn it is.

        Args:
            try_take: Takes a place for an operation; says whether there was one.
            hand_over: Called with the job before it leaves the queue: an interrupt may come in
                between, and then it is better to know of the job twice than not at all.
        """
        for priority, turns in tuple(self._by_priority.items()):
            record = self._take_from(turns, try_take, hand_over)
            if not turns:
                del self._by_priority[priority]
            if record is not None:
                return record
        return None

    @staticmethod
    def _take_from(
        turns: _Turns,
        try_take: Callable[[str], bool],
        hand_over: Callable[[JobRecord[Any]], object],
    ) -> JobRecord[Any] | None:
        for name in tuple(turns):
            waiting = turns[name]
            while waiting and waiting[0].state is not QUEUED:
                waiting.popleft()  # cancelled while it waited
            if not waiting:
                del turns[name]
            elif try_take(name):
                record = waiting[0]
                hand_over(record)
                waiting.popleft()
                turns.move_to_end(name)  # the next operation's turn comes first
                return record
        return None

    def drain(self) -> list[JobRecord[Any]]:
        """Take out all jobs."""
        waiting = list(self)
        self._by_priority.clear()
        return waiting


def _index(waiting: deque[JobRecord[Any]], record: JobRecord[Any]) -> int | None:
    try:
        return waiting.index(record)
    except ValueError:
        return None


def _standing(waiting: deque[JobRecord[Any]], before: int | None = None) -> int:
    """Count the jobs that wait, up to an index; those that were cancelled have not left yet."""
    return [record.state for record in islice(waiting, before)].count(QUEUED)
