"""Statistics of job durations, learned from polls: arithmetic, without clock and without I/O.

How this works. The question is: a job is `t` seconds old and still runs; how likely does it
end in the next moment? That chance per second is the *hazard*, h(t). Everything else follows
from it: the share of jobs that get to an age t is exp(-H(t)), where H(t), the *cumulative
hazard*, is the sum of h from 0 to t. Half of all jobs have ended where H(t) = ln 2.

The hazard is counted, not fitted to a formula, so any shape of durations can be learned: narrow,
wide, or with two peaks. Ages are sorted into bins. For each bin there are two numbers:

- *ends*: how many jobs ended in the bin;
- *exposure*: how much of the bin all jobs together have lived through, ended or not.

The hazard of a bin is ends / exposure. Bins are equally wide on a logarithmic scale, because
durations range from a second to hours and a relative precision of 10 % is enough. So exposure is
measured in units of ln(age): a job that passes a whole bin adds `WIDTH` to its exposure. A
hazard per unit of ln(age) is called a *rate* here; h(t) = rate / t.

Polls say less than one would like, and each gap has its remedy:

- A running job has no duration yet. It counts as exposure without an end. A learner that left
  running jobs out would see the short jobs only, because those end first.
- The end of a job lies somewhere between its last two polls. It is spread over the bins between
  them, in proportion to where the present estimate expects an end (see `_spread`).
- A bin with few ends is noisy. It borrows from its neighbours, and starts from a guess that a
  few real jobs overrule (see `_pooled` and `_rates`).
- Durations change, by the day or the load at Akool. Old evidence fades with each job that
  passes the same bin (see `_add_evidence`). It does not fade with time: of many jobs begun at
  once the short ones end first, and a memory of limited time would keep the long ones alone.
- Durations may also change at once. Where the count of ends contradicts the estimate, most of
  the evidence is dropped (see `_contradicted`).

`python -m benchmarks.schedule` shows what a change of the tuning constants costs or saves, over
simulated durations of eight shapes.
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
"""Bins per factor e (2.718) of age: each bin's upper edge is 10.5 % above its lower edge."""
BINS = 160
"""Number of bins: from 0.01 seconds to about a day."""
WIDTH = 1 / PER_E
"""Width of a bin, in units of ln(age)."""
YOUNGEST = 0.01
"""Lower edge of the first bin, in seconds; younger ages count as this one."""
EDGES = tuple(YOUNGEST * math.exp(i * WIDTH) for i in range(BINS + 1))
"""The edges of all bins, in seconds."""
OLDEST = EDGES[-1] * (1 - 1e-9)
"""The highest age in the last bin, in seconds; older ages count as this one."""
SHIFT = -math.log(YOUNGEST) * PER_E
"""`int(ln(age) * PER_E + SHIFT)` is the number of an age's bin."""

# What is assumed before any job has ended.

_FLAT_RATE = 0.6
"""Rate without a guess. The same rate at every age favours no time scale: hazard = rate / age."""
_RISE_AGE = 0.2
"""Age in seconds at which that rate is halved: hardly any job ends sooner."""
_DOUBT = 0.15
"""Added to a guessed rate when polls are planned, so that a wrong guess cannot stop the polls."""
_GUESSED_RATE_LIMIT = 2.0
"""Highest guessed rate: far beyond a guessed median the formula gives ever higher ones."""
_FAR = 5.0
"""Standard deviations from which the formula's quotient is z; erfc would soon underflow to 0."""
_PRIOR_EXPOSURE = 0.12
"""Weight of the assumed rate when polls are planned: it counts like this much exposure."""
_BELIEF_PRIOR_EXPOSURE = 0.01
"""The same when durations are estimated. Planning needs the larger weight: it errs towards more
polls."""

# How bins borrow from each other.

