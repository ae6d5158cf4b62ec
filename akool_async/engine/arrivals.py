"""Whether the webhooks of one operation arrive. Pure: ends in, trust out."""

from __future__ import annotations

from typing import Final

_TRUST: Final = 3
"""Ends in a row that webhooks tell, from which on they are trusted."""
_DISTRUST: Final = 2
"""Ends in a row that polls find untold, from which on webhooks are not trusted."""


class Arrivals:
    """The evidence about the webhooks of one operation."""

    __slots__ = ("_told", "_untold", "misses", "trusted")

    def __init__(self) -> None:
        self._told = 0
        self._untold = 0
        self.misses = 0
        """Ends that polls found untold so far."""
        self.trusted = False
        """Whether webhooks arrive, so that its jobs need no polls."""

    def told(self) -> bool:
        """Take note of an end that a webhook told; say whether trust begins."""
        self._told += 1
        self._untold = 0
        begins = not self.trusted and self._told >= _TRUST
        self.trusted = self.trusted or begins
        return begins

    def untold(self) -> bool:
        """Take note of an end that a poll found first; say whether trust is over."""
        self._untold += 1
        self._told = 0
        self.misses += 1
        over = self.trusted and self._untold >= _DISTRUST
        self.trusted = self.trusted and not over
        return over
