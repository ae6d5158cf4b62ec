"""The events that came last, to know their repetitions."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

KEPT: Final = 10_000
"""The most events that are remembered. The oldest are forgotten first."""


class RecentEvents:
    """The digests of the last events.

    Args:
        known: Those of earlier events, oldest first.
    """

    def __init__(self, known: Iterable[bytes] = ()) -> None:
        self._seen: OrderedDict[bytes, None] = OrderedDict.fromkeys(known)

    def add(self, digest: bytes) -> bool:
        """Remember an event; return `False` if it is a repetition."""
        if digest in self._seen:
            return False
        self._seen[digest] = None
        while len(self._seen) > KEPT:
            self._seen.popitem(last=False)
        return True

    def discard(self, digest: bytes) -> None:
        """Forget an event."""
        self._seen.pop(digest, None)
