"""Whether the webhooks of one operation arrive. Pure: ends in, trust out.

A poll may find an untold end long after it was one: the net looks after a minute. Ends are in a row
in the order in which their jobs were accepted, not in which they are found. Else one webhook in ten
that is lost would end the trust: the net finds a minute's losses at once, one after the other.
"""

from __future__ import annotations

from typing import Final

_TRUST: Final = 3
"""Ends in a row that webhooks tell, from which on they are trusted."""
_DISTRUST: Final = 2
"""Ends in a row that polls find untold, from which on webhooks are not trusted."""
_SILENCE: Final = 300.0
"""Seconds without any told end, after which each untold one counts."""


class Arrivals:
    """The evidence about the webhooks of one operation."""

    __slots__ = ("_newest", "_told", "_told_at", "_untold", "misses", "trusted")

    def __init__(self) -> None:
        self._told = 0
        self._untold = 0
        self._newest = self._told_at = float("-inf")
        """When the newest job with a told end was accepted; and when an end was last told."""
        self.misses = 0
        """Ends that polls found untold so far."""
        self.trusted = False
        """Whether webhooks arrive, so that its jobs need no polls."""

    def told(self, accepted_at: float, now: float) -> bool:
        """Take note of an end that a webhook told; say whether trust begins.

        Args:
            accepted_at: When the vendor accepted the job, in the clock's seconds.
            now: The clock's time.
        """
        self._newest, self._told_at = max(self._newest, accepted_at), now
        self._told += 1
        self._untold = 0
        begins = not self.trusted and self._told >= _TRUST
        self.trusted = self.trusted or begins
        return begins

    def untold(self, accepted_at: float, now: float) -> bool:
        """Take note of an end that a poll found first; say whether trust is over.

        Args:
            accepted_at: When the vendor accepted the job, in the clock's seconds.
            now: The clock's time.
        """
        self.misses += 1
        if self.trusted and accepted_at < self._newest and now - self._told_at < _SILENCE:
            return False  # webhooks of younger jobs arrive: this one is lost alone
        self._untold += 1
        self._told = 0
        over = self.trusted and self._untold >= _DISTRUST
        self.trusted = self.trusted and not over
        return over