_CARRY = 0.8
"""Part of a rate's excess over the assumed rate that is assumed in the next bin, too."""
_ENOUGH_ENDS = 4.0
"""A bin with fewer ends than this takes in its neighbours until there are as many."""
_MAX_NEIGHBOURS = 4
"""How many neighbours a bin takes in on each side, at most."""
_MAX_BORROWED = 8.0
"""Limit of borrowed exposure, as a multiple of a bin's own. In a burst all jobs are about equally
old; their exposure says nothing about ages that none of them has reached."""
_SURPRISE = 0.3
"""If the estimate gave an end between two polls less than this chance, it knows too little of
when jobs end: a part of the end is then spread evenly over the time between them."""

# How evidence fades.

_MEMORY_JOBS = 256.0
"""Evidence about a bin falls to 1/e (37 %) when this many jobs have passed the bin since, ..."""
_MEMORY_ROUNDS = 4.0
"""... or this many times the number of running jobs, if that is more. A shorter memory follows
a change of durations sooner, but makes each rate noisier."""
_MAX_UNREAD = 1024
"""Ends that are collected before they are spread over bins, at most."""

# When the evidence is wrong.

_CHECK_FROM = 16.0
"""Ends, counted or expected, from which on both numbers are compared."""
_CHECK_UNTIL = 128.0
"""Ends after which the comparison starts again, so that it is about recent jobs."""
_CHECK_UNTIL_PER_RUNNING = 4.0
"""The same, for each running job, in addition."""
_ODD = 12.0
"""Limit of (counted - expected)² / expected. A count varies by its square root, so a difference
of 3.5 (the root of 12) standard deviations is no chance."""
_SLACK = 0.5
"""Part of the running jobs that the difference may be off by, because their ages are those of
their last polls."""
_PROVEN_EXPOSURE = 1.0
"""Exposure that a bin needs before its rate takes part in the comparison."""
_KEPT = 0.25
"""Part of all evidence that is kept after a contradiction."""
_UNSURE_ENDS = 32
"""Number of ends after a contradiction that are spread evenly, without use of the estimate."""


class SavedDurations(msgspec.Struct, array_like=True):
    """What `Durations.dump` encodes."""

    version: int
    per_e: int
    youngest: float
    completions: int
    bins: dict[int, tuple[float, float]]
    """Ends and exposure, by bin."""


def bin_of(age: float) -> int:
    """Return the number of the bin of an age in seconds."""
    if not age > YOUNGEST:
        return 0
    return int(math.log(min(age, OLDEST)) * PER_E + SHIFT)


@cache
def _assumed(guess: Guess | None) -> tuple[float, ...]:
    """Return the assumed rate in each bin.

    With a guess, ln(duration) is normal, and its hazard is density / share of longer ones.
    """
    if guess is None:
        return tuple(_FLAT_RATE * edge / (edge + _RISE_AGE) for edge in EDGES[:-1])
    rates: list[float] = []
    for edge in EDGES[:-1]:
        # The middle of the bin, in standard deviations from the median.
        z = (math.log(edge / guess.median) + WIDTH / 2) / guess.spread
        density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        rate = z if z > _FAR else density / (math.erfc(z / math.sqrt(2)) / 2)
        rates.append(min(_GUESSED_RATE_LIMIT, rate / guess.spread))
    return tuple(rates)


class _LastBins:
    """A histogram of the last bin that each job reached, and of how far into it."""

    __slots__ = ("_parts", "counts")

    def __init__(self) -> None:
        self.counts = [0.0] * BINS
        self._parts = [0.0] * BINS

    def add(self, count: float, age: float) -> None:
        """Add `count` jobs that reached an age in seconds."""
        if age > YOUNGEST:
            place = math.log(min(age, OLDEST)) * PER_E + SHIFT
            i = int(place)
            self.counts[i] += count
            self._parts[i] += count * (place - i)
        else:
            self.counts[0] += count

    def exposure(self) -> list[float]:
        """Return the exposure in each bin: all who got further passed the whole bin."""
        beyond = sum(self.counts)
        exposed: list[float] = []
        for count, part in zip(self.counts, self._parts, strict=True):
            beyond -= count
            exposed.append(WIDTH * (beyond + part))
        return exposed


