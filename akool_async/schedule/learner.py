"""When to poll next, learned from job durations: arithmetic, without clock and without I/O.

How this works. Two things cost: each poll, and each second between a job's end and the poll
that notices it (the *delay*). A setting says how many seconds of delay one poll is worth, so
both costs are seconds, and the best plan is the one with the smallest expected sum. The
durations come from `hazard.py`, whose introduction explains hazard, rate and bin.

Where polls are close together, the hazard h hardly changes from one to the next. With a poll
every d seconds, a job costs c / d per second for polls. It ends with a chance of h per second,
on average in the middle between two polls, so d / 2 seconds unnoticed: h * d / 2 per second for
delay. The sum c / d + h * d / 2 is smallest at

    d = sqrt(2 * c / h)

So polls are dense at ages at which many jobs end, and rare elsewhere. (Published as Keller's
rule for the inspection of machines.) With h = rate / age, that is d = sqrt(2 * c * age / rate).

Where polls are further apart than the bins of `hazard.py`, the hazard does change between two of
them: the first poll of a job that takes a minute is such a case. Those polls are planned by
dynamic programming, backwards from the age that no job reaches (`plan_delays`). For each bin
edge, from old to young, it picks the next poll with the least cost until then and after.

The plan is worked out for all bin edges at once, a few times a second at most, and kept as a
table that is linear within each bin. So `Learner.delay`, which runs for each polled job, is one
logarithm and one multiplication.

When many ids share a request, each pays only its part of the request. That is a cheaper poll,
with a table of its own.
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
    """Settings of the schedule that learns job durations: the cost of a poll, and its limits.

    A poll's cost is stated as the delay that it is worth: the seconds between a job's end and
    the poll that notices it. A higher cost makes fewer polls, and notices ends later.
    """

    shows_defaults = True

    cost: float = 0.3
    """Cost of one HTTP request, in seconds of delay. Ids that share a request share its cost."""
    cheapest: float = 0.0015
    """Lowest cost of a poll of one id, in seconds of delay, even if many ids share its request."""
    coarseness: float = 0.00075
    """Lowest cost of a poll, as a fraction of the median duration: the end of an hour's job need
    not be noticed within a second."""
    minimum: float = 0.05
    """Shortest time between two polls of a job, in seconds, jitter aside."""
    maximum: float = 30.0
    """Longest time between two polls of a job, in seconds, jitter aside."""
    jitter: float = 0.05
    """Random part of each delay, as a fraction of it, at least 0 and less than 1, up or down."""

    def check(self) -> None:
        """Refuse a poll without a cost, and delays that are not above 0."""
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


_REBUILD_PAUSE = 0.25
"""Least seconds between two rebuilds: one takes milliseconds of CPU."""
_IDLE_REBUILD_PAUSE = 1.0
"""The same while no job ends: running jobs are evidence too, but they change the plan slowly."""
_EARLIEST = 0.2
"""Earliest first poll after the evidence was contradicted, as a part of the planned delay."""
_MANY = 20
"""Jobs that share a lookup, from which on lookups are as far apart as `Guess.spacing` says."""
_YOUNG = 3.0
"""The age of the oldest job, times this, counts as the median if that is longer: the guess may be
wrong."""
_NEGLIGIBLE = 1e-6
"""Ages that fewer than this part of all jobs reach are not planned."""

_Table = tuple[list[float], list[float]]
"""Delays that are linear in age within each bin: delay at age 0, and growth per second of age."""

_RANDOM = Random()
_log = math.log


class Learner:
    """The learned schedule of one operation: when to poll its jobs, from all polls so far."""

    __slots__ = (
        *("_by_cost", "_by_sharing", "_durations", "_low", "_random", "_span", "settings"),
        "spacing",
    )

    def __init__(
        self, settings: Schedule, guess: Guess | None = None, *, random: Random | None = None
    ) -> None:
        self.settings = settings
        self._durations = Durations(guess)
        self.spacing = guess.spacing if guess is not None else 0.0
        """See `Guess.spacing`."""
        self._random = (random or _RANDOM).random
        # A delay is multiplied by a random number from `_low` to `_low + _span`.
        self._low = 1 - settings.jitter
        self._span = 2 * settings.jitter
        self._by_sharing: dict[int, _Table] = {}
        """Tables by the number of ids that share a request."""
        self._by_cost: dict[float, _Table] = {}
        """The same tables by cost of a poll; several numbers of ids have one cost."""

    def delay(self, age: float, sharing: int = 1) -> float:
        """Return the seconds to wait before the next poll of a job that is `age` seconds old.

        Args:
            age: Seconds since the job was accepted.
            sharing: How many ids the request of that poll will hold.
        """
        table = self._by_sharing.get(sharing)
        if table is None:
            table = self._table(sharing)
        # `bin_of` is spelled out here: this runs for each polled job, and a call takes longer.
        if YOUNGEST < age < OLDEST:
            i = int(_log(age) * PER_E + SHIFT)
        elif age >= OLDEST:
            i, age = BINS - 1, OLDEST
        else:
            i, age = 0, YOUNGEST
            if self._durations.unsure:
                return self._early_first_delay(table[0][0] + table[1][0] * YOUNGEST)
        return (table[0][i] + table[1][i] * age) * (self._low + self._span * self._random())

    def first(self, sharing: int = 1) -> float:
        """Return the seconds from a job's acceptance to its first poll."""
        return self.delay(0.0, sharing)

    def apart(self, age: float, sharing: int) -> float:
        """Return the least seconds between two lookups of jobs that share them.

        Args:
            age: The age of the oldest one, in seconds.
            sharing: How many there are.
        """
        median = self._durations.median or math.inf
        return self.spacing * min(1.0, math.sqrt(sharing / _MANY)) * min(_YOUNG * age, median)

    def ended(self, last_seen_pending: float, age: float) -> None:
        """Record that a job ended between two polls.

        Leave out jobs that had ended when they were created: those are never polled.

        Args:
            last_seen_pending: The job's age in seconds at the last poll that found it running;
                0 if none did.
            age: The job's age in seconds at the poll that found it ended.
        """
        self._durations.ended(last_seen_pending, age)

    def ended_exactly(self, age: float) -> None:
        """Record the exact age, in seconds, at which a job ended."""
        self._durations.ended(age, age)

    def rebuild_due(self, now: float) -> bool:
        """Return whether `rebuild` is due: enough time has passed, less if jobs have ended."""
        return self._durations.due(now, _REBUILD_PAUSE, _IDLE_REBUILD_PAUSE)

    def rebuild(
        self, now: float, pending_ages: Sequence[float], pending: int | None = None
    ) -> None:
        """Plan again, with everything that was recorded since the last rebuild.

        Args:
            now: Any clock's time in seconds.
            pending_ages: Ages of running jobs in seconds, at the last polls that found them
                running, of all running jobs or a sample of them. Their present ages would be
                wrong: a job may have ended since its last poll.
            pending: How many jobs run, if `pending_ages` is a sample.
        """
        weight = max(1.0, (pending or 0) / len(pending_ages)) if pending_ages else 1.0
        self._durations.update(now, pending_ages, weight)
        self._by_sharing.clear()
        self._by_cost.clear()

    def eta(self, age: float) -> float | None:
        """Return the seconds within which half of all jobs of this age end.

        `None` without a guess and without an ended job.
        """
        return self._durations.remaining(age)

    @property
    def median(self) -> float | None:
        """Seconds within which half of all jobs end; `None` until a job has ended."""
        return self._durations.median if self.completions else None

    @property
    def completions(self) -> int:
        """How many jobs have been seen to end."""
        return self._durations.completions

    def dump(self) -> bytes:
        """Return what was learned as bytes, for `load`."""
        return self._durations.dump()

    def load(self, blob: bytes) -> None:
        """Add what `dump` returned; ignore any other bytes."""
        self._durations.load(blob)
        self._by_sharing.clear()
        self._by_cost.clear()

    def _early_first_delay(self, delay: float) -> float:
        """Return an earlier first delay, at random.

        Durations may have become shorter. If every first poll came late, each job would seem to
        end just before it, and nothing would be learned about the time before.
        """
        earlier = delay * (_EARLIEST + (1 - _EARLIEST) * self._random())
        return max(self.settings.minimum, earlier)

    def _table(self, sharing: int) -> _Table:
        settings = self.settings
        # The cost of a poll is cost / sharing, rounded to a power of sqrt(2). So it is off by a
        # fifth at most, and all numbers up to 300 need 17 tables only.
        steps = round(2 * math.log2(max(1, sharing)))
        cost = max(settings.cheapest, settings.cost * 2 ** (-steps / 2))
        table = self._by_cost.get(cost)
        if table is None:
            table = self._by_cost[cost] = self._new_table(cost)
        self._by_sharing[sharing] = table
        return table

    def _new_table(self, cost: float) -> _Table:
        """Plan the delays for polls that cost `cost` seconds."""
        settings, median = self.settings, self._durations.median
        costs = [max(cost, settings.coarseness * min(edge, median or edge)) for edge in EDGES]
        delays = [
            min(settings.maximum, max(settings.minimum, delay))
            for delay in plan_delays(self._durations.rates, costs)
        ]
        slopes = [
            (after - before) / (old - young)
            for (before, after), (young, old) in zip(pairwise(delays), pairwise(EDGES), strict=True)
        ]
        bases = [delays[i] - slope * EDGES[i] for i, slope in enumerate(slopes)]
        return bases, slopes


