"""When to poll again: a schedule as a value, without clock and without I/O."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from akool_async.protocol.value import Input


class Backoff(Input):
    """How long to wait before the next poll of a job, by the job's age.

    A job that is `age` seconds old is polled again after
    `min(maximum, initial + (multiplier - 1) * age)` seconds, give or take `jitter`. If every poll
    is on time, the delays are `initial`, `initial * multiplier`, `initial * multiplier ** 2` ...
    seconds, as with any exponential backoff. But each delay depends on the job's age alone. So a
    poll that came early, because the request of another job had room for this one, does not bring
    later polls forward.
    """

    shows_defaults = True

    initial: float = 0.5
    """Seconds from acceptance to the first poll."""
    multiplier: float = 1.6
    """Factor from one delay to the next; at least 1."""
    maximum: float = 10.0
    """Longest delay, in seconds, jitter aside."""
    jitter: float = 0.2
    """Random part of each delay, as a fraction of it, at least 0 and less than 1, up or down."""

    def check(self) -> None:
        """Refuse delays that are not above 0, or that shrink."""
        for name in self.__struct_fields__:
            if not math.isfinite(getattr(self, name)):
                raise self.refuse(name, "must be a finite number")
        if self.initial <= 0:
            raise self.refuse("initial", "must be more than 0 seconds")
        if self.multiplier < 1:
            raise self.refuse("multiplier", "must be at least 1")
        if self.maximum < self.initial:
            raise self.refuse("maximum", "must be at least `initial`")
        if not 0 <= self.jitter < 1:
            raise self.refuse("jitter", "must be at least 0 and less than 1")

    def delay(self, age: float, sharing: int = 1) -> float:
        """Return the seconds to wait before the next poll of a job that is `age` seconds old.

        Args:
            age: Seconds since the job was accepted.
            sharing: How many jobs share one request. The best interval between polls grows
                with the square root of a poll's cost, and each of `sharing` jobs pays only
                its part of the request. So shared polls come more often, down to `initial`.
        """
        grown = self.initial
        if self.multiplier > 1 and age > 0:
            grown = min(self.maximum, grown + (self.multiplier - 1) * age)
            grown = max(self.initial, grown / math.sqrt(sharing))
        if not self.jitter:
            return grown
        return grown * (1 + self.jitter * (2 * random.random() - 1))

    def delays(self) -> Iterator[float]:
        """Yield the delays, without jitter, of a job whose polls are all on time.

        Examples:
            >>> from itertools import islice
            >>> [round(delay, 2) for delay in islice(Backoff().delays(), 4)]
            [0.5, 0.8, 1.28, 2.05]
        """
        age = 0.0
        while True:
            delay = min(self.maximum, self.initial + (self.multiplier - 1) * age)
            yield delay
            age += delay