class Durations:
    """The durations of one operation's jobs, as far as polls have shown them.

    It keeps two estimates of the rates. `rates` has a strong prior and is used to plan polls.
    The beliefs follow the evidence closely, and answer how long jobs take.
    """

    __slots__ = (
        "_assumed",
        "_beliefs",
        "_checked_ends",
        "_cumulative",
        "_doubt",
        "_ends",
        "_expected_ends",
        "_exposed",
        "_fresh",
        "_guessed",
        "_running",
        "_running_exposure",
        "_unread",
        "_updated_at",
        "completions",
        "median",
        "rates",
        "unsure",
    )

    rates: list[float]
    """The rate in each bin by which polls are planned."""
    median: float | None
    """The median duration in seconds, guessed if necessary; `None` without a guess or an end."""

    def __init__(self, guess: Guess | None = None) -> None:
        self.completions = 0
        """How many jobs have been seen to end."""
        self.unsure = 0
        """Ends to come until the estimate is used again, after it was contradicted."""
        self._assumed = _assumed(guess)
        self._guessed = guess is not None
        self._doubt = _DOUBT if guess else 0.0
        self._ends = [0.0] * BINS
        self._exposed = [0.0] * BINS
        self._unread: list[tuple[float, float]] = []
        """The last two polled ages of each job that has ended, not yet spread over bins."""
        self._fresh = _LastBins()
        """Ends that were spread over bins, but are not part of `_ends` yet."""
        self._running_exposure = [0.0] * BINS
        """Exposure of the jobs that ran at the last update; `_exposed` includes it."""
        self._running = 0.0
        """How many jobs ran at the last update."""
        self._checked_ends = self._expected_ends = 0.0
        self._updated_at = -math.inf
        self._estimate()

    @property
    def known(self) -> bool:
        """Whether there is a guess, or a job has ended."""
        return self._guessed or self.completions > 0

    def ended(self, begin: float, end: float) -> None:
        """Record that a job ended between two ages, in seconds."""
        if not 0 <= end < math.inf:
            return
        self.completions += 1
        self._unread.append((begin if 0 <= begin <= end else end, end))
        if len(self._unread) >= _MAX_UNREAD:
            self._spread_unread()

    def due(self, now: float, pause: float, idle_pause: float) -> bool:
        """Return whether an update is due.

        Args:
            now: Any clock's time in seconds.
            pause: Seconds between updates while jobs end.
            idle_pause: Seconds between updates while no job ends.
        """
        return now - self._updated_at >= (pause if self._unread else idle_pause)

    def update(self, now: float, ages: Sequence[float], weight: float) -> None:
        """Estimate the rates again, with the ends since the last update.

        Args:
            now: Any clock's time in seconds.
            ages: Ages of running jobs in seconds, at their last polls.
            weight: How many running jobs each of those ages stands for.
        """
        running = _LastBins()
        for age in ages:
            running.add(weight, age)
        self._updated_at = now
        self._running = weight * len(ages)
        # A sample of the running jobs holds other jobs each time. The exposure that it seems to
        # gain is then partly chance, so it contradicts nothing.
        self._add_evidence(running.exposure(), complete=weight <= 1)
        self._estimate()

    def remaining(self, age: float) -> float | None:
        """Return the seconds within which half of the jobs of this age end; `None` if unknown."""
        if not self.known:
            return None
        age = max(0.0, age)
        # Half of the jobs that got to an age end while H grows by ln 2 from there.
        return max(0.0, self._age_at(self._cumulative_at(age) + math.log(2)) - age)

    def dump(self) -> bytes:
        """Return the evidence as bytes, for `load`."""
        self._add_evidence(self._running_exposure, complete=False)
        pairs = enumerate(zip(self._ends, self._exposed, strict=True))
        bins = {i: (round(n, 4), round(x, 4)) for i, (n, x) in pairs if x > 0}
        return msgspec.msgpack.encode(SavedDurations(1, PER_E, YOUNGEST, self.completions, bins))

    def load(self, blob: bytes) -> None:
        """Add evidence that `dump` returned; ignore any other bytes."""
        try:
            saved = msgspec.msgpack.decode(blob, type=SavedDurations)
        except msgspec.DecodeError:
            return
        sane = all(
            0 <= i < BINS and 0 <= n < math.inf and 0 <= x < math.inf
            for i, (n, x) in saved.bins.items()
        )
        known = (saved.version, saved.per_e, saved.youngest) == (1, PER_E, YOUNGEST)
        if not (sane and known and saved.completions >= 0):
            return
        self.completions += saved.completions
        for i, (ends, exposed) in saved.bins.items():
            # Limited to a full memory of this process, so that new jobs soon outweigh old ones.
            scale = min(1.0, _MEMORY_JOBS * WIDTH / max(exposed, WIDTH))
            self._ends[i] += ends * scale
            self._exposed[i] += exposed * scale
        self._estimate()

    def _add_evidence(self, running_exposure: list[float], *, complete: bool) -> None:
        """Add ends and exposure since the last time; let older evidence fade.

        Args:
            running_exposure: Exposure of the jobs that run now.
            complete: Whether that includes every running job, not a sample of them.
        """
        self._spread_unread()
        fresh, self._fresh = self._fresh, _LastBins()
        # Exposure of running jobs was counted at the last update already: add its growth only.
        gained = [
            ended + now - before
            for ended, now, before in zip(
                fresh.exposure(), running_exposure, self._running_exposure, strict=True
            )
        ]
        self._running_exposure = running_exposure
        if self._contradicted(fresh.counts, gained, complete=complete):
            self.unsure = _UNSURE_ENDS
            self._ends = [ends * _KEPT for ends in self._ends]
            self._exposed = [exposed * _KEPT for exposed in self._exposed]
        memory = max(_MEMORY_JOBS, _MEMORY_ROUNDS * self._running) * WIDTH
        for i, gain in enumerate(gained):
            kept = math.exp(-max(0.0, gain) / memory)
            self._ends[i] = self._ends[i] * kept + fresh.counts[i]
            # A job that is no longer watched takes its exposure away: the gain may be negative.
            self._exposed[i] = max(self._exposed[i] * kept + gain, self._exposed[i] / 2)

    def _contradicted(
        self, fresh: Sequence[float], gained: Sequence[float], *, complete: bool
    ) -> bool:
        """Return whether far more, or far fewer, jobs end than the beliefs expect.

        Expected ends are exposure times rate. Both numbers are summed over all bins, and over
        several updates, because one bin or one update has too few ends for a verdict.
        """
        if not complete:
            self._checked_ends = self._expected_ends = 0.0
            return False
        for i, exposed in enumerate(self._exposed):
            if exposed >= _PROVEN_EXPOSURE:
                self._checked_ends += fresh[i]
                self._expected_ends += gained[i] * self._beliefs[i]
        most = max(self._checked_ends, self._expected_ends)
        gap = abs(self._checked_ends - self._expected_ends) - _SLACK * self._running
        wrong = most >= _CHECK_FROM and gap > 0 and gap**2 > _ODD * most
        if wrong or most > _CHECK_UNTIL + _CHECK_UNTIL_PER_RUNNING * self._running:
            self._checked_ends = self._expected_ends = 0.0
        return wrong

    def _spread_unread(self) -> None:
        for begin, end in self._unread:
            self._spread(begin, end)
        self._unread.clear()

    def _spread(self, begin: float, end: float) -> None:
        """Spread one end over the bins between two ages, in seconds.

        Each bin gets the share that the beliefs expect there. To the degree that they did not
        expect an end at all, each bin gets a share in proportion to its seconds.
        """
        first, last = bin_of(begin), bin_of(end)
        if first == last:
            self._fresh.add(1.0, (begin + end) / 2)
            return
        marks = [begin, *EDGES[first + 1 : last + 1], end]
        before = self._cumulative_at(begin)
        # Of jobs that ran at `begin`, the share that still runs at each mark: exp(-(H - H_begin)).
        alive = [math.exp(before - self._cumulative_at(mark)) for mark in marks]
        expected = 1.0 - alive[-1]
        trust = 0.0 if self.unsure > 0 else min(1.0, expected / _SURPRISE)
        self.unsure -= self.unsure > 0
        scale, even = trust / max(expected, 1e-12), (1.0 - trust) / (end - begin)
        for (young, more), (old, less) in pairwise(zip(marks, alive, strict=True)):
            here = scale * (more - less) + even * (old - young)
            self._fresh.add(here, (young + old) / 2)

    def _estimate(self) -> None:
        """Work out the rates of all bins from the evidence."""
        ends, exposed = _summed(self._ends), _summed(self._exposed)
        pooled = [_pooled(i, ends, exposed) for i in range(BINS)]
        doubted = [rate + self._doubt for rate in self._assumed]
        self.rates = _rates(pooled, doubted, _PRIOR_EXPOSURE)
        self._beliefs = _rates(pooled, self._assumed, _BELIEF_PRIOR_EXPOSURE)
        self._cumulative = _summed(belief * WIDTH for belief in self._beliefs)
        self.median = self._age_at(math.log(2)) if self.known else None

    def _cumulative_at(self, age: float) -> float:
        """Return the cumulative hazard H at an age in seconds: exp(-H) of all jobs get there."""
        if age <= YOUNGEST:
            return 0.0
        i = bin_of(age)
        return self._cumulative[i] + self._beliefs[i] * math.log(age / EDGES[i])

    def _age_at(self, cumulative: float) -> float:
        """Return the age, in seconds, with this cumulative hazard."""
        i = min(BINS - 1, bisect_right(self._cumulative, cumulative) - 1)
        return EDGES[i] * math.exp((cumulative - self._cumulative[i]) / self._beliefs[i])


