"""What keeps a herd of looks from trampling a host that is down, or just coming up again."""

from __future__ import annotations

import random

from akool_async.clock import Clock

_SICK_AFTER = 3
"""Failures in a row after which a family counts as sick."""
_FIRST_PROBE = 0.5
"""Seconds to the first probe."""
_SLOWEST_PROBE = 10.0
"""Seconds between probes, at most."""


class Breaker:
    """Lets all looks of a healthy family pass, and probes only of the sick ones of a host.

    The sick ones share their probes: one at a time for the host, at growing intervals. A
    family that answers again starts with one look at once, and two more for each that
    succeeds, until nobody needs counting.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: dict[str, int] = {}
        self._window: dict[str, int] = {}
        self._next_probe = 0.0
        self._interval = _FIRST_PROBE

    def wait(self, family: str, under_way: int) -> float:
        """Return the seconds before a look of a family may be sent; 0 for now.

        Args:
            family: Whose look it is.
            under_way: How many of its looks are under way.
        """
        now = self._clock.time()
        if self._failures.get(family, 0) < _SICK_AFTER:
            return 0.0 if under_way < self._window.get(family, under_way + 1) else _FIRST_PROBE
        if now < self._next_probe:
            return self._next_probe - now
        # Full jitter, so that many clients do not probe in step.
        self._next_probe = now + self._interval * random.uniform(0.5, 1.0)
        self._interval = min(_SLOWEST_PROBE, self._interval * 2)
        return 0.0

    def failed(self, family: str) -> None:
        """Learn that a look of a family failed to get an answer."""
        self._failures[family] = self._failures.get(family, 0) + 1
        if self._failures[family] == _SICK_AFTER:
            self._next_probe = max(self._next_probe, self._clock.time() + _FIRST_PROBE)
        self._window.pop(family, None)

    def answered(self, family: str, width: int) -> None:
        """Learn that a look of a family was answered; `width` looks at once are plenty."""
        if self._failures.get(family, 0) >= _SICK_AFTER:
            self._window[family] = 1
            self._interval = _FIRST_PROBE
        self._failures[family] = 0
        if family in self._window:
            self._window[family] += 2
            if self._window[family] >= width:
                del self._window[family]
