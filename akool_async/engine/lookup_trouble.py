"""What is done about lookups that fail, and about answers that leave jobs out.

`lookup_errors.py` says what an error means, and `setbacks.py` how often it came in a row. Here
the jobs are polled again, held, asked about in parts or alone, or ended.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from akool_async.clock import Clock
from akool_async.engine.lookup_errors import Action, blames_host, may_be_about_number
from akool_async.engine.poll_times import PollTimes
from akool_async.engine.record import JobRecord
from akool_async.engine.setbacks import Setbacks
from akool_async.engine.state import WATCHED
from akool_async.engine.troubles import Troubles
from akool_async.engine.verdicts import expired, gone_for_good, warn_of_absence
from akool_async.errors import RateLimited
from akool_async.http.breaker import Breaker
from akool_async.observers import logger
from akool_async.protocol.endpoint import Family
from akool_async.protocol.snapshot import Snapshot
from akool_async.schedule.batch_size import BatchSize

S = TypeVar("S", bound=Snapshot)

_SUSPICIOUS: Final = 16
"""Single ids in a row that are "too long", or unreadable: then the host is suspected, and not
the ids."""


class LookupTrouble(Generic[S]):
    """Acts on the failed lookups of one family.

    Args:
        family: What its jobs share.
        records: The watched jobs by id.
        clock: Where time comes from.
        setbacks: Counts what went wrong.
        troubles: Says what went wrong, in the log and to jobs that run out of time.
        times: When each job is polled next.
        batch_size: How many ids one lookup may hold.
        breaker: Knows whether the host is down.
        finish: Ends a job.
    """

    def __init__(
        self,
        family: Family[S],
        *,
        records: Mapping[str, JobRecord[S]],
        clock: Clock,
        setbacks: Setbacks[S],
        troubles: Troubles,
        times: PollTimes[S],
        batch_size: BatchSize,
        breaker: Breaker,
        finish: Callable[[JobRecord[Any], Any], None],
    ) -> None:
        self._family = family
        self._records = records
        self._clock = clock
        self._setbacks = setbacks
        self._troubles = troubles
        self._times = times
        self._batch_size = batch_size
        self._breaker = breaker
        self._finish = finish
        self.parts: deque[list[JobRecord[S]]] = deque()
        """Parts of failed lookups. They are asked about first, and as they are."""
        self._alone = 0
        """Lookups of single ids in a row that were too long, or unreadable."""

    def over(self, chunk: Sequence[JobRecord[S]]) -> None:
        """Take note that a lookup was answered."""
        self._alone = 0
        self._times.failures.over()
        self._troubles.answered()
        self._setbacks.answered(chunk)
        self._batch_size.note_answered(len(chunk))
        self._breaker.answered(self._family.name)

    def absent(self, records: Sequence[JobRecord[S]]) -> None:
        """Count that readable answers leave jobs out; end those that are gone for good."""
        now, missed = self._clock.time(), list[JobRecord[S]]()
        for record in records:
            if record.state is not WATCHED:
                continue
            number = self._setbacks.absent(record)
            gone = gone_for_good(record, number, now)
            if gone is not None:
                self._finish(record, gone)
            elif self._setbacks.to_be_warned_of(record):
                missed.append(record)
        if missed:
            warn_of_absence(missed)

    def failed(self, chunk: list[JobRecord[S]], error: Exception, asked_at: float) -> None:
        """Do what the error of a lookup that was sent at `asked_at` asks for."""
        action = self._setbacks.judge(
            error,
            chunk,
            asked_at=asked_at,
            now=self._clock.time(),
            watched=len(self._records),
        )
        unreadable_alone = action is Action.ALONE and self._family.batch == 1
        passing = action in {Action.WAIT, Action.REPEAT} or unreadable_alone
        self._troubles.failed(chunk, error, passing=passing)
        if len(chunk) == 1 and may_be_about_number(error):
            self._batch_size.note_refused_alone()
        if action is Action.REPEAT and isinstance(error, RateLimited):
            self._repeat_later(chunk, error, asked_at)
        elif action is Action.WAIT:
            logger.debug("%s: %s; polling again", self._family.name, type(error).__name__)
            self._wait(chunk, asked_at, host_failed=blames_host(error))
        elif action is Action.HOLD:
            self.parts.appendleft(chunk[:1])
            self._times.again(chunk[1:])
        elif action is Action.SPLIT:
            if may_be_about_number(error):
                self._batch_size.note_refused(len(chunk))
            middle = (len(chunk) + 1) // 2
            # First things first: the sick id is found, or the host suspected, after few requests.
            self.parts.extendleft((chunk[middle:], chunk[:middle]))
        elif action is Action.SUSPECT_HOST or action is Action.ALONE:
            self._failed_alone(chunk, action, asked_at)
        else:
            self._refused_alone(chunk[0], error, action)

    def _repeat_later(self, chunk: list[JobRecord[S]], error: RateLimited, asked_at: float) -> None:
        """Repeat a lookup that was too frequent, by the retry policy and not by the jobs' age."""
        delay = self._setbacks.before_repeating(error, chunk)
        if delay is None:
            self._wait(chunk, asked_at, host_failed=False)
        else:
            self._times.after(chunk, delay)

    def _failed_alone(self, chunk: list[JobRecord[S]], action: Action, asked_at: float) -> None:
        """Poll an id again whose lookup failed by itself; if many do, suspect the host."""
        self._alone += 1
        host_failed = self._alone >= _SUSPICIOUS
        if host_failed and self.parts:
            parts, self.parts = self.parts, deque()
            for part in parts:
                self._times.again(part)
        if action is Action.ALONE and self._family.batch > 1 and not host_failed:
            self._times.alone(chunk[0])
        else:
            host_failed = host_failed or action is Action.ALONE
            self._wait(chunk, asked_at, host_failed=host_failed)

    def _wait(self, chunk: list[JobRecord[S]], asked_at: float, *, host_failed: bool) -> None:
        self._times.failures.failed(asked_at, self._clock.time())
        if host_failed:
            self._breaker.failed(self._family.name)
        self._times.again(chunk)

    def _refused_alone(self, record: JobRecord[S], error: Exception, action: Action) -> None:
        if action is Action.DOUBT:
            self._times.alone(record)
        elif action is Action.CONFIRM:
            self._times.alone(record, self._setbacks.before_confirming(record))
        elif action is Action.ABSENT:
            self.absent([record])
            self._times.again([record])
        elif action is Action.END_ALL:
            self._setbacks.account.over()  # a job that is accepted later is in no doubt
            for each in list(self._records.values()):
                self._finish(each, copy.copy(error))
        else:
            self._finish(record, expired(record, error, self._clock.time()) or error)
