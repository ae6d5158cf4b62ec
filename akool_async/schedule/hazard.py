"""How long jobs take, learnt from looks at them: arithmetic, without clock and without I/O.

What is counted is the hazard: of the jobs that got to an age, which part ended there. That takes
in what every look says. Of a job that ended, only two looks are known: the last that found it
running, and the one that did not. Of a job that still runs, only its age is known; whoever leaves
those out learns from the short jobs alone, for they end first.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import accumulate, pairwise

import msgspec

from akool_async.protocol.endpoint import Guess

PER_E = 10
"""Bins per factor e of age."""
BINS = 160
"""They end after about a day."""
WIDTH = 1 / PER_E
YOUNGEST = 0.01
"""Where the first bin begins, in seconds."""
EDGES = tuple(YOUNGEST * math.exp(i * WIDTH) for i in range(BINS + 1))
OLDEST = EDGES[-1] * (1 - 1e-9)
SHIFT = -math.log(YOUNGEST) * PER_E

_UNKNOWN = 0.6
"""Chance to end, per factor e of age, where nothing is known: the same at every age ..."""
_BRISK = 0.2
"""... above this one, in seconds: hardly any job is over sooner."""
_DOUBT = 0.15
"""What is added to a guess, which may be wrong."""
_SUREST = 2.0
"""What a guess takes that chance for, at most."""
_FAR = 5.0
"""Sigmas beyond which the hazard of a normal distribution is as good as linear."""
_TRUST = 0.12
"""What is assumed counts as much as jobs that passed so many factors e of age together."""
_HINT = 0.01
"""The same, where the question is how long jobs take: a prior for looks errs on the side of
looking."""
_CARRY = 0.8
"""Part of the hazard above what is assumed that the next bin is thought to have as well."""
_ENOUGH = 4.0
"""Ends in a bin, and in as many of its neighbours as it takes, that say something."""
_WIDEST = 4
"""Neighbours that are asked, to each side, at most."""
_HEED = 8.0
"""How many times its own evidence a bin takes from its neighbours, at most: a burst of jobs that
grow old together says nothing about the ages that none of them has reached."""
_SURPRISE = 0.3
"""Chance of an end between two looks below which what is known says too little of when."""
_MEMORY = 256.0
"""Jobs that passed an age after which what was known of it counts for 1/e ..."""
_ROUNDS = 4.0
"""... or so many times as many as run at once, if that is more."""
_MOST_FRESH = 1024
"""Ends that wait for being counted, at most."""

_SAMPLE = 16.0
"""Ends, seen or foreseen, after which the ones are held against the others ..."""
_LONGEST = 128.0
"""... until there are so many."""
_ODD = 12.0
"""Square of their difference, over their number, that is no chance any more."""
_SLACK = 0.5
_LATER = 4.0
_PROVEN = 1.0
"""Exposure of a bin without which it foresees nothing."""
_KEPT = 0.25
"""What is left of all that was known when it turns out to be wrong."""
_UNSURE = 32
"""Ends after that which count as if nothing were known."""


class Memory(msgspec.Struct, array_like=True):
    """What is known, on disk."""

    version: int
    per_e: int
    youngest: float
    completions: int
    bins: dict[int, tuple[float, float]]
    """Ends and exposure."""


def bin_of(age: float) -> int:
    """Return the number of the bin that an age in seconds falls into."""
    if not age > YOUNGEST:
        return 0
    return int(math.log(min(age, OLDEST)) * PER_E + SHIFT)


@cache
def _assumed(guess: Guess | None) -> tuple[float, ...]:
    """Return the chance to end per factor e of age, in each bin, that is assumed at first."""
    if guess is None:
        return tuple(_UNKNOWN * edge / (edge + _BRISK) for edge in EDGES[:-1])
    rates: list[float] = []
    for edge in EDGES[:-1]:
        z = (math.log(edge / guess.median) + WIDTH / 2) / guess.spread
        density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        rate = z if z > _FAR else density / (math.erfc(z / math.sqrt(2)) / 2)
        rates.append(min(_SUREST, rate / guess.spread))
    return tuple(rates)


class _Jobs:
    """How many jobs got into each bin and no further, and how far into it."""

    __slots__ = ("_parts", "counts")

    def __init__(self) -> None:
        self.counts = [0.0] * BINS
        self._parts = [0.0] * BINS

    def add(self, count: float, age: float) -> None:
        """Add so many that got to an age in seconds."""
        if age > YOUNGEST:
            place = math.log(min(age, OLDEST)) * PER_E + SHIFT
            i = int(place)
            self.counts[i] += count
            self._parts[i] += count * (place - i)
        else:
            self.counts[0] += count

    def exposure(self) -> list[float]:
        """Return the exposure in each bin."""
        beyond = sum(self.counts)
        exposed: list[float] = []
        for count, part in zip(self.counts, self._parts, strict=True):
            beyond -= count
            exposed.append(WIDTH * (beyond + part))
        return exposed


class Durations:
    """What is known of how long one operation's jobs take.

    Ages are in bins, by their logarithm. A job is exposed in each bin that it passes, by what it
    passes of it in factors e of age; where it ends is one end. What is known of a bin fades as
    other jobs pass it, not with time: of many jobs begun at once, the short ones end first, and
    whoever forgot those would know the long ones alone when all have ended.
    """

    __slots__ = (
        "_assumed",
        "_beliefs",
        "_doubt",
        "_ended",
        "_ends",
        "_exposed",
        "_foreseen",
        "_fresh",
        "_guessed",
        "_passed",
        "_running",
        "_standing",
        "_unread",
        "_updated_at",
        "completions",
        "rates",
        "unsure",
        "usual",
    )

    rates: list[float]
    """Chance to end per factor e of age, in each bin: what looks are planned by."""
    usual: float | None
    """The median duration, in seconds, guessed if need be."""

    def __init__(self, guess: Guess | None = None) -> None:
        self.completions = 0
        """How many jobs have been seen to end."""
        self.unsure = 0
        """Ends to go until what is known is trusted again, after it was wrong."""
        self._assumed = _assumed(guess)
        self._guessed = guess is not None
        self._doubt = _DOUBT if guess else 0.0
        self._ended = [0.0] * BINS
        self._exposed = [0.0] * BINS
        self._unread: list[tuple[float, float]] = []
        """Between which ages jobs ended since the last update."""
        self._fresh = _Jobs()
        """The same, in bins, as far as it was read."""
        self._standing = [0.0] * BINS
        """Exposure of jobs that ran at the last update."""
        self._running = 0.0
        """How many they were."""
        self._ends = self._foreseen = 0.0
        self._updated_at = -math.inf
        self._learn()

    @property
    def known(self) -> bool:
        """Whether anything is known, if only a guess."""
        return self._guessed or self.completions > 0

    def ended(self, begin: float, end: float) -> None:
        """Learn that a job ended between two ages, in seconds."""
        if not 0 <= end < math.inf:
            return
        self.completions += 1
        self._unread.append((begin if 0 <= begin <= end else end, end))
        if len(self._unread) >= _MOST_FRESH:
            self._read()

    def due(self, now: float, pause: float, lull: float) -> bool:
        """Say whether the last update is so many seconds ago, with news or without."""
        return now - self._updated_at >= (pause if self._unread else lull)

    def update(self, now: float, ages: Sequence[float], weight: float) -> None:
        """Take in what has ended, and the ages of jobs that run, each for so many of them."""
        running = _Jobs()
        for age in ages:
            running.add(weight, age)
        self._updated_at = now
        self._running = weight * len(ages)
        standing = running.exposure()
        # Where only some of the running jobs are told, they are others each time.
        self._absorb(standing, suspicious=weight <= 1)
        self._learn()

    def remaining(self, age: float) -> float | None:
        """Return the seconds that half of the jobs of this age still take, if known."""
        if not self.known:
            return None
        age = max(0.0, age)
        return max(0.0, self._when(self._passed_at(age) + math.log(2)) - age)

    def dump(self) -> bytes:
        """Return what is known, to be kept for another time."""
        self._absorb(self._standing, suspicious=False)
        pairs = enumerate(zip(self._ended, self._exposed, strict=True))
        bins = {i: (round(n, 4), round(x, 4)) for i, (n, x) in pairs if x > 0}
        return msgspec.msgpack.encode(Memory(1, PER_E, YOUNGEST, self.completions, bins))

    def load(self, blob: bytes) -> None:
        """Add what `dump` returned; ignore what it did not return."""
        try:
            memory = msgspec.msgpack.decode(blob, type=Memory)
        except msgspec.DecodeError:
            return
        sane = all(
            0 <= i < BINS and 0 <= n < math.inf and 0 <= x < math.inf
            for i, (n, x) in memory.bins.items()
        )
        known = (memory.version, memory.per_e, memory.youngest) == (1, PER_E, YOUNGEST)
        if not (sane and known and memory.completions >= 0):
            return
        self.completions += memory.completions
        for i, (ended, exposed) in memory.bins.items():
            # However much was known then, what happens now shall overrule it as soon as ever.
            scale = min(1.0, _MEMORY * WIDTH / max(exposed, WIDTH))
            self._ended[i] += ended * scale
            self._exposed[i] += exposed * scale
        self._learn()

    def _absorb(self, standing: list[float], *, suspicious: bool) -> None:
        """Count what has happened since the last time; let what happened before fade."""
        self._read()
        fresh, self._fresh = self._fresh, _Jobs()
        gained = [
            done + now - before
            for done, now, before in zip(fresh.exposure(), standing, self._standing, strict=True)
        ]
        self._standing = standing
        if self._all_wrong(fresh.counts, gained, suspicious=suspicious):
            self.unsure = _UNSURE
            self._ended = [ended * _KEPT for ended in self._ended]
            self._exposed = [exposed * _KEPT for exposed in self._exposed]
        memory = max(_MEMORY, _ROUNDS * self._running) * WIDTH
        for i, gain in enumerate(gained):
            kept = math.exp(-max(0.0, gain) / memory)
            self._ended[i] = self._ended[i] * kept + fresh.counts[i]
            # Jobs that nobody waits for any more take with them what they had passed.
            self._exposed[i] = max(self._exposed[i] * kept + gain, self._exposed[i] / 2)

    def _all_wrong(
        self, fresh: Sequence[float], gained: Sequence[float], *, suspicious: bool
    ) -> bool:
        """Say whether jobs end far more, or far less often than the hazard they pass foresees."""
        if not suspicious:
            self._ends = self._foreseen = 0.0
            return False
        for i, exposed in enumerate(self._exposed):
            if exposed >= _PROVEN:
                self._ends += fresh[i]
                self._foreseen += gained[i] * self._beliefs[i]
        most = max(self._ends, self._foreseen)
        gap = abs(self._ends - self._foreseen) - _SLACK * self._running
        wrong = most >= _SAMPLE and gap > 0 and gap**2 > _ODD * most
        if wrong or most > _LONGEST + _LATER * self._running:
            self._ends = self._foreseen = 0.0
        return wrong

    def _read(self) -> None:
        for begin, end in self._unread:
            self._spread(begin, end)
        self._unread.clear()

    def _spread(self, begin: float, end: float) -> None:
        """Spread one end over the time in which it may have happened."""
        first, last = bin_of(begin), bin_of(end)
        if first == last:
            self._fresh.add(1.0, (begin + end) / 2)
            return
        # What is known says where in that time an end is likely, if one was to be expected.
        marks = [begin, *EDGES[first + 1 : last + 1], end]
        before = self._passed_at(begin)
        alive = [math.exp(before - self._passed_at(mark)) for mark in marks]
        expected = 1.0 - alive[-1]
        trust = 0.0 if self.unsure > 0 else min(1.0, expected / _SURPRISE)
        self.unsure -= self.unsure > 0
        scale, even = trust / max(expected, 1e-12), (1.0 - trust) / (end - begin)
        for (young, more), (old, less) in pairwise(zip(marks, alive, strict=True)):
            here = scale * (more - less) + even * (old - young)
            self._fresh.add(here, (young + old) / 2)

    def _learn(self) -> None:
        """Work out the hazard in each bin."""
        ended, exposed = _summed(self._ended), _summed(self._exposed)
        pooled = [_pooled(i, ended, exposed) for i in range(BINS)]
        self.rates = _rates(pooled, [rate + self._doubt for rate in self._assumed], _TRUST)
        self._beliefs = _rates(pooled, self._assumed, _HINT)
        self._passed = _summed(belief * WIDTH for belief in self._beliefs)
        self.usual = self._when(math.log(2)) if self.known else None

    def _passed_at(self, age: float) -> float:
        """Return the hazard that jobs of an age have passed: exp(-x) of all get that far."""
        if age <= YOUNGEST:
            return 0.0
        i = bin_of(age)
        return self._passed[i] + self._beliefs[i] * math.log(age / EDGES[i])

    def _when(self, passed: float) -> float:
        """Return the age, in seconds, at which jobs have passed so much hazard."""
        i = min(BINS - 1, bisect_right(self._passed, passed) - 1)
        return EDGES[i] * math.exp((passed - self._passed[i]) / self._beliefs[i])


def _summed(values: Iterable[float]) -> list[float]:
    """Return the sum of what lies below each edge."""
    return list(accumulate(values, initial=0.0))


def _pooled(i: int, ended: Sequence[float], exposed: Sequence[float]) -> tuple[float, float]:
    """Return a bin's ends and exposure, with those of its neighbours where it has few."""
    own, own_exposure = ended[i + 1] - ended[i], exposed[i + 1] - exposed[i]
    wide, low, high = 0, i, i + 1
    while ended[high] - ended[low] < _ENOUGH and wide < _WIDEST:
        wide += 1
        low, high = max(0, i - wide), min(BINS, i + wide + 1)
    others, their_exposure = ended[high] - ended[low] - own, exposed[high] - exposed[low]
    their_exposure -= own_exposure
    if their_exposure <= 0:
        return own, own_exposure
    share = min(1.0, _HEED * own_exposure / their_exposure)
    return own + share * others, own_exposure + share * their_exposure


def _rates(
    pooled: Iterable[tuple[float, float]], assumed: Sequence[float], trust: float
) -> list[float]:
    """Return the chance to end per factor e of age, in each bin."""
    rates: list[float] = []
    rate = 0.0
    for (events, exposure), prior in zip(pooled, assumed, strict=True):
        carried = prior + max(0.0, _CARRY * (rate - prior))
        rate = (events + trust * carried) / (exposure + trust)
        rates.append(rate)
    return rates


__all__ = [
    "BINS",
    "EDGES",
    "OLDEST",
    "PER_E",
    "SHIFT",
    "WIDTH",
    "YOUNGEST",
    "Durations",
    "bin_of",
]