class _Poll(Struct, frozen=True):
    """A planned poll."""

    delay: float
    """Seconds since the poll before; 0 if it is at most about a bin later."""
    left: float
    """Expected cost of everything after the poll before, in seconds per job ever begun."""


def plan_delays(rates: Sequence[float], costs: Sequence[float]) -> list[float]:
    """Return the best delay after a poll at each bin edge.

    It is dynamic programming: the best plan from an edge on is the best next poll, plus the
    best plan from that poll on. From old to young, the latter is known already.

    Args:
        rates: The rate in each bin.
        costs: Cost of a poll, in seconds of delay, at each edge.
    """
    # At each edge: the share of jobs that still run, and the seconds lived until then per job.
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
        if alive[i] > _NEGLIGIBLE:
            poll = _next_poll(i, costs[i], alive, lived, left)
            left[i] = poll.left
            delays[i] = poll.delay or delays[i]
    return delays


def _next_poll(
    i: int, cost: float, alive: Sequence[float], lived: Sequence[float], left: Sequence[float]
) -> _Poll:
    """Find the best poll after one at edge `i`.

    If the very next edge is best, bins are too wide to place the poll: its delay is then 0, and
    the rule for close polls decides.
    """
    sums: list[float] = []
    best = math.inf
    for j in range(i + 1, BINS + 1):
        # Jobs that run at `i` spend this time between the edges, minus the part that they live:
        # the rest is the time that ended jobs go unnoticed.
        unnoticed = alive[i] * (EDGES[j] - EDGES[i]) - (lived[j] - lived[i])
        here = alive[i] * cost + unnoticed
        if here >= best:  # it only grows with j, and `left` is never negative
            break
        sums.append(here + left[j])
        best = min(best, sums[-1])
    at = sums.index(best)
    if at == 0:
        return _Poll(0.0, best)
    # The best age lies between edges: at the lowest point of a parabola through three of them.
    off = _lowest(*sums[at - 1 : at + 2]) if at + 1 < len(sums) else 0.0
    return _Poll(EDGES[i + 1 + at] * math.exp(off * WIDTH) - EDGES[i], best)


def _lowest(before: float, at: float, after: float) -> float:
    """Return the lowest point of a parabola through three points, in steps from the middle one."""
    bend = before - 2 * at + after
    return (before - after) / (2 * bend) if bend > 0 else 0.0


__all__ = ["Learner", "Schedule"]
