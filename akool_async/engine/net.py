"""Polls rarely the jobs whose end a webhook tells: a net under the webhooks.

How this works
--------------
Each operation of a client that arms its creates has an `Arrivals`. Three ends in a row that a
webhook told earlier than a poll found them: then webhooks are trusted, and the jobs of that
operation leave the timer wheel. Two ends in a row that a poll found untold: then they are polled
as before, until webhooks are trusted again. An untold end is no sign while webhooks about younger
jobs arrive: that one webhook is lost.

Trusted jobs are still polled, first after a minute or four median durations, then each time after
as long as the job is old, from one to five minutes. So a webhook that is lost delays a job, and
loses nothing.

The jobs in the net stand in no slot of the wheel, so that a job that ends is let go at once.
`record.slot` is `IN_NET`, and one timer of the family rings when the first of them is due. When it
rings, all records of the family are looked through. That happens once a second at most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Generic, TypeVar

from akool_async.clock import Clock, Timer
from akool_async.engine.operation import OperationState
from akool_async.engine.record import JobRecord
from akool_async.engine.state import WATCHED
from akool_async.observers import logger
from akool_async.protocol.snapshot import Snapshot

S = TypeVar("S", bound=Snapshot)

IN_NET: Final = object()
"""What `record.slot` is while the job is in the net."""

_EARLIEST: Final = 60.0
"""Least seconds until a trusted job is polled."""
_LATEST: Final = 300.0
"""Most seconds between two polls of a trusted job, once it was polled."""
_MEDIANS: Final = 4
"""Median durations until a trusted job is polled first."""
_PAUSE: Final = 1.0
"""Least seconds between two looks through the records."""


class Net(Generic[S]):
    """The trusted jobs of one result family.

    Args:
        clock: Where time comes from.
        records: The watched records by id.
        on_due: Called with jobs that are to be polled now. It moves them out of the net.
        on_distrust: Called with jobs that are to be polled by their schedule again, likewise.
    """

    def __init__(
        self,
        clock: Clock,
        records: Mapping[str, JobRecord[S]],
        on_due: Callable[[Sequence[JobRecord[S]]], object],
        on_distrust: Callable[[Sequence[JobRecord[S]]], object],
    ) -> None:
        self._clock = clock
        self._records = records
        self._on_due = on_due
        self._on_distrust = on_distrust
        self._timer: Timer | None = None
        self._timer_at = 0.0

    def takes(self, record: JobRecord[S]) -> bool:
        """Put a job into the net, if webhooks about it are trusted; say whether that was done.

        A job that stands in a slot of the wheel stays there.
        """
        arrivals = record.operation.arrivals
        if arrivals is None or not arrivals.trusted or record.slot is not None:
            return False
        if not record.takes_address:
            return False
        self._arm(self._due(record))
        record.slot = IN_NET
        return True

    def note_told(self, record: JobRecord[S]) -> None:
        """Take note that a webhook told of a job's end, earlier than a poll found it."""
        arrivals = record.operation.arrivals
        if arrivals is None or not record.takes_address:
            return
        if arrivals.told(record.accepted_at, self._clock.time()):
            logger.info("%s: webhooks arrive; its jobs are polled rarely", record.name)

    def note_untold(self, record: JobRecord[S]) -> None:
        """Take note that a poll found a job's end of which no webhook had told."""
        arrivals = record.operation.arrivals
        if arrivals is None or not record.takes_address:
            return
        if arrivals.untold(record.accepted_at, self._clock.time()):
            logger.warning("%s: webhooks do not arrive; its jobs are polled again", record.name)
            self._release(record.operation)

    def _release(self, operation: OperationState[S]) -> None:
        """Take all jobs of an operation out of the net."""
        released = [
            record
            for record in self._records.values()
            if record.slot is IN_NET and record.operation is operation
        ]
        self._on_distrust(released)

    def _due(self, record: JobRecord[S]) -> float:
        """Return when a job in the net is polled."""
        age = record.age(record.seen_at)
        learner = record.operation.learner
        if age > 0:
            return record.seen_at + min(max(age, _EARLIEST), _LATEST)
        median = 0.0 if learner is None else learner.median or 0.0
        return record.accepted_at + max(_EARLIEST, _MEDIANS * median)

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            if self._timer_at <= when:
                return
            self._timer.cancel()
        self._timer_at = when
        self._timer = self._clock.call_at(when, self._ring)

    def _ring(self) -> None:
        self._timer = None
        now, following = self._clock.time(), float("inf")
        due: list[JobRecord[S]] = []
        for record in self._records.values():
            if record.slot is not IN_NET or record.state is not WATCHED:
                continue
            when = self._due(record)
            if when <= now:
                due.append(record)
            else:
                following = min(following, when)
        if following < float("inf"):
            self._arm(max(following, now + _PAUSE))
        if due:
            self._on_due(due)

    def clear(self) -> None:
        """Poll nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
