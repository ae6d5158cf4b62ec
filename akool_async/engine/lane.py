"""A bound on requests at once, shared fairly by the watches that use it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable


class Lane:
    """So many requests at once; whoever found it full is called when it no longer is.

    While other users are known that have nothing under way, one place is kept for each of
    them, so that one family whose endpoint hangs never holds up the others.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._under_way: Counter[str] = Counter()
        self._users: set[str] = set()
        self._waiting: deque[tuple[str, Callable[[], None]]] = deque()

    def join(self, user: str) -> None:
        """Make a user known."""
        self._users.add(user)

    def enter(self, user: str, when_free: Callable[[], None]) -> bool:
        """Take a place, or be called once there may be one."""
        if self._open_to(user):
            self._under_way[user] += 1
            return True
        if all(waiting != user for waiting, _ in self._waiting):
            self._waiting.append((user, when_free))
        return False

    def leave(self, user: str) -> None:
        """Give a place back, and call who waits for one, each once, in turn."""
        self._under_way[user] -= 1
        for _ in range(len(self._waiting)):
            waiting, when_free = self._waiting.popleft()
            if self._open_to(waiting):
                when_free()
                return
            self._waiting.append((waiting, when_free))

    def _open_to(self, user: str) -> bool:
        taken = self._under_way.total()
        if self._under_way[user] == 0:
            return taken < self._width
        kept = sum(1 for other in self._users if other != user and self._under_way[other] == 0)
        return taken + min(kept, self._width - 1) < self._width
