"""How many ids one lookup may hold: learned from replies, because no page of Akool's says it."""

from __future__ import annotations

FIRST = 100
"""Ids in the first lookups: a request line of 2.6 KB, which every server accepts."""

_GROWTH = 1.5
"""Each answered full lookup multiplies the size by this, until a size is refused."""
_SETTLED = 100
"""Answered full lookups after which a larger size is tried again."""


class BatchSize:
    """The number of ids that a server accepts in one lookup, as far as replies have shown.

    The size grows while full lookups are answered, and is halved when one is refused. Once
    an accepted and a refused size are both known, each further answered full lookup moves
    to the middle between them (bisection), until the largest accepted size is found.

    Args:
        most: Upper limit of the size.
        first: Size of the first lookups.
    """

    def __init__(self, most: int, first: int = FIRST) -> None:
        self._most = most
        self._fits = 0
        """The largest number of ids that was answered."""
        self._refused = most + 1
        """The smallest number of ids that was refused; `most + 1` while none was."""
        self._full = 0
        """Full lookups answered since a larger size was tried."""
        self.size = min(first, most)
        """How many ids the next lookup may hold."""

    def note_answered(self, number: int) -> None:
        """Record that a lookup of `number` ids was answered."""
        self._fits = max(self._fits, number)
        self._raise_refused(number)
        if number >= self.size and self.size < self._most:
            grown = min(int(self.size * _GROWTH) + 1, self._most)
            known = self._refused <= self._most
            self.size = max(self.size, (self._fits + self._refused) // 2 if known else grown)

    def _raise_refused(self, number: int) -> None:
        """Double the refused size once in `_SETTLED` full lookups, so that growth resumes.

        The server may have refused that size for another reason, such as a sick proxy.
        """
        if self._refused > self._most or number < self.size:
            return
        self._full += 1
        if self._full >= _SETTLED:
            self._full = 0
            self._refused = min(self._most + 1, 2 * self._refused)

    def note_refused(self, number: int) -> None:
        """Record that a lookup of `number` ids was refused, perhaps for their number."""
        self._refused = min(self._refused, number)
        self._fits = min(self._fits, number - 1)
        self.size = max(1, self._fits, number // 2) if number <= self.size else self.size

    def note_refused_alone(self) -> None:
        """Record that a lookup of one id was refused too: the number was not the reason."""
        self._refused = self._most + 1
        self.size = max(self.size, self._fits, min(FIRST, self._most))

    @property
    def learned(self) -> bool:
        """Whether replies have shown more than the first size assumes."""
        return self._fits > FIRST or self._refused <= self._most

    def dump(self) -> bytes:
        """Return the learned state as bytes, for `load`."""
        return f"{self._fits} {self._refused} {self.size}".encode()

    def load(self, blob: bytes) -> None:
        """Restore a state that `dump` returned; ignore any other bytes."""
        try:
            fits, refused, size = map(int, blob.split())
        except ValueError:
            return
        if 0 <= fits < refused and 1 <= size <= self._most:
            self._fits, self._refused, self.size = fits, refused, size
