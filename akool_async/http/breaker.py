"""What keeps a herd of looks from trampling a host that is down, or just coming up again."""

from __future__ import annotations

import random
from collections.abc import Callable

from akool_async.clock import Clock

_SICK_AFTER = 3
"""Failures in a row after which a family counts as sick."""
_FIRST_PROBE = 0.5
"""Seconds to the first probe."""
_SLOWEST_PROBE = 10.0
"""Seconds between probes of one family, at most."""
_FIRST_RATE = 4.0
"""Looks a second with which a family begins that has recovered."""
_DOUBLING = 4.0
"""Seconds in which that rate doubles: so slowly that all who waited come again at less than
twice the rate of jobs that are looked at every ten seconds, however many they are."""
_FREE_RATE = 2000.0
"""Looks a second from which on nobody needs counting."""


class _Family:
    """How one family fares."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.wake = wake
        self.failures = 0
        self.interval = _FIRST_PROBE
        """Seconds to the probe after the next."""
        self.next_at = 0.0
        """When the next look may be sent, while it is sick or recovers."""
        self.recovered_at: float | None = None
        """When it began to answer again, as long as that matters."""

    @property
    def sick(self) -> bool:
        """Whether it gets probes only."""
        return self.failures >= _SICK_AFTER


class Breaker:
    """Lets all looks of a healthy family pass, and of a sick one now and then a probe.

    The probes of a family come at growing intervals. The first answer to any of them lets
    all other sick families of the host try at once, for the host may be back. Then the
    looks of each come at a rate that begins low and doubles every few seconds.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._families: dict[str, _Family] = {}

    def join(self, family: str, wake: Callable[[], None]) -> None:
        """Make a family known, and what is to be called when it need not wait any longer."""
        self._families[family] = _Family(wake)

    def wait(self, family: str) -> float:
        """Return the seconds before a look of a family may be sent; 0 for now."""
        now, known = self._clock.time(), self._families[family]
        if not known.sick and known.recovered_at is None:
            return 0.0
        if now < known.next_at:
            return known.next_at - now
        if known.sick:
            # Full jitter, so that many clients do not probe in step.
            known.next_at = now + known.interval * random.uniform(0.5, 1.0)
            known.interval = min(_SLOWEST_PROBE, known.interval * 2)
        else:
            known.next_at = now + self._gap(known)
        return 0.0

    def _gap(self, family: _Family) -> float:
        """Return the seconds between two looks of a family that recovers."""
        assert family.recovered_at is not None
        doublings = (self._clock.time() - family.recovered_at) / _DOUBLING
        rate: float = _FIRST_RATE * 2.0 ** min(doublings, 32)
        if rate >= _FREE_RATE:
            family.recovered_at = None
        return 1 / rate

    def calm(self, family: str) -> bool:
        """Say whether all looks of a family may pass."""
        known = self._families[family]
        return not known.failures and known.recovered_at is None

    def failed(self, family: str) -> bool:
        """Learn that a look of a family failed to get an answer; say if that makes it sick."""
        known = self._families[family]
        known.failures += 1
        if known.failures != _SICK_AFTER:
            return False
        known.interval = _FIRST_PROBE
        known.next_at = self._clock.time() + _FIRST_PROBE
        return True

    def answered(self, family: str) -> None:
        """Learn that a look of a family was answered."""
        known = self._families[family]
        recovered, known.failures = known.sick, 0
        if not recovered:
            return
        now = self._clock.time()
        known.recovered_at = known.next_at = now
        for other in self._families.values():
            if other.sick:
                other.next_at = now
                other.wake()
