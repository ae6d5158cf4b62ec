"""When to look next, learnt from how long jobs took: arithmetic, without clock and without I/O.

A look costs something, and a job that waits for its next look costs something too. The sum is
least when looks come with density sqrt(h / 2c), where h is the chance per second that a job
which has lasted so long ends now (its hazard), and c is how many seconds of delay one look is
worth. The hazard is counted, not assumed: jobs that ended over jobs that got that far.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from operator import add
from random import Random
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from akool_async.value import Input


class Schedule(Input):
    """What a look is worth: the settings of a schedule that learns how long jobs take.

    Looks are set so that delay and cost together are least. Dear looks come seldom and late,
    cheap ones often.
    """

    cost: float = 0.3
    """Seconds of delay that one HTTP request is worth. Ids that share one share its cost."""
    cheapest: float = 0.005
    """What a look at one id costs at least, in seconds of delay, however many share its request."""
    coarseness: float = 0.002
    """What a look costs at least, as a fraction of the median duration: that an hour's job has
    ended need not be known to the second."""
    minimum: float = 0.05
    """No two looks at a job are closer, in seconds, jitter aside."""
    maximum: float = 30.0
    """Nor are they further apart, in seconds, jitter aside."""
    jitter: float = 0.1
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


class Guess(NamedTuple):
    """What is thought of an operation's durations before one of them is known."""

    median: float
    """Seconds that half of its jobs take at most."""
    spread: float = 0.7
    """Sigma of their logarithm: 0.7 says that two of three take half to twice the median."""


GUESSES: Mapping[str, Guess] = MappingProxyType(
    {
        "audio.clone": Guess(10.0),
        "audio.tts": Guess(5.0),
        "avatar.upload": Guess(120.0, 1.0),
        "faceswap.image": Guess(10.0),
        "faceswap.video": Guess(90.0, 1.0),
        "image.generate": Guess(30.0),
        "image.refine": Guess(30.0),
        "image.replace_background": Guess(15.0),
        "moderation.analyze": Guess(15.0),
        "reage.image": Guess(10.0),
        "reage.video": Guess(90.0, 1.0),
        "streaming.session": Guess(5.0),
        "video.lip_sync": Guess(120.0, 1.0),
        "video.talking_avatar": Guess(120.0, 1.0),
        "video.talking_photo": Guess(90.0, 1.0),
        "video.translate": Guess(240.0, 1.0),
    }
)
"""First guesses by the operation's name. Nobody has measured them; a few completions overrule
them."""

_PER_E = 10
"""Bins per factor e of age."""
_WIDTH = 1 / _PER_E
_YOUNGEST = 0.01
"""Where the first bin begins, in seconds."""
_BINS = 160
"""They end after about a day."""
_EDGES = tuple(_YOUNGEST * math.exp(i * _WIDTH) for i in range(_BINS + 1))
_OLDEST = _EDGES[-1] * (1 - 1e-9)
_ROOTS = tuple(2 * math.sqrt(edge) for edge in _EDGES)
_SHIFT = -math.log(_YOUNGEST) * _PER_E

_FREE = 0.6
"""Chance to end per factor e of age where nothing is known: the same at every age."""
_TRUST = 0.12
"""How many jobs, per bin, what is assumed counts for: in factors of e of age."""
_SURE = 2.0
"""What a guess takes that chance for, at most."""
_DOUBT = _FREE / 4
"""What is added to a guess when looks are set: it may be wrong."""
_FAR = 5.0
"""Sigmas beyond which the hazard of a normal distribution is as good as linear."""
_HINT = 0.01
"""As `_TRUST`, where the question is not when to look but how long jobs take."""
_ENOUGH = 8.0
"""Events that make a bin's hazard worth trusting without its neighbours."""
_WIDEST = 4
"""Neighbours that are asked, to each side, at most."""
_MEMORY = 256.0
"""Completions after which one counts for 1/e; more where many jobs run at once."""
_TURNS = 8.0
"""Lifetimes of a job after which one counts for 1/e, at least."""
_PAUSE = 0.25
"""Seconds between two rebuilds, at least."""
_LULL = 2.0
"""The same, while no job ends."""
_FADED = 1e-3
"""Ends in a bin that are not worth keeping on disk."""
_ABSURD = 1e9
"""Ends in a bin that nobody has counted."""
_MOST_FRESH = 1024
"""Completions that wait for a rebuild, at most."""


_RANDOM = Random()
_log = math.log


class _Table(NamedTuple):
    """The delays of one cost: linear in age within each bin."""

    base: list[float]
    slope: list[float]


def _bin(age: float) -> int:
    """Return the number of the bin that an age falls into."""
    if not age > _YOUNGEST:
        return 0
    return int(math.log(min(age, _OLDEST)) * _PER_E + _SHIFT)


