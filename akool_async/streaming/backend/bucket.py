"""How many frames, and how many bytes, a page may send."""

from __future__ import annotations

from akool_async.clock import Clock


class Bucket:
    """A bucket of tokens: it fills at a rate, and holds a burst at most.

    Args:
        clock: Where time comes from.
        rate: Tokens a second.
        burst: The most tokens it holds; it is full at first.
    """

    def __init__(self, clock: Clock, rate: float, burst: float) -> None:
        self._clock = clock
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._time = clock.time()

    def take(self, tokens: float) -> bool:
        """Take tokens; return whether there were enough."""
        now = self._clock.time()
        self._tokens = min(self._burst, self._tokens + (now - self._time) * self._rate)
        self._time = now
        if tokens > self._tokens:
            return False
        self._tokens -= tokens
        return True
