"""A bound on requests at once, shared fairly by the watches that use it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable


class Lane:
    """So many requests at once; whoever found it full is called when it no longer is.

    While other users are known that have nothing under way, one place is kept for each of
    them, and of a wide lane an eighth for those that are not known yet: so one family whose
    endpoint hangs never holds up the others.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._kept = width // 8
        self._under_way: Counter[str] = Counter()
        self._users: set[str] = set()
        self._waiting: dict[str, Callable[[], None]] = {}

    def join(self, user: str) -> None:
        """Make a user known."""
        self._users.add(user)

    def enter(self, user: str, when_free: Callable[[], None]) -> bool:
        """Take a place, or be called once there may be one."""
        if self._open_to(user):
            self._under_way[user] += 1
            return True
        self._waiting.setdefault(user, when_free)
        return False

    def leave(self, user: str) -> None:
        """Give a place back, and call who waits for one, in turn, until it is taken."""
        self._under_way[user] -= 1
        left = self._under_way.total()
        for waiting in tuple(self._waiting):
            if self._open_to(waiting):
                self._waiting.pop(waiting)()
            # Who was called may need it no longer; then it is the next one's.
            if self._under_way.total() > left:
                return

    def _open_to(self, user: str) -> bool:
        taken = self._under_way.total()
        if self._under_way[user] == 0:
            return taken < self.width
        idle = sum(1 for other in self._users if other != user and self._under_way[other] == 0)
        return taken + min(max(idle, self._kept), self.width - 1) < self.width
