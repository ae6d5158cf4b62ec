"""When to look next, learnt from how long jobs took: arithmetic, without clock and without I/O.

A look costs something, and so does the time that a job has ended unnoticed. Looks are planned so
that both together are least: backwards, from the age that no job reaches, each look where what it
costs and what is left after it are least. Where looks are closer than the bins in which durations
are known, they come at intervals of sqrt(2c / h): c is how many seconds of delay one look is
worth, h the chance per second that a job that got so far ends now.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from random import Random

from msgspec import Struct

from akool_async.protocol.endpoint import Guess
from akool_async.protocol.value import Input
from akool_async.schedule.hazard import (
    BINS,
    EDGES,
    OLDEST,
    PER_E,
    SHIFT,
    WIDTH,
    YOUNGEST,
    Durations,
)


class Schedule(Input):
    """What a look is worth: the settings of a schedule that learns how long jobs take.

    Dear looks come seldom and late, cheap ones often.
    """

    cost: float = 0.3
    """Seconds of delay that one HTTP request is worth. Ids that share one share its cost."""
    cheapest: float = 0.0015
    """What a look at one id costs at least, in seconds of delay, however many share its request."""
    coarseness: float = 0.00075
    """What a look costs at least, as a fraction of the median duration: that an hour's job has
    ended need not be known to the second."""
    minimum: float = 0.05
    """No two looks at a job are closer, in seconds, jitter aside."""
    maximum: float = 30.0
    """Nor are they further apart, in seconds, jitter aside."""
    jitter: float = 0.05
    """Random part of each delay, as a fraction of it, from 0 to 1, up or down."""

    def check(self) -> None:
        """Refuse looks that cost nothing, or stand still."""
        for name in self.__struct_fields__:
            if not math.isfinite(getattr(self, name)):
                raise self.refuse(name, "must be a finite number")
        for name in ("cheapest", "minimum"):
            if getattr(self, name) <= 0:
                raise self.refuse(name, "must be more than 0 seconds")
        if self.cost < self.cheapest:
            raise self.refuse("cost", "must be at least `cheapest`")
        if self.coarseness < 0:
            raise self.refuse("coarseness", "must be at least 0")
        if self.maximum < self.minimum:
            raise self.refuse("maximum", "must be at least `minimum`")
        if not 0 <= self.jitter < 1:
            raise self.refuse("jitter", "must be at least 0 and less than 1")


_PAUSE = 0.25
"""Seconds between two rebuilds, at least."""
_LULL = 1.0
"""The same, while no job ends."""
_EARLIEST = 0.2
"""How early the first look may come, as a part of what was planned, after that was wrong."""
_NOBODY = 1e-6
"""Part of all jobs that is not planned for."""

_Table = tuple[list[float], list[float]]
"""Delays that are linear in age within each bin: at age 0, and by second."""

_RANDOM = Random()
_log = math.log


class Learner:
    """When to look at one operation's jobs, by all that has been seen of such jobs."""

    __slots__ = ("_costs", "_durations", "_low", "_random", "_span", "_tables", "settings")

    def __init__(
        self, settings: Schedule, guess: Guess | None = None, *, random: Random | None = None
    ) -> None:
        self.settings = settings
        self._durations = Durations(guess)
        self._random = (random or _RANDOM).random
        self._low = 1 - settings.jitter
        self._span = 2 * settings.jitter
        self._tables: dict[int, _Table] = {}
        """By how many ids share a request."""
        self._costs: dict[float, _Table] = {}
        """By what a look costs; several numbers of ids share one."""

    def delay(self, age: float, sharing: int = 1) -> float:
        """Return the seconds to wait before the next look at a job that is `age` seconds old.

        Args:
            age: Seconds since the job was accepted.
            sharing: How many ids the request of that look will be about.
        """
        table = self._tables.get(sharing)
        if table is None:
            table = self._table(sharing)
        if YOUNGEST < age < OLDEST:
            i = int(_log(age) * PER_E + SHIFT)
        elif age >= OLDEST:
            i, age = BINS - 1, OLDEST
        else:
            i, age = 0, YOUNGEST
            if self._durations.unsure:
                return self._try_out(table[0][0] + table[1][0] * YOUNGEST)
        return (table[0][i] + table[1][i] * age) * (self._low + self._span * self._random())

    def first(self, sharing: int = 1) -> float:
        """Return the seconds from a job's acceptance to the first look at it."""
        return self.delay(0.0, sharing)

    def ended(self, last_seen_pending: float, age: float) -> None:
        """Learn that a job ended between two looks at it.

        A job that had ended when it was created is none of these: it is never looked at.

        Args:
            last_seen_pending: Its age in seconds when it was last seen running; 0 for never.
            age: Its age in seconds when it was seen to have ended.
        """
        self._durations.ended(last_seen_pending, age)

    def ended_exactly(self, age: float) -> None:
        """Learn at which age, in seconds, a job ended."""
        self._durations.ended(age, age)

    def rebuild_due(self, now: float) -> bool:
        """Say whether enough has happened, or enough time has passed, for `rebuild`."""
        return self._durations.due(now, _PAUSE, _LULL)

    def rebuild(
        self, now: float, pending_ages: Sequence[float], pending: int | None = None
    ) -> None:
        """Take in what was learnt since the last time.

        Args:
            now: Any clock's time in seconds.
            pending_ages: The ages at which jobs were last seen running, of all of them or some;
                how it is with them now, nobody knows.
            pending: How many run, if those were only some.
        """
        weight = max(1.0, (pending or 0) / len(pending_ages)) if pending_ages else 1.0
        self._durations.update(now, pending_ages, weight)
        self._tables.clear()
        self._costs.clear()

    def eta(self, age: float) -> float | None:
        """Return the seconds that half of all jobs of this age still take.

        `None` if nothing is known, not even a guess.
        """
        return self._durations.remaining(age)

    @property
    def median(self) -> float | None:
        """The seconds that half of all jobs take at most; `None` until one has ended."""
        return self._durations.usual if self.completions else None

    @property
    def completions(self) -> int:
        """How many jobs have been seen to end."""
        return self._durations.completions

    def dump(self) -> bytes:
        """Return what was learnt, to be kept for another time."""
        return self._durations.dump()

    def load(self, blob: bytes) -> None:
        """Take in what `dump` returned; anything else is ignored."""
        self._durations.load(blob)
        self._tables.clear()
        self._costs.clear()

    def _try_out(self, delay: float) -> float:
        """Return an earlier first look: without one, nobody learns of jobs that end sooner."""
        earlier = delay * (_EARLIEST + (1 - _EARLIEST) * self._random())
        return max(self.settings.minimum, earlier)

    def _table(self, sharing: int) -> _Table:
        settings = self.settings
        # Costs that differ by less than a fifth share a table.
        steps = round(2 * math.log2(max(1, sharing)))
        cost = max(settings.cheapest, settings.cost * 2 ** (-steps / 2))
        table = self._costs.get(cost)
        if table is None:
            table = self._costs[cost] = self._tabulated(cost)
        self._tables[sharing] = table
        return table

    def _tabulated(self, cost: float) -> _Table:
        """Work out the delays for looks that cost so many seconds."""
        settings, usual = self.settings, self._durations.usual
        costs = [max(cost, settings.coarseness * min(edge, usual or edge)) for edge in EDGES]
        delays = [
            min(settings.maximum, max(settings.minimum, delay))
            for delay in planned(self._durations.rates, costs)
        ]
        slopes = [
            (after - before) / (old - young)
            for (before, after), (young, old) in zip(pairwise(delays), pairwise(EDGES), strict=True)
        ]
        bases = [delays[i] - slope * EDGES[i] for i, slope in enumerate(slopes)]
        return bases, slopes


