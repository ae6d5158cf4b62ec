"""How many ids one lookup may ask about: learned, because no page says it."""

from __future__ import annotations

FIRST = 100
"""Ids in the first lookups: a request line of 2.6 KB, which every server takes."""

_GROWTH = 1.5
_SETTLED = 100
"""Full lookups that are answered before more is tried again."""


class Cap:
    """The number of ids that a server takes in one lookup, as far as is known.

    It grows as long as full lookups are answered, and is halved when one is refused. Once
    both a number that fits and one that does not are known, it closes in on the largest
    that fits.

    Args:
        most: What it never grows beyond.
        first: What it begins with.
    """

    def __init__(self, most: int, first: int = FIRST) -> None:
        self._most = most
        self._fits = 0
        self._refused = most + 1
        self._full = 0
        """Full lookups answered since more was tried."""
        self.size = min(first, most)
        """How many ids the next lookup may ask about."""

    def accepted(self, number: int) -> None:
        """Learn that a lookup of so many ids was answered."""
        self._fits = max(self._fits, number)
        self._doubt(number)
        if number >= self.size and self.size < self._most:
            grown = min(int(self.size * _GROWTH) + 1, self._most)
            known = self._refused <= self._most
            self.size = max(self.size, (self._fits + self._refused) // 2 if known else grown)

    def _doubt(self, number: int) -> None:
        """Try more again now and then: what was refused once may have been for another reason."""
        if self._refused > self._most or number < self.size:
            return
        self._full += 1
        if self._full >= _SETTLED:
            self._full = 0
            self._refused = min(self._most + 1, 2 * self._refused)

    def refused(self, number: int) -> None:
        """Learn that a lookup of so many ids was refused, perhaps for their number."""
        self._refused = min(self._refused, number)
        self._fits = min(self._fits, number - 1)
        self.size = max(1, self._fits, number // 2) if number <= self.size else self.size

    @property
    def learned(self) -> bool:
        """Whether anything is known that was not from the beginning."""
        return self._fits > FIRST or self._refused <= self._most

    def dump(self) -> bytes:
        """Return what was learned, to be kept for another time."""
        return f"{self._fits} {self._refused} {self.size}".encode()

    def load(self, blob: bytes) -> None:
        """Take in what `dump` returned; anything else is ignored."""
        try:
            fits, refused, size = map(int, blob.split())
        except ValueError:
            return
        if 0 <= fits < refused and 1 <= size <= self._most:
            self._fits, self._refused, self.size = fits, refused, size

    def absolve(self) -> None:
        """Learn that it was not for their number: one id alone was refused too."""
        self._refused = self._most + 1
        self.size = max(self.size, self._fits, min(FIRST, self._most))
