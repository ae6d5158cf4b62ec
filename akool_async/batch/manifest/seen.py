"""Which texts of a manifest came before, and where, in a few bytes for each."""

from __future__ import annotations

from array import array
from typing import Final

_FIRST_SLOTS: Final = 1 << 10


class FirstLines:
    """The line at which each text was first seen: 18 to 36 bytes for a text.

    It is a table of hashes of 64 bits; a set of as many texts would take 200 bytes for each. Two
    of a million texts have one hash with a probability of one to 30 millions.
    """

    def __init__(self) -> None:
        self._hashes = array("q", bytes(8 * _FIRST_SLOTS))
        self._lines = array("I", bytes(4 * _FIRST_SLOTS))
        self._mask = _FIRST_SLOTS - 1
        self._room = _FIRST_SLOTS * 2 // 3

    def add(self, text: str, line: int) -> int:
        """Return the line at which a text was first seen; 0 for a new one, which is kept."""
        wanted = hash(text) or 1
        hashes, mask = self._hashes, self._mask
        at = wanted & mask
        while found := hashes[at]:
            if found == wanted:
                return self._lines[at]
            at = (at + 1) & mask
        hashes[at] = wanted
        self._lines[at] = line
        self._room -= 1
        if not self._room:
            self._grow()
        return 0

    def line_of(self, text: str) -> int:
        """Return the line at which a text was first seen; 0 for one that was not."""
        wanted = hash(text) or 1
        at = wanted & self._mask
        while found := self._hashes[at]:
            if found == wanted:
                return self._lines[at]
            at = (at + 1) & self._mask
        return 0

    def _grow(self) -> None:
        old_hashes, old_lines = self._hashes, self._lines
        slots = 2 * len(old_hashes)
        hashes = self._hashes = array("q", bytes(8)) * slots
        lines = self._lines = array("I", bytes(4)) * slots
        mask = self._mask = slots - 1
        self._room = slots * 2 // 3 - (len(old_hashes) * 2 // 3)
        for index, wanted in enumerate(old_hashes):
            if wanted:
                at = wanted & mask
                while hashes[at]:
                    at = (at + 1) & mask
                hashes[at] = wanted
                lines[at] = old_lines[index]
