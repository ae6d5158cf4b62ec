"""Holds a long line of creates back while the host answers none of them.

A create that gets no readable answer is in doubt: it may have been charged, and somebody has to
look. A batch that goes on sending into an outage would put all of its jobs in doubt, one after
the other. So once several creates in a row were not answered, one goes now and then, at growing
intervals; when one is answered, or a look of any family is, the others follow, slowly at first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from itertools import islice

from akool_async.clock import Clock, Timer
from akool_async.errors import APIError, TransportError
from akool_async.http.breaker import Breaker

logger = logging.getLogger("akool_async")

_CREATES = "creates"
"""What the breaker knows them by; no result family is called so."""


class Gate:
    """Where the jobs in line pass, one by one, on their way to be created.

    Args:
        breaker: Knows whether the host answers.
        clock: Where time comes from.
        go_on: Called when a job may pass again.
        spared: So few jobs in line are not held: whoever waits for them learns the truth sooner.
    """

    def __init__(
        self, breaker: Breaker, clock: Clock, go_on: Callable[[], object], spared: int
    ) -> None:
        self._breaker = breaker
        self._clock = clock
        self._go_on = go_on
        self._spared = spared
        self._troubled = False
        self._left = 0.0
        """When the last create left, of those that were answered."""
        self._timer: Timer | None = None
        breaker.join(_CREATES, self._release)

    def open_to(self, line: Iterable[object]) -> bool:
        """Say whether one of those in line may pass; if not, they are called back."""
        if not self._troubled or next(islice(line, self._spared, None), None) is None:
            return True
        pause = self._breaker.wait(_CREATES)
        if pause > 0 and self._timer is None:
            self._timer = self._clock.call_at(self._clock.time() + pause, self._release)
        return pause <= 0

    def answered(self, left: float) -> None:
        """Learn that a create was answered, which left at a moment of the clock."""
        self._left = max(self._left, left)
        if self._troubled:
            self._breaker.answered(_CREATES)
            self._troubled = not self._breaker.calm(_CREATES)

    def failed(self, problem: Exception, left: float) -> None:
        """Learn that a create failed; a refusal that could be read is an answer."""
        if isinstance(problem, APIError):
            self.answered(left)
        if not isinstance(problem, TransportError):
            return
        if left < self._left:  # one that left after it was answered: it is no outage
            return
        self._troubled = True
        if self._breaker.failed(_CREATES):
            logger.warning("creates get no answer; those in line wait while the host is probed")

    def close(self) -> None:
        """Call nobody back any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._go_on()
