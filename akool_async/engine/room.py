"""How many jobs may be in flight, as it is now: a program may change it while jobs run."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Any

from akool_async.observers import shield


class Room:
    """The limits of one client on jobs in flight. All its event loops share it, each for itself.

    Places look at it whenever a job is to be created. So a lower limit ends no job: it is reached
    once enough jobs have ended.

    Args:
        limit: The most jobs in flight, in each event loop.
        quotas: By a pattern of operation names, such as `video.*`, the most jobs in flight.
    """

    def __init__(self, limit: int, quotas: Mapping[str, int]) -> None:
        self.limit = limit
        self.quotas = quotas
        """Never changed in place: another mapping takes its place."""
        self.paused = False
        """Whether no job is created."""
        self._watchers: weakref.WeakSet[Watcher] = weakref.WeakSet()

    def watch(self, changed: Callable[[], object]) -> Watcher:
        """Call a function after each change, for as long as what is returned lives."""
        watcher = Watcher(changed)
        self._watchers.add(watcher)
        return watcher

    def tell(self) -> None:
        """Tell all who watch that something has changed."""
        for watcher in tuple(self._watchers):
            shield("a change of limits", watcher.changed)


class Watcher:
    """Somebody who is told of changes."""

    def __init__(self, changed: Callable[[], Any]) -> None:
        self.changed = changed
