"""Creates whose outcome a webhook can tell: each has an address of its own.

How this works
--------------
An armed create leaves with a webhook address that names its row and attempt (`Attempt`). Its reply
may be lost: then nobody knows whether the job exists. If it does, Akool sends an event to that
address, sooner or later, and the event brings the id. So an armed create without a readable
reply does not end. It waits, keeps its place under the limit, and:

* an event with its token gives it the id: the job is watched, as if the reply had come;
* after `patience` seconds without one it ends, as `CreateOutcomeUnknown`.

An event can overtake the reply. Its id is kept for as long as the create is under way, in case the
reply is lost; in case it is not, the job is looked up as soon as the reply is here.

A restarted process brings the rows of such creates back (`wait_again`).
"""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from typing import Any, Final, Protocol

from akool_async.clock import Clock, Timer
from akool_async.engine.adoption import Adoption
from akool_async.engine.endings import Endings
from akool_async.engine.event_names import EventName
from akool_async.engine.pending import PendingJobs
from akool_async.engine.places import JobPlaces
from akool_async.engine.record import JobRecord
from akool_async.engine.reporter import Reporter
from akool_async.engine.state import Trigger
from akool_async.http.transport import Delivery
from akool_async.protocol.attempt import Attempt
from akool_async.protocol.endpoint import Operation
from akool_async.protocol.listed import Lost
from akool_async.protocol.token import reference_to
from akool_async.webhook.address import Addresses

_MOST: Final = 10_000
"""Ids that are kept at once for jobs that do not wait yet."""


class Owner(Protocol):
    """The engine, as the armed creates see it."""

    @property
    def closing(self) -> bool:
        """Whether nothing may be sent any more."""
        ...

    @property
    def reporter(self) -> Reporter:
        """Notifies of events."""
        ...

    @property
    def pending(self) -> PendingJobs:
        """The jobs that are not in the queue yet."""
        ...

    @property
    def places(self) -> JobPlaces:
        """The places of jobs."""
        ...

    @property
    def endings(self) -> Endings:
        """Ends jobs that nobody asked to end."""
        ...

    @property
    def adoption(self) -> Adoption:
        """Watches jobs that were accepted earlier."""
        ...

    def finish(self, record: JobRecord[Any], outcome: BaseException) -> object:
        """End a job."""
        ...