def _summed(values: Iterable[float]) -> list[float]:
    """Return, for each edge, the sum of the bins below it."""
    return list(accumulate(values, initial=0.0))


def _pooled(i: int, ends: Sequence[float], exposed: Sequence[float]) -> tuple[float, float]:
    """Return the ends and exposure of a bin, with those of neighbours if it has few ends.

    Args:
        i: Number of the bin.
        ends: Sums of ends below each edge.
        exposed: Sums of exposure below each edge.
    """
    own, own_exposure = ends[i + 1] - ends[i], exposed[i + 1] - exposed[i]
    wide, low, high = 0, i, i + 1
    while ends[high] - ends[low] < _ENOUGH_ENDS and wide < _MAX_NEIGHBOURS:
        wide += 1
        low, high = max(0, i - wide), min(BINS, i + wide + 1)
    others, their_exposure = ends[high] - ends[low] - own, exposed[high] - exposed[low]
    their_exposure -= own_exposure
    if their_exposure <= 0:
        return own, own_exposure
    share = min(1.0, _MAX_BORROWED * own_exposure / their_exposure)
    return own + share * others, own_exposure + share * their_exposure


def _rates(
    pooled: Iterable[tuple[float, float]], assumed: Sequence[float], prior_exposure: float
) -> list[float]:
    """Return the rate in each bin: a mean of the observed and the assumed rate.

    The assumed rate counts like `prior_exposure` of observation, so it decides where nothing
    was observed and disappears where much was. (It is the mean of a gamma prior for a Poisson
    count.) Where the bin before was above its assumed rate, this one is assumed to be, too.
    """
    rates: list[float] = []
    rate = 0.0
    for (ends, exposure), prior in zip(pooled, assumed, strict=True):
        carried = prior + max(0.0, _CARRY * (rate - prior))
        rate = (ends + prior_exposure * carried) / (exposure + prior_exposure)
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
