"""A limit on concurrent requests that several watches share fairly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from akool_async.clock import steady


class FairLimiter:
    """Limits concurrent requests. A refused user is called back when a place may be free.

    One place is kept for each user that has no request under way, and of a wide limit an eighth
    for users that are not known yet. So a family whose endpoint hangs never holds up the others.

    Args:
        width: The most requests at once.
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
        """Take a place; or return `False`, and call `when_free` once there may be one."""
        if self._open_to(user):
            self._under_way[user] += 1
            return True
        self._waiting.setdefault(user, when_free)
        return False

    def leave(self, user: str) -> None:
        """Give a place back, and call users that wait, in turn, until one takes it."""
        self._under_way[user] -= 1
        steady(self._call_waiting)

    def _call_waiting(self) -> None:
        left = self._under_way.total()
        for waiting in tuple(self._waiting):
            if self._open_to(waiting):
                self._waiting.pop(waiting)()
            # A user may not need the place any more. Then the next one gets it.
            if self._under_way.total() > left:
                return

    def _open_to(self, user: str) -> bool:
        taken = self._under_way.total()
        if self._under_way[user] == 0:
            return taken < self.width
        idle = sum(1 for other in self._users if other != user and self._under_way[other] == 0)
        return taken + min(max(idle, self._kept), self.width - 1) < self.width
