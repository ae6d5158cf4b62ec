"""The watches of one event loop, one for each result family, and what they share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

import msgspec

from akool_async.clock import Moment
from akool_async.engine.event_names import EventName
from akool_async.engine.fair_limiter import FairLimiter
from akool_async.engine.record import JobRecord
from akool_async.engine.settings import Policies
from akool_async.engine.tasks import start
from akool_async.engine.wakes import EarlyWakes
from akool_async.engine.watch import Resources, Watch
from akool_async.observers import logger
from akool_async.protocol.endpoint import Family
from akool_async.protocol.snapshot import Status

_MOMENT: Final = 0.005
"""Seconds in which accepted jobs share one time, and so one float and one delay."""


class Watches(dict[str, Watch[Any]]):
    """The watch of each family, by its name; made at the first use.

    Args:
        policies: What the client decides.
        resources: What all watches share.
        cut_off: Called if something else has cancelled, or interrupted, a lookup.
    """

    def __init__(
        self,
        policies: Policies,
        resources: Resources,
        *,
        cut_off: Callable[[], object],
    ) -> None:
        super().__init__()
        self._policies = policies
        self._resources = resources
        self._clock = resources.clock
        self._cut_off = cut_off
        self._stopped = False
        self._single_limiter = FairLimiter(policies.limits.polls)
        self._batch_limiter = FairLimiter(policies.limits.batch_polls)
        self._early_wakes = EarlyWakes(resources.clock)
        self._lookups: set[asyncio.Task[None]] = set()
        self._last_moment = Moment(-1.0, 0.0)

    def of(self, family: Family[Any]) -> Watch[Any]:
        """Return the watch of a family."""
        watch = self.get(family.name)
        if watch is None:
            watch = self[family.name] = Watch(
                family,
                self._resources,
                limiter=self._batch_limiter if family.batch > 1 else self._single_limiter,
                batch_size=self._policies.batch_size(family),
                spawn=self._start_lookup,
            )
        return watch

    def _start_lookup(self, lookup: Coroutine[Any, Any, None], over: Callable[[], object]) -> None:
        def ended(task: asyncio.Task[None]) -> None:
            over()
            self._lookups.discard(task)
            if task.cancelled():
                if not self._stopped:
                    self._cut_off()
            elif (defect := task.exception()) is not None:
                if not isinstance(defect, Exception):
                    self._cut_off()  # the loop has raised it already
                else:
                    logger.error("a lookup failed", exc_info=defect)

        self._lookups.add(start(lookup, ended))

    def moment(self) -> Moment:
        """Return this moment; the same one for all jobs that are accepted within 5 ms."""
        now = self._clock.time()
        if now - self._last_moment.time > _MOMENT:
            self._last_moment = Moment(now, self._clock.now().timestamp())
        return self._last_moment

    def records(self) -> Iterator[JobRecord[Any]]:
        """Yield all watched jobs."""
        for watch in tuple(self.values()):
            yield from tuple(watch.records.values())

    def wake(self, id: str) -> bool:
        """Poll a job now; return `False`, and keep its id for a minute, if it is not watched."""
        if any(watch.wake(id) for watch in self.values()):
            return True
        self._early_wakes.add(id)
        return False

    def tell(self, id: str) -> None:
        """Ask about a job that a webhook says has ended.

        If it is not watched, its id is kept for a minute: the webhook may be earlier than the
        create's reply.
        """
        if not any(watch.tell(id) for watch in self.values()):
            self._early_wakes.add(id)

    def find(self, id: str) -> JobRecord[Any] | None:
        """Return the watched job of an id."""
        found = (watch.records.get(id) for watch in self.values())
        return next((record for record in found if record is not None), None)

    def move(self, record: JobRecord[Any], status: Status) -> None:
        """Note that a job is being processed, as a webhook says; a lookup may say more."""
        if record.status >= status:
            return
        last = record.snapshot or record.family.result(id=record.id or "")
        record.observe(msgspec.structs.replace(last, status=status))
        self._resources.report(EventName.STATUS, record, status)

    def woken_early(self, id: str) -> bool:
        """Say whether a webhook told of an accepted job before its receipt came; forget that."""
        return self._early_wakes.take(id)

    def stop(self, finish_closed: Callable[[JobRecord[Any]], object]) -> list[asyncio.Task[None]]:
        """End all watched jobs; return the lookups that end now."""
        self._stopped = True
        lookups = list(self._lookups)
        for lookup in lookups:
            lookup.cancel()
        for watch in self.values():
            while watch.records:  # a job that ends may bring in another with its id
                finish_closed(watch.records.popitem()[1])
            watch.stop()
        return lookups
