"""Which watched job of one family runs out of time next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

from akool_async.clock import Clock, Timer
from akool_async.engine.record import JobRecord
from akool_async.protocol.snapshot import Snapshot

S = TypeVar("S", bound=Snapshot)

_ROUNDING: Final = 1e-6
"""Seconds that rounding may take from a deadline."""
_NEVER: Final = float("inf")


class Deadlines(Generic[S]):
    """Ends jobs whose time is over, with one timer.

    Records with the same timeout run out of time in the order in which they came, and that is
    the order of `records`. So the first record of each timeout is enough to know, and nothing is
    kept for each job. The few records that come out of order are kept apart.

    Args:
        clock: Where time comes from.
        records: The watched records by id, in the order in which they came.
        on_due: Called with each record whose time is over.
    """

    def __init__(
        self,
        clock: Clock,
        records: Mapping[str, JobRecord[S]],
        on_due: Callable[[JobRecord[S]], object],
    ) -> None:
        self._clock = clock
        self._records = records
        self._on_due = on_due
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
        else:
            self._timeouts.add(timeout)
        deadline = record.deadline
        if deadline < self._timer_at:
            self._arm(deadline)

    def _ring(self) -> None:
        self._timer, self._timer_at = None, _NEVER
        now = self._clock.time() + _ROUNDING
        due, firsts = self._due_in_order(now)
        self._timeouts = set(firsts)
        waiting = [record for record in self._out_of_order if not record.ended]
        due += [record for record in waiting if record.deadline <= now]
        self._out_of_order = [record for record in waiting if record.deadline > now]
        later = [record.deadline for record in self._out_of_order]
        for record in due:
            self._on_due(record)
        following = min([*firsts.values(), *later], default=_NEVER)
        if following < self._timer_at:
            self._arm(following)

    def _due_in_order(self, now: float) -> tuple[list[JobRecord[S]], dict[float, float]]:
        """Return the records whose time is over, and by timeout the first later deadline."""
        due: list[JobRecord[S]] = []
        firsts: dict[float, float] = {}
        for record in self._records.values():
            timeout = record.timeout
            if timeout is None or timeout in firsts:
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
