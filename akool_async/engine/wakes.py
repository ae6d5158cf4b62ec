"""Ids that were woken before this client knew them: a webhook can overtake the create's reply."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from akool_async.clock import Clock

_KEPT_FOR: Final = 60.0
"""Seconds. A reply that takes longer ends as unknown, and its job is not watched here."""
_MOST: Final = 10_000
"""Ids kept at once. Anybody can send webhooks, and they must not fill the memory."""


class EarlyWakes:
    """Unknown ids, for a minute each."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._woken_at: OrderedDict[str, float] = OrderedDict()
        """By id, oldest first."""

    def add(self, id: str) -> None:
        """Keep an id; forget ids that are too old, or too many."""
        now = self._clock.time()
        self._woken_at[id] = now
        self._woken_at.move_to_end(id)
        while len(self._woken_at) > _MOST or now - self._oldest() > _KEPT_FOR:
            self._woken_at.popitem(last=False)

    def _oldest(self) -> float:
        return next(iter(self._woken_at.values()))

    def take(self, id: str) -> bool:
        """Say whether an id was woken in the last minute, and forget it."""
        woken_at = self._woken_at.pop(id, None) if self._woken_at else None
        return woken_at is not None and self._clock.time() - woken_at <= _KEPT_FOR
