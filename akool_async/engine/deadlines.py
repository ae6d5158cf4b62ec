"""Which watched job of one family runs out of time next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeVar

from akool_async.clock import LATE, Clock, Timer
from akool_async.engine.record import JobRecord
from akool_async.protocol.snapshot import Snapshot

S = TypeVar("S", bound=Snapshot)

_ROUNDING: Final = 1e-6
"""Seconds that rounding may take from a deadline."""
_NEVER: Final = float("inf")

_PAUSE: Final = 0.25
"""Seconds between two questions whether a last look has come."""
_MOST_PAUSES: Final = 120
"""Pauses that a job waits for its last look: half a minute. After a suspend, the network may take
some seconds to come back. Pauses are counted, and not seconds, because of the next suspend."""


class _LastLook:
    """A job whose deadline was noticed late waits for one more look."""

    __slots__ = ("pauses", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self.pauses = 0

    def over(self, record: JobRecord[Any]) -> bool:
        """Say whether a later look showed that the job has not ended, or none came for long."""
        self.pauses += 1
        return record.seen_at >= self.since or self.pauses > _MOST_PAUSES


class Deadlines(Generic[S]):
    """Ends jobs whose time is over, with one timer.

    Records with the same timeout run out of time in the order in which they came, and that is
    the order of `records`. So the first record of each timeout is enough to know, and nothing is
    kept for each job. The few records that come out of order are kept apart.

    A deadline may be noticed late, because the process was stopped or its loop was blocked. The
    job may have ended meanwhile, so it gets one more look before its time is over.

    Args:
        clock: Where time comes from.
        records: The watched records by id, in the order in which they came.
        on_due: Called with each record whose time is over.
        look: Called with a record that is to be polled now.
    """

    def __init__(
        self,
        clock: Clock,
        records: Mapping[str, JobRecord[S]],
        on_due: Callable[[JobRecord[S]], object],
        look: Callable[[JobRecord[S]], object] = lambda _record: None,
    ) -> None:
        self._clock = clock
        self._records = records
        self._on_due = on_due
        self._look = look
        self._last_looks: dict[JobRecord[S], _LastLook] = {}
        self._timeouts: set[float] = set()
        """Timeouts whose first record the timer covers."""
        self._out_of_order: list[JobRecord[S]] = []
        self._timer: Timer | None = None
        self._timer_at = _NEVER

    def add(self, record: JobRecord[S], *, in_order: bool = True) -> None:
        """Take note of a record's deadline, if it has one.

        Args:
            record: The record.
            in_order: Whether it is the last one in `records`; else it need not be there at all.
        """
        timeout = record.timeout
        if timeout is None:
            return
        if not in_order:
            self._out_of_order.append(record)
        elif timeout in self._timeouts:
            return
        deadline = record.deadline
        if deadline < self._timer_at:
            self._arm(deadline)
        if in_order:
            self._timeouts.add(timeout)

    def _ring(self) -> None:
        try:
            self._end_due()
        except BaseException:  # such as an interrupt; the clock calls this again
            # The records that are due still stand before the first ones of their timeouts.
            known = {record.timeout for record in self._records.values()}
            self._timeouts = {timeout for timeout in known if timeout is not None}
            raise

    def _end_due(self) -> None:
        self._timer, self._timer_at = None, _NEVER
        self._end_looked_at()
        now = self._clock.time() + _ROUNDING
        due, firsts = self._due_in_order(now)
        self._timeouts = set(firsts)
        waiting = [record for record in self._out_of_order if not record.ended]
        due += [record for record in waiting if record.deadline <= now]
        for record in due:
            if record.deadline < now - LATE:
                self._last_looks[record] = _LastLook(self._clock.time())
                self._look(record)
            else:
                self._on_due(record)
        self._out_of_order = [record for record in waiting if record.deadline > now]
        later = [record.deadline for record in self._out_of_order]
        if self._last_looks:
            later.append(now + _PAUSE)
        following = min([*firsts.values(), *later], default=_NEVER)
        if following < self._timer_at:
            self._arm(following)

    def _end_looked_at(self) -> None:
        """End the jobs whose last look has come; forget those that it ended."""
        for record, look in list(self._last_looks.items()):
            if record.ended:
                del self._last_looks[record]
            elif look.over(record):
                self._on_due(record)
                del self._last_looks[record]

    def _due_in_order(self, now: float) -> tuple[list[JobRecord[S]], dict[float, float]]:
        """Return the records whose time is over, and by timeout the first later deadline."""
        due: list[JobRecord[S]] = []
        firsts: dict[float, float] = {}
        for record in self._records.values():
            timeout = record.timeout
            if timeout is None or timeout in firsts or record in self._last_looks:
                continue
            deadline = record.deadline
            if deadline <= now:
                due.append(record)
                continue
            firsts[timeout] = deadline
            if len(firsts) == len(self._timeouts):  # the rest of the records come later
                break
        return due, firsts

    def _arm(self, when: float) -> None:
        self.disarm()
        self._timer_at = when
        self._timer = self._clock.call_at(when, self._ring)

    def disarm(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = None, _NEVER