class ArmedCreates:
    """The armed creates of one event loop that have no answer yet.

    Args:
        owner: The engine.
        addresses: Makes the address of each create.
        clock: Where time comes from.
        patience: Seconds for which a create without a reply waits for an event.
    """

    def __init__(self, owner: Owner, addresses: Addresses, clock: Clock, patience: float) -> None:
        self._owner = owner
        self._addresses = addresses
        self._clock = clock
        self._patience = patience
        self._numbers = itertools.count(1)
        """Numbers for the jobs of a client without a journal."""
        self._records: dict[Attempt, JobRecord[Any]] = {}
        """The jobs by create, under way or waiting."""
        self._attempts: dict[JobRecord[Any], Attempt] = {}
        self._early: OrderedDict[Attempt, str] = OrderedDict()
        """Ids that events brought before a job waited for them, oldest first."""
        self._waiting: dict[JobRecord[Any], _Wait] = {}

    def __contains__(self, record: JobRecord[Any]) -> bool:
        return record in self._attempts

    def is_waiting(self, record: JobRecord[Any]) -> bool:
        """Say whether a job waits for an event."""
        return record in self._waiting

    def waiting(self) -> list[JobRecord[Any]]:
        """Return the jobs that wait for an event."""
        return list(self._waiting)

    def lost(self) -> list[Lost]:
        """Return the creates that wait for an event."""
        return [Lost(each.request, wait.sent_on) for each, wait in self._waiting.items()]

    def arm(self, record: JobRecord[Any], attempt: Attempt | None) -> Operation[Any]:
        """Return the request to send for a job, with a webhook address where it takes one.

        `record.request` stays as it is: so the journal's row and the key's fingerprint do, too.
        """
        assert record.request is not None
        attempt = attempt or Attempt(next(self._numbers), 1)
        armed = record.request.armed(self._addresses.url(attempt))
        if armed is not record.request:
            self._add(record, attempt)
        return armed

    def _add(self, record: JobRecord[Any], attempt: Attempt) -> None:
        self._records[attempt] = record
        self._attempts[record] = attempt

    def discard(self, record: JobRecord[Any]) -> None:
        """Take note that a create's outcome is known, whatever it is."""
        attempt = self._attempts.pop(record, None)
        if attempt is None:
            return
        del self._records[attempt]
        self._early.pop(attempt, None)
        wait = self._waiting.pop(record, None)
        if wait is not None:
            wait.timer.cancel()

    def wait(self, record: JobRecord[Any], delivery: Delivery, problem: BaseException) -> bool:
        """Let a job wait for an event, after its create was sent and not answered.

        Args:
            record: The job.
            delivery: When its create was sent.
            problem: The error that ends the job after `patience` seconds.

        Returns:
            Whether it waits; an unarmed create does not, nor does a job of a closing client.
        """
        attempt = self._attempts.get(record)
        if attempt is None or self._owner.closing:
            return False
        sent_on = delivery.sent_on or self._clock.now()
        self._wait(record, attempt, sent_on.timestamp(), problem)
        return True

    def wait_again(
        self, record: JobRecord[Any], attempt: Attempt, intended_at: float, problem: BaseException
    ) -> None:
        """Let a job wait for an event about a create that an earlier process sent.

        It holds a place only while its create is young. What is unknown for longer may stay so
        until a person decides: it must not keep new jobs waiting after each restart.

        Args:
            record: The job.
            attempt: Its row and attempt.
            intended_at: When its create was about to be sent, in seconds since 1970.
            problem: The error that ends the job after `patience` seconds.
        """
        self._owner.reporter.ask()
        self._owner.pending.remove(record)
        self._add(record, attempt)
        self._wait(record, attempt, intended_at, problem)
        if self._clock.now().timestamp() - intended_at < self._patience:
            self._owner.places.add(record)

    def _wait(
        self, record: JobRecord[Any], attempt: Attempt, sent_on: float, problem: BaseException
    ) -> None:
        record.change(Trigger.LOSE)
        timer = self._clock.call_at(self._clock.time() + self._patience, lambda: self._end(record))
        self._waiting[record] = _Wait(timer, sent_on, problem)
        self._owner.reporter.report(EventName.UNANSWERED, record, problem)
        if attempt in self._early:
            # Not at once: the caller has more to do about the job that waits.
            asyncio.get_running_loop().call_soon(self._take_early, record, attempt)

    def _take_early(self, record: JobRecord[Any], attempt: Attempt) -> None:
        early = self._early.pop(attempt, None)
        if early is not None and record in self._waiting:
            self._found(record, early)

    def told(self, attempt: Attempt, id: str, *, keep: bool) -> JobRecord[Any] | None:
        """Take in that an event named the id of a create; return the job if it had waited for it.

        Args:
            attempt: The create.
            id: The vendor's `_id` of the job.
            keep: Whether to keep the id also where no create of this process is under way: its
                row may have been read just before the id was written into it.
        """
        record = self._records.get(attempt)
        if record is not None and record in self._waiting:
            self._found(record, id)
            return record
        if record is None and not keep:
            return None  # most events: their jobs are watched, or have ended
        self._early[attempt] = id
        while len(self._early) > _MOST:
            self._early.popitem(last=False)
        return None

    def is_under_way(self, attempt: Attempt) -> bool:
        """Say whether a create has been sent, or is about to be, and its reply may still come."""
        return attempt in self._records

    def _found(self, record: JobRecord[Any], id: str) -> None:
        sent_on = self._waiting[record].sent_on
        self.discard(record)
        self._owner.adoption.adopt(record, reference_to(record.name, id, None, sent_on))

    def _end(self, record: JobRecord[Any]) -> None:
        problem = self._waiting[record].problem
        self.discard(record)
        self._owner.finish(record, problem)

    def stop(self) -> None:
        """Wait no more, because the client is closed: each job that waits ends with its error."""
        for record in self.waiting():
            problem = self._waiting[record].problem
            self.discard(record)
            self._owner.endings.gave_up(record, problem)


class _Wait:
    """What is kept of a create that waits."""

    __slots__ = ("problem", "sent_on", "timer")

    def __init__(self, timer: Timer, sent_on: float, problem: BaseException) -> None:
        self.timer = timer
        self.sent_on = sent_on
        self.problem = problem