class _Look(Struct, frozen=True):
    """A look that is planned."""

    delay: float
    """Seconds from the one before."""
    left: float
    """What it costs, and all that follow, by job that was ever begun."""


def planned(rates: Sequence[float], costs: Sequence[float]) -> list[float]:
    """Return the best delay after a look at each edge.

    Args:
        rates: Chance to end per factor e of age, in each bin.
        costs: What a look costs, in seconds, at each edge.
    """
    alive = [math.exp(-x) for x in accumulate((rate * WIDTH for rate in rates), initial=0.0)]
    lives = (
        (more + less) / 2 * (old - young)
        for (more, less), (young, old) in zip(pairwise(alive), pairwise(EDGES), strict=True)
    )
    lived = list(accumulate(lives, initial=0.0))
    left = [0.0] * (BINS + 1)
    delays = [math.sqrt(2 * costs[-1] * EDGES[-1] / rates[-1])] * (BINS + 1)
    for i in reversed(range(BINS)):
        delays[i] = math.sqrt(2 * costs[i] * EDGES[i] / rates[i])
        if alive[i] > _NOBODY:
            look = _next_look(i, costs[i], alive, lived, left)
            left[i] = look.left
            delays[i] = look.delay or delays[i]
    return delays


def _next_look(
    i: int, cost: float, alive: Sequence[float], lived: Sequence[float], left: Sequence[float]
) -> _Look:
    """Find the best look after one at an edge; its delay is 0 if it is within a bin or so."""
    sums: list[float] = []
    best = math.inf
    for j in range(i + 1, BINS + 1):
        unnoticed = alive[i] * (EDGES[j] - EDGES[i]) - (lived[j] - lived[i])
        here = alive[i] * cost + unnoticed
        if here >= best:
            break
        sums.append(here + left[j])
        best = min(best, sums[-1])
    at = sums.index(best)
    if at == 0:
        return _Look(0.0, best)
    off = _lowest(*sums[at - 1 : at + 2]) if at + 1 < len(sums) else 0.0
    return _Look(EDGES[i + 1 + at] * math.exp(off * WIDTH) - EDGES[i], best)


def _lowest(before: float, at: float, after: float) -> float:
    """Return where a parabola through three points is lowest, from the middle one."""
    bend = before - 2 * at + after
    return (before - after) / (2 * bend) if bend > 0 else 0.0


__all__ = ["Learner", "Schedule"]
