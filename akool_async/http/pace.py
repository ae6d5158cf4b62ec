"""How fast requests may follow each other: as fast as they come, until Akool asks for less."""

from __future__ import annotations

import asyncio
import logging
import math

from akool_async.clock import Clock, sleep

logger = logging.getLogger("akool_async")

_SLOWER = 0.7
"""What a refusal for frequency does to the rate."""
_SLOWEST = 0.2
"""Requests a second that are always allowed."""
_FEW = 1.0
"""Requests a second below which a client that was never slowed down is not taken at its word:
one refusal of its first request says little about the rate."""
_DOUBLING = 30.0
"""Seconds in which the rate doubles while nothing is refused."""
_FREE = 4.0
"""At so many times the rate that was refused, the limit is lifted."""
_MEMORY = 5.0
"""Seconds over which the rate of what was sent is averaged; it fades once a second."""
_SAME_REFUSAL = 1.0
"""Seconds after a change in which a request that is refused says nothing about the new rate."""
_PATIENCE = 1.0
"""Seconds after which the first in line looks again whether the rate has changed."""


class Pace:
    """The rate of one kind of request, shared by everyone who uses the client.

    A refusal multiplies the rate by 0.7; then it recovers smoothly, doubling every 30
    seconds, until it is far above what was refused. Where the refusal says for how long,
    nobody sends before that is over.
    """

    def __init__(self, kind: str, clock: Clock) -> None:
        self._kind = kind
        self._clock = clock
        self._limit = math.inf
        self._refused_at_rate = math.inf
        self._changed_at = -math.inf
        self._line = asyncio.Lock()
        """Who waits for a turn: first come, first served."""
        self._sent_last = -math.inf
        self._held_until = -math.inf
        self._sent = 0.0
        """Requests sent, each worth less with every second that has passed since."""
        self._second = 0
        """The second up to which it has faded."""
        self.refusals = 0
        """How often Akool has asked for less."""

    @property
    def limit(self) -> float:
        """Requests a second that are allowed now; infinite while nothing was refused."""
        if math.isinf(self._limit):
            return math.inf
        grown = self._limit * 2.0 ** ((self._clock.time() - self._changed_at) / _DOUBLING)
        if grown >= self._refused_at_rate * _FREE:
            self._limit = math.inf
        return min(grown, self._refused_at_rate * _FREE) if self._limit < math.inf else math.inf

    def try_turn(self, now: float) -> bool:
        """Take the turn to send a request if nobody has to wait for one; say whether it was.

        It costs next to nothing, and is all that is needed while nothing was refused.

        Args:
            now: The clock's time.
        """
        if self._limit != math.inf or now < self._held_until or self._line.locked():
            return False
        self._take(now)
        return True

    async def turn(self) -> float:
        """Wait for the turn to send a request; return the clock's time at it."""
        if self.try_turn(now := self._clock.time()):
            return now
        async with self._line:
            # The rate may change while the first in line waits, and its wait with it.
            while (pause := self._next_turn() - self._clock.time()) > 0:
                await sleep(self._clock, min(pause, _PATIENCE))
            now = self._clock.time()
            self._take(now)
        return now

    def _next_turn(self) -> float:
        return max(self._sent_last + 1 / self.limit, self._held_until)

    def refused(self, sent_at: float, hold: float = 0.0) -> None:
        """Learn that a request was refused for its frequency.

        Args:
            sent_at: What its `turn` returned.
            hold: Seconds for which nothing of this kind shall be sent at all.
        """
        now = self._clock.time()
        self.refusals += 1
        self._held_until = max(self._held_until, now + hold)
        if sent_at < self._changed_at + _SAME_REFUSAL:  # it says nothing about the new rate
            return
        if math.isinf(self._limit):
            logger.warning("the server asks for fewer %s; slowing down", self._kind)
        self._refused_at_rate = max(_SLOWEST, min(self.limit, max(_FEW, self._measured(now))))
        self._limit = max(_SLOWEST, self._refused_at_rate * _SLOWER)
        self._changed_at = now

    def _take(self, now: float) -> None:
        self._sent_last = now
        second = int(now)
        if second != self._second:
            self._fade(second)
        self._sent += 1

    def _fade(self, second: int) -> None:
        self._sent *= math.exp((self._second - second) / _MEMORY)
        self._second = second

    def _measured(self, now: float) -> float:
        """Return the recent rate, in requests a second."""
        self._fade(int(now))
        return self._sent / _MEMORY


class Budget:
    """What a client may spend on retries: it stops a storm of them, as botocore's quota does.

    A retry takes from it, a request that succeeds at once gives a little back.
    """

    def __init__(self, size: int = 500, cost: int = 14) -> None:
        self._size = size
        self._cost = cost
        self.left = size
        """What is left."""

    def spend(self) -> bool:
        """Take the cost of a retry, if there is enough."""
        if self.left < self._cost:
            return False
        self.left -= self._cost
        return True

    def give_back(self, *, retried: bool) -> None:
        """Learn that a request succeeded."""
        self.left = min(self._size, self.left + (self._cost if retried else 1))