def _assumed(guess: Guess | None) -> tuple[float, ...]:
    """Return the chance to end per factor e of age, by bin, that is assumed at first."""
    if guess is None:
        return (_FREE,) * _BINS
    rates: list[float] = []
    for i in range(_BINS):
        z = (math.log(_EDGES[i]) + _WIDTH / 2 - math.log(guess.median)) / guess.spread
        tail = math.erfc(z / math.sqrt(2)) / 2
        density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        rate = density / tail if z < _FAR else z
        rates.append(min(_SURE, rate / guess.spread))
    return tuple(rates)


class _Memory(msgspec.Struct, array_like=True):
    """A learner on disk."""

    version: int
    per_e: int
    youngest: float
    completions: int
    bins: dict[int, float]


class Learner:
    """What is known of how long one operation's jobs take, and when to look at them.

    It learns from every look: from jobs found ended, of which only the last look that found
    them running and the one that found them ended are known, and from jobs that still run.
    """

    __slots__ = (
        "_assumed",
        "_costs",
        "_doubt",
        "_ended",
        "_fresh",
        "_known",
        "_looked",
        "_low",
        "_median",
        "_passed",
        "_random",
        "_rates",
        "_rebuilt_at",
        "_span",
        "_tables",
        "completions",
        "settings",
    )

    def __init__(
        self, settings: Schedule, guess: Guess | None = None, *, random: Random | None = None
    ) -> None:
        self.settings = settings
        self.completions = 0
        """How many jobs have been seen to end."""
        self._assumed = _assumed(guess)
        self._known = guess is not None
        self._doubt = _DOUBT if guess else 0.0
        self._random = (random or _RANDOM).random
        self._low = 1 - settings.jitter
        self._span = 2 * settings.jitter
        self._ended = [0.0] * _BINS
        """How many jobs ended in each bin; old ones count for less."""
        self._fresh: list[tuple[float, float]] = []
        """What ended since the last rebuild."""
        self._rebuilt_at = -math.inf
        self._learn([0.0] * _BINS)

    def delay(self, age: float, sharing: int = 1) -> float:
        """Return the seconds to wait before the next look at a job that is `age` seconds old.

        Args:
            age: Seconds since the job was accepted.
            sharing: How many ids the request of that look will be about.
        """
        table = self._tables.get(sharing)
        if table is None:
            table = self._table(sharing)
        if _YOUNGEST < age < _OLDEST:
            i = int(_log(age) * _PER_E + _SHIFT)
        elif age >= _OLDEST:
            i, age = _BINS - 1, _OLDEST
        else:
            i, age = 0, _YOUNGEST
        return (table[0][i] + table[1][i] * age) * (self._low + self._span * self._random())

    def first(self, sharing: int = 1) -> float:
        """Return the seconds from a job's acceptance to the first look at it."""
        return self.delay(0.0, sharing)

    def ended(self, last_seen_pending: float, age: float) -> None:
        """Learn that a job ended between two looks at it.

        Args:
            last_seen_pending: Its age in seconds when it was last seen running; 0 for never.
            age: Its age when it was seen to have ended. The same as before, or less, if that
                is when it ended.
        """
        if not 0 <= age < math.inf:
            return
        self.completions += 1
        self._fresh.append((last_seen_pending if 0 <= last_seen_pending <= age else age, age))
        if len(self._fresh) >= _MOST_FRESH:
            self._remember(math.inf)

    def ended_exactly(self, age: float) -> None:
        """Learn at which age, in seconds, a job ended."""
        self.ended(age, age)

    def rebuild_due(self, now: float) -> bool:
        """Say whether enough has happened, or enough time has passed, for `rebuild`."""
        return now - self._rebuilt_at >= (_PAUSE if self._fresh else _LULL)

    def rebuild(
        self, now: float, pending_ages: Sequence[float], pending: int | None = None
    ) -> None:
        """Take in what was learnt since the last time.

        Args:
            now: Any clock's time in seconds.
            pending_ages: The ages of jobs that still run, all of them or some.
            pending: How many run, if those were only some.
        """
        self._remember(now - self._rebuilt_at)
        self._rebuilt_at = now
        running = [0.0] * _BINS
        weight = max(1.0, (pending or 0) / len(pending_ages)) if pending_ages else 0.0
        for age in pending_ages:
            running[_bin(age)] += weight
        self._learn(running)

    def eta(self, age: float) -> float | None:
        """Return the seconds that half of all jobs of this age still take, or `None` if unknown."""
        if not self._known:
            return None
        age = max(age, 0.0)
        return max(0.0, self._when(self._passed_at(age) + math.log(2)) - age)

    @property
    def median(self) -> float | None:
        """The seconds that half of all jobs take at most, or `None` while that is unknown."""
        return self._median

    def dump(self) -> bytes:
        """Return what was learnt, to be kept for another time."""
        self._remember(math.inf)
        bins = {i: round(n, 4) for i, n in enumerate(self._ended) if n > _FADED}
        return msgspec.msgpack.encode(_Memory(1, _PER_E, _YOUNGEST, self.completions, bins))

    def load(self, blob: bytes) -> None:
        """Take in what `dump` returned; anything else is ignored."""
        try:
            memory = msgspec.msgpack.decode(blob, type=_Memory)
        except msgspec.DecodeError:
            return
        if (memory.version, memory.per_e, memory.youngest) != (1, _PER_E, _YOUNGEST):
            return
        bins = memory.bins
        if any(not (0 <= i < _BINS and 0 <= n < _ABSURD) for i, n in bins.items()):
            return
        self.completions += max(0, memory.completions)
        for i, n in bins.items():
            self._ended[i] += n
        self._learn([0.0] * _BINS)

    def _remember(self, elapsed: float) -> None:
        """Count fresh completions in, and let older ones fade."""
        fresh, self._fresh = self._fresh, []
        if not fresh:
            return
        lived = sum(age for _, age in fresh) / len(fresh)
        fading = min(len(fresh) / _MEMORY, elapsed / max(_TURNS * lived, _YOUNGEST))
        kept = math.exp(-fading)
        self._ended = [n * kept for n in self._ended]
        for begin, end in fresh:
            self._count(begin, end)

    def _count(self, begin: float, end: float) -> None:
        """Count one end, spread over the time in which it may have happened."""
        first, last = _bin(begin), _bin(end)
        if first == last:
            self._ended[last] += 1
            return
        # What is known of the hazard says where in that time an end is likely.
        marks = [begin, *_EDGES[first + 1 : last + 1], end]
        before = self._passed_at(begin)
        left = [math.exp(before - self._passed_at(mark)) for mark in marks]
        whole = left[0] - left[-1]
        if not whole > 0:
            self._ended[last] += 1
            return
        for i, (more, less) in enumerate(pairwise(left), first):
            self._ended[i] += (more - less) / whole

    def _learn(self, running: Sequence[float]) -> None:
        """Work out the hazard from all that is known; tables follow when they are asked for."""
        ended = list(accumulate(self._ended, initial=0.0))
        got_to = list(accumulate(map(add, self._ended, running), initial=0.0))
        everyone = got_to[-1]
        exposed = list(
            accumulate(
                (_WIDTH * (everyone - (got_to[i] + got_to[i + 1]) / 2) for i in range(_BINS)),
                initial=0.0,
            )
        )
        looked: list[float] = []
        rates: list[float] = []
        for i, assumed in enumerate(self._assumed):
            wide, low, high = 0, i, i + 1
            while ended[high] - ended[low] < _ENOUGH and wide < _WIDEST:
                wide += 1
                low, high = max(0, i - wide), min(_BINS, i + wide + 1)
            events, exposure = ended[high] - ended[low], exposed[high] - exposed[low]
            looked.append((events + _TRUST * (assumed + self._doubt)) / (exposure + _TRUST))
            rates.append((events + _HINT * assumed) / (exposure + _HINT))
        self._looked, self._rates = looked, rates
        self._passed = list(accumulate((rate * _WIDTH for rate in rates), initial=0.0))
        self._known = self._known or everyone > 0
        self._median = self._when(math.log(2)) if self._known else None
        self._tables: dict[int, _Table] = {}
        self._costs: dict[float, _Table] = {}

    def _passed_at(self, age: float) -> float:
        """Return the hazard that a job has passed at an age: exp(-x) of all get that far."""
        if age <= _YOUNGEST:
            return 0.0
        i = _bin(age)
        return self._passed[i] + self._rates[i] * math.log(age / _EDGES[i])

    def _when(self, passed: float) -> float:
        """Return the age at which so much hazard is passed."""
        i = min(_BINS, bisect_right(self._passed, passed)) - 1
        return _EDGES[i] * math.exp((passed - self._passed[i]) / self._rates[min(i, _BINS - 1)])

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
        """Work out the delay at each age at which a bin begins."""
        settings, median = self.settings, self._median
        densities = [
            math.sqrt(rate / (2 * max(cost, settings.coarseness * min(edge, median or edge))))
            for rate, edge in zip(self._looked, _EDGES, strict=False)
        ]
        looks = list(
            accumulate(
                (
                    density * (right - left)
                    for density, (left, right) in zip(densities, pairwise(_ROOTS), strict=True)
                ),
                initial=densities[0] * _ROOTS[0],
            )
        )
        targets: list[float] = []
        j = 0
        for look in looks:
            while j < _BINS and looks[j + 1] < look + 1:
                j += 1
            root = _ROOTS[j] + (look + 1 - looks[j]) / densities[min(j, _BINS - 1)]
            targets.append(root * root / 4)
        delays = [
            min(settings.maximum, max(settings.minimum, target - edge))
            for target, edge in zip(targets, _EDGES, strict=True)
        ]
        slopes = [
            (after - before) / (right - left)
            for (before, after), (left, right) in zip(
                pairwise(delays), pairwise(_EDGES), strict=True
            )
        ]
        bases = [
            delay - slope * edge for delay, slope, edge in zip(delays, slopes, _EDGES, strict=False)
        ]
        return _Table(bases, slopes)
