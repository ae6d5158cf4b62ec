"""Holds back creates while the host answers none of them.

A create without a readable answer is in doubt: it may have been charged, and a person has to
look at the account. A batch that goes on sending during an outage would put all of its jobs in
doubt, one after the other. So after several creates in a row without an answer, one create goes
now and then, at growing intervals. When a create or a lookup is answered, the others follow,
slowly at first.

A client may be told to wait out outages (`on_outage="wait"`). Then even one job that waits is held
back, and a create that certainly did not leave waits again instead of ending its job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from akool_async.clock import Clock, Timer
from akool_async.engine.settings import Policies
from akool_async.errors import APIError, ConnectFailed, TransportError
from akool_async.http.breaker import Breaker
from akool_async.observers import logger

_CREATES = "creates"
"""The breaker's name for creates; no result family has it."""


class OutageHold:
    """Decides whether the next job of the queue may be created.

    Args:
        breaker: Knows whether the host answers.
        clock: Where time comes from.
        go_on: Called when a job may be created again.
        policies: Say whether jobs wait out an outage, however few they are. If not, queues are not
            held back that are as short as the number of creates at once: small batches fail fast.
    """

    def __init__(
        self,
        breaker: Breaker,
        clock: Clock,
        go_on: Callable[[], object],
        policies: Policies,
    ) -> None:
        self._breaker = breaker
        self._clock = clock
        self._go_on = go_on
        self._waits = policies.waits_for_host
        self._short = 0 if self._waits else policies.limits.creates
        self.unreachable = False
        """Whether jobs wait because no connection to the host can be made."""
        self._troubled = False
        self._answered_sent_at = 0.0
        """When the latest of the answered creates was sent."""
        self._timer: Timer | None = None
        breaker.join(_CREATES, self._release)

    def pauses(self, queue: Iterable[object]) -> bool:
        """Say whether no job of the queue may be created before `go_on` is called."""
        return self._timer is not None and self._holds(queue)

    def open_to(self, queue: Iterable[object]) -> bool:
        """Say whether a job of the queue may be created; if not, `go_on` is called later.

        In an outage, `True` is for one create: the caller sends it, and asks before the next.
        """
        if not self._holds(queue):
            return True
        pause = self._breaker.wait(_CREATES)
        if pause > 0 and self._timer is None:
            self._timer = self._clock.call_at(self._clock.time() + pause, self._release)
        return pause <= 0

    def _holds(self, queue: Iterable[object]) -> bool:
        return self._troubled and next(islice(queue, self._short, None), None) is not None

    def waits_out(self, problem: Exception) -> bool:
        """Say whether a create that failed is sent again after the outage: it never left."""
        return self._waits and isinstance(problem, ConnectFailed) and problem.cause == "host"

    def answered(self, sent_at: float) -> None:
        """Record that a create was answered, and when it had been sent."""
        self.unreachable = False
        self._answered_sent_at = max(self._answered_sent_at, sent_at)
        if self._troubled:
            self._breaker.answered(_CREATES)
            self._troubled = not self._breaker.calm(_CREATES)

    def failed(self, problem: Exception, sent_at: float) -> None:
        """Record that a create failed. A readable refusal is an answer."""
        if isinstance(problem, APIError):
            self.answered(sent_at)
        if not isinstance(problem, TransportError) or problem.cause in {"machine", "client"}:
            return
        # A create that was sent later has been answered, so this is no outage.
        if sent_at < self._answered_sent_at:
            return
        self.unreachable = self.waits_out(problem)
        self._troubled = True
        if self._breaker.failed(_CREATES):
            logger.warning(
                "creates get no answer; queued jobs wait while one create at a time probes the host"
            )

    def close(self) -> None:
        """Call nobody back any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._go_on()
