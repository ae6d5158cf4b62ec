"""Adaptive rate limit: none until Akool answers "too frequent", then reduced, and raised again."""

from __future__ import annotations

import asyncio
import math

from akool_async.clock import Clock, sleep
from akool_async.observers import logger

# The rules, similar to botocore's adaptive mode:
# - Without a refusal there is no limit, and a request costs next to nothing (`try_turn`).
# - A refusal multiplies the rate by 0.7. The rate is not Akool's limit, which nobody publishes,
#   but the rate at which this client sent before the refusal, averaged over 5 seconds.
# - The rate then doubles every 30 seconds. At four times the refused rate the limit is lifted.
# - A client that sends less than two requests a second gets no limit from a refusal.
# - A burst of requests gets a burst of refusals. Only requests sent a second or more after the
#   last change say something about the new rate; the others are the same refusal.
# - `Retry-After` stops all requests of the kind until its time is over.

_SLOWER = 0.7
"""Factor by which a refusal lowers the rate."""
_SLOWEST = 0.2
"""Lowest limit, in requests a second."""
_FEW = 2.0
"""Measured rate, in requests a second, below which a refusal sets no limit. Who sends so little
is not the one to slow down: the retry policy spaces out the refused request itself."""
_LEAST = 1.0
"""Lowest measured rate, in requests a second. A client that was slowed down, and waits, measures a
rate near 0, which says little about Akool's limit."""
_DOUBLING = 30.0
"""Seconds in which the limit doubles while nothing is refused."""
_FREE = 4.0
"""The limit is lifted at this multiple of the refused rate."""
_MEMORY = 5.0
"""Seconds over which the measured rate is averaged. It decays once a second."""
_SAME_REFUSAL = 1.0
"""Seconds after a change of the limit in which a refusal says nothing about the new limit."""
_PATIENCE = 1.0
"""Seconds after which the first request in the queue checks whether the limit has changed."""


class Pace:
    """The rate limit of one kind of request, for the whole client.

    Args:
        kind: The plural noun for these requests in log messages.
        clock: The client's clock.
    """

    def __init__(self, kind: str, clock: Clock) -> None:
        self._kind = kind
        self._clock = clock
        self._limit = math.inf
        self._refused_at_rate = math.inf
        self._changed_at = -math.inf
        self._queue = asyncio.Lock()
        """The queue of waiting requests: first come, first served."""
        self._sent_last = -math.inf
        self._held_until = -math.inf
        self._sent = 0.0
        """Decaying count of the requests sent."""
        self._second = 0
        """The second up to which the count has decayed."""
        self.refusals = 0
        """Number of refusals."""

    @property
    def limit(self) -> float:
        """The limit now, in requests a second; infinite if there is none."""
        if math.isinf(self._limit):
            return math.inf
        grown = self._limit * 2.0 ** ((self._clock.time() - self._changed_at) / _DOUBLING)
        if grown >= self._refused_at_rate * _FREE:
            self._limit = math.inf
        return min(grown, self._refused_at_rate * _FREE) if self._limit < math.inf else math.inf

    def try_turn(self, now: float) -> bool:
        """Take a turn if there is no limit and no queue; return whether it was taken.

        Args:
            now: The time of the client's clock.
        """
        if self._limit != math.inf or now < self._held_until or self._queue.locked():
            return False
        self._take(now)
        return True

    async def turn(self) -> float:
        """Wait for the turn to send a request; return the time of the clock at that moment."""
        if self.try_turn(now := self._clock.time()):
            return now
        async with self._queue:
            # The limit may change during the wait, so the wait is computed anew each second.
            while (pause := self._next_turn() - self._clock.time()) > 0:
                await sleep(self._clock, min(pause, _PATIENCE))
            now = self._clock.time()
            self._take(now)
        return now

    def _next_turn(self) -> float:
        return max(self._sent_last + 1 / self.limit, self._held_until)

    def refused(self, sent_at: float, hold: float = 0.0) -> None:
        """Lower the limit, because Akool refused a request as too frequent.

        Args:
            sent_at: The return value of `turn` for that request.
            hold: Seconds in which no request of this kind may be sent.
        """
        now = self._clock.time()
        self.refusals += 1
        self._held_until = max(self._held_until, now + hold)
        if sent_at < self._changed_at + _SAME_REFUSAL:  # the same refusal
            return
        measured = self._measured(now)
        if math.isinf(self._limit):
            if measured < _FEW:
                return
            logger.warning("the server asks for fewer %s; slowing down", self._kind)
        self._refused_at_rate = max(_SLOWEST, min(self.limit, max(_LEAST, measured)))
        self._limit = max(_SLOWEST, self._refused_at_rate * _SLOWER)
        self._changed_at = now

    def _take(self, now: float) -> None:
        self._sent_last = now
        second = int(now)
        if second != self._second:
            self._decay(second)
        self._sent += 1

    def _decay(self, second: int) -> None:
        self._sent *= math.exp((self._second - second) / _MEMORY)
        self._second = second

    def _measured(self, now: float) -> float:
        """Return the recent rate, in requests a second."""
        self._decay(int(now))
        return self._sent / _MEMORY


class Budget:
    """The retry quota of a client, as in botocore: it stops a storm of retries.

    Args:
        size: Tokens at the start, and at most.
        cost: Tokens that a retry takes. A retry that succeeds gives them back; a request that
            succeeds at once gives one back.
    """

    def __init__(self, size: int = 500, cost: int = 14) -> None:
        self._size = size
        self._cost = cost
        self.left = size
        """Tokens left."""

    def spend(self) -> bool:
        """Take the cost of a retry; return False if too few tokens are left."""
        if self.left < self._cost:
            return False
        self.left -= self._cost
        return True

    def give_back(self, *, retried: bool) -> None:
        """Give tokens back, because a request succeeded."""
        self.left = min(self._size, self.left + (self._cost if retried else 1))
