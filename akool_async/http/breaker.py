"""Circuit breaker for lookups: few while the host is down, slowly more when it is up again."""

from __future__ import annotations

import random
from collections.abc import Callable

from akool_async.clock import Clock

# States of a family, in the terms of the circuit-breaker pattern:
# - Closed: every lookup passes.
# - Open, after 3 failures in a row: one probe passes at a time, at growing intervals with full
#   jitter, so that many clients do not probe in step.
# - Half open, after an answer: lookups pass at a rate that starts at 4 a second and doubles every
#   4 seconds. Thousands of jobs have waited; without this slow start they would all be looked up
#   in one moment, and take the host down again. From 2000 a second on the family is closed.
# Families of one host fail together. So the first answer to any of them lets every open family
# probe at once, instead of waiting for the end of its own interval.

_OPEN_AFTER = 3
"""Failures in a row that open a family."""
_FIRST_PROBE = 0.5
"""Seconds until the first probe."""
_SLOWEST_PROBE = 10.0
"""Longest interval between two probes of a family, in seconds."""
_FIRST_RATE = 4.0
"""Lookups a second at the start of a recovery."""
_DOUBLING = 4.0
"""Seconds in which that rate doubles. This is slow enough: however many jobs have waited, the
rate stays below twice that of the same jobs looked up every ten seconds."""
_FREE_RATE = 2000.0
"""Lookups a second at which a recovery is over."""


class _Family:
    """State of one family."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.wake = wake
        self.failures = 0
        self.interval = _FIRST_PROBE
        """Seconds between the next probe and the one after it."""
        self.next_at = 0.0
        """When the next lookup may be sent, while the family is open or recovers."""
        self.recovered_at: float | None = None
        """When the recovery began; `None` if there is none."""

    @property
    def open(self) -> bool:
        """Whether only probes pass."""
        return self.failures >= _OPEN_AFTER


class Breaker:
    """The circuit breaker of one host, with a state for each result family."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._families: dict[str, _Family] = {}

    def join(self, family: str, wake: Callable[[], None]) -> None:
        """Add a family.

        Args:
            family: Its name.
            wake: Called when the family may send a lookup earlier than `wait` had said.
        """
        self._families[family] = _Family(wake)

    def wait(self, family: str) -> float:
        """Return the seconds until a lookup may be sent.

        0 grants it: the caller sends one lookup, and asks again before the next.
        """
        now, known = self._clock.time(), self._families[family]
        if not known.open and known.recovered_at is None:
            return 0.0
        if now < known.next_at:
            return known.next_at - now
        if known.open:
            known.next_at = now + known.interval * random.uniform(0.5, 1.0)
            known.interval = min(_SLOWEST_PROBE, known.interval * 2)
        else:
            known.next_at = now + self._gap(known)
        return 0.0

    def _gap(self, family: _Family) -> float:
        """Return the seconds between two lookups of a recovering family; end it if it is due."""
        assert family.recovered_at is not None
        doublings = (self._clock.time() - family.recovered_at) / _DOUBLING
        rate: float = _FIRST_RATE * 2.0 ** min(doublings, 32)
        if rate >= _FREE_RATE:
            family.recovered_at = None
        return 1 / rate

    def calm(self, family: str) -> bool:
        """Return whether every lookup of a family may pass."""
        known = self._families[family]
        return not known.failures and known.recovered_at is None

    def failed(self, family: str) -> bool:
        """Count a lookup that got no answer; return whether it has opened the family."""
        known = self._families[family]
        known.failures += 1
        if known.failures != _OPEN_AFTER:
            return False
        known.interval = _FIRST_PROBE
        known.next_at = self._clock.time() + _FIRST_PROBE
        return True

    def answered(self, family: str) -> None:
        """Count an answer; start the recovery of an open family."""
        known = self._families[family]
        recovered, known.failures = known.open, 0
        if not recovered:
            return
        now = self._clock.time()
        known.recovered_at = known.next_at = now
        for other in self._families.values():
            if other.open:
                other.next_at = now
                other.wake()
