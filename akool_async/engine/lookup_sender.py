"""When the lookups of one family leave: what is due, and who has to let it pass.

A lookup passes three gates: is the account in doubt, is the host down, and are too many lookups
under way? Lookups of jobs that a webhook says have ended pass the first two only: they are few, and
nobody else waits for their answers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeAlias, TypeVar

from akool_async.clock import Clock, Timer
from akool_async.engine.fair_limiter import FairLimiter
from akool_async.engine.look import Look
from akool_async.engine.lookup_trouble import LookupTrouble
from akool_async.engine.poll_times import PollTimes
from akool_async.engine.setbacks import AccountDoubt
from akool_async.http.breaker import Breaker
from akool_async.protocol.snapshot import Snapshot

S = TypeVar("S", bound=Snapshot)

Spawn: TypeAlias = Callable[[Coroutine[Any, Any, None], Callable[[], object]], object]
"""Runs a lookup in a task; calls the function that it gets when the task is over."""


class LookupSender(Generic[S]):
    """Sends the lookups of one family.

    Args:
        family: The family's name.
        clock: Where time comes from.
        limiter: Limits the lookups under way.
        breaker: Knows whether the host is down.
        doubt: Knows whether the account is refused.
        trouble: Has the parts of failed lookups.
        times: When each job is polled next.
        spawn: Runs each lookup.
        look_up: Sends one lookup, and takes in the reply.
    """

    def __init__(
        self,
        family: str,
        *,
        clock: Clock,
        limiter: FairLimiter,
        breaker: Breaker,
        doubt: AccountDoubt,
        trouble: LookupTrouble[S],
        times: PollTimes[S],
        spawn: Spawn,
        look_up: Callable[[Look[S]], Coroutine[Any, Any, None]],
    ) -> None:
        self._family = family
        self._clock = clock
        self._limiter = limiter
        self._breaker = breaker
        self._doubt = doubt
        self._trouble = trouble
        self._times = times
        self._spawn = spawn
        self._look_up = look_up
        self._held: Timer | None = None
        limiter.join(family)
        breaker.join(family, self.go)

    def stop(self) -> None:
        """Send nothing any more."""
        if self._held is not None:
            self._held.cancel()

    def go(self) -> None:
        """Send each lookup that is due, as far as doubts, breaker and limiter allow."""
        try:
            self._send_due()
        except BaseException:  # such as an interrupt: the jobs that are due are not forgotten
            self._hold(0.0)
            raise

    def _send_due(self) -> None:
        while self._trouble.parts or self._times.due():
            now = self._clock.time()
            pause = self._doubt.pause(now) or self._breaker.wait(self._family)
            if pause > 0:
                self._hold(pause)
                return
            if self._times.woken.ready():  # beside the limiter: such lookups are few, and full
                self._doubt.sent(now)
                self._start(self._times.woken.over, self._take_woken)
                continue
            if not self._limiter.enter(self._family, self.go):
                return
            self._doubt.sent(now)
            self._start(self._leave, self._next)
        self._times.arm()

    def _next(self, look: Look[S]) -> None:
        """Hand the next jobs to a lookup; only then are they gone here: an interrupt loses none."""
        parts = self._trouble.parts
        if parts:
            look.chunk = parts[0]
            parts.popleft()
        else:
            self._times.soonest(look.chunk)

    def _take_woken(self, look: Look[S]) -> None:
        self._times.woken.take(look.chunk)

    def _start(self, leave: Callable[[], object], take: Callable[[Look[S]], object]) -> None:
        """Start one lookup, which holds a place already."""
        look: Look[S] = Look(leave, self._times.again)
        try:
            take(look)
            if not look.chunk:  # each of its jobs has ended meanwhile
                look.give_back()
                return
            self._spawn(self._look_up(look), functools.partial(self._over, look))
        except BaseException:
            look.give_back()
            raise

    def _over(self, look: Look[S]) -> None:
        try:
            broken_off = look.give_back()
        except BaseException:
            self._hold(0.0)
            raise
        if broken_off:
            self.go()

    def _leave(self) -> None:
        self._limiter.leave(self._family)

    def _hold(self, pause: float) -> None:
        """Come back when a lookup may pass."""
        if self._held is not None:
            self._held.cancel()
        self._held = self._clock.call_at(self._clock.time() + pause, self.go)
