"""When messages may leave, so that a carrier takes all of them. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from akool_async.errors import InvalidInput
from akool_async.streaming.messages.limits import Limits

_WINDOW: Final = 1.05
"""Seconds. The carrier counts each second where messages arrive, and their way takes not always
the same time. The rest above one second also keeps rounded floats on the safe side."""
_AT_ONCE: Final = 0.001
"""A shorter delay is none: added to a large clock it might change nothing."""
_COMMANDS: Final = 3
"""The messages in each second that are kept for commands; the bytes are one largest message."""


class Pace:
    """Says when a message may leave: in no second there are more bytes or messages than allowed.

    A token bucket would let through the double: what it saved up, and what comes in meanwhile.

    Chat leaves room, so that a command may leave at once. One sender at a time asks for the delay,
    waits, asks again, sends, and tells by `sent`. `now` is a monotonic clock in seconds; where it
    goes back, it counts as if it stood still.

    Args:
        limits: What the carrier takes.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._sent: deque[tuple[float, int]] = deque()

    def delay(self, size: int, now: float, *, command: bool = False) -> float:
        """Return the seconds until a message may leave; 0.0 for now.

        Args:
            size: The bytes of the message.
            now: The clock.
            command: Whether it is a command, which may use all that is allowed.

        Raises:
            InvalidInput: the message is larger than the carrier's largest.
        """
        if size > self._limits.largest:
            rule = f"must be at most {self._limits.largest}, the carrier's largest message"
            raise InvalidInput("size", size, rule)
        at, recent = self._at(now), self._recent(now)
        used, count, moment = sum(size for _, size in recent), len(recent), at
        for when, gone in recent:
            if self._allows(used, count, size, command=command):
                break
            used, count, moment = used - gone, count - 1, when + _WINDOW
        wait = moment - at
        # Where the clock went back, the wait ends later by as much.
        return wait + at - now if wait > _AT_ONCE else 0.0

    def sent(self, size: int, now: float) -> None:
        """Tell that a message has left.

        Args:
            size: The bytes of the message.
            now: The clock when the carrier had taken it.
        """
        self._forget(now)
        if self._limits.bytes_per_second or self._limits.messages_per_second:
            self._sent.append((self._at(now), size))

    def _at(self, now: float) -> float:
        return max(now, self._sent[-1][0]) if self._sent else now

    def _recent(self, now: float) -> Sequence[tuple[float, int]]:
        self._forget(now)
        return self._sent

    def _forget(self, now: float) -> None:
        while self._sent and self._sent[0][0] + _WINDOW <= now:
            self._sent.popleft()

    def _allows(self, used: int, count: int, size: int, *, command: bool) -> bool:
        """Say whether a message may leave after others in the same second."""
        limits, often = self._limits, self._limits.messages_per_second
        most = limits.bytes_per_second if command else limits.for_chat
        if most is not None and used + size > most:
            return False
        kept = 0 if command or often is None else min(_COMMANDS, often // 2)
        return often is None or count + 1 <= often - kept
