"""Compare the cost of the learned schedule with the lowest possible cost.

    python benchmarks/schedule.py [--quick]

Everything is simulated: no request is sent, and no time passes. The cost of a job is the delay
from its end to the poll that finds it, plus the cost of its polls (`Schedule.cost` for a poll that
has a request to itself). *Regret* is that cost divided by the cost of the best schedule for jobs of
a known distribution, computed by dynamic programming. Durations have a median of 2 seconds. Jobs
arrive as fast as the limit on jobs at once allows.
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
import statistics
import time
import timeit
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import accumulate, islice, pairwise
from typing import NamedTuple

from akool_async.schedule.learner import Learner, Schedule

MEDIAN = 2.0
SETTINGS = Schedule()
ALONE, SHARED = 1, 300
"""Ids per request."""
AT_ONCE = 20
"""Jobs in flight."""


class Shape(NamedTuple):
    """Durations of jobs, in multiples of the median."""

    name: str
    draw: Callable[[random.Random], float]
    survival: Callable[[float], float]
    """The fraction of jobs that take longer, by duration."""


def lognormal(name: str, *parts: tuple[float, float, float]) -> Shape:
    """Return a mixture of lognormal durations, from the weight, median and sigma of each."""

    def draw(source: random.Random) -> float:
        [(_, median, sigma)] = source.choices(parts, [weight for weight, _, _ in parts])
        return median * math.exp(source.gauss(0, sigma))

    def survival(age: float) -> float:
        return sum(
            weight * math.erfc(math.log(age / median) / (sigma * math.sqrt(2))) / 2
            for weight, median, sigma in parts
        )

    return Shape(name, draw, survival)


def inverted(name: str, survival: Callable[[float], float], at: Callable[[float], float]) -> Shape:
    """Return durations that are drawn by the inverse of their survival function."""
    return Shape(name, lambda source: at(1 - source.random()), survival)


SHAPES = (
    lognormal("lognormal, sigma 0.25", (1, 1, 0.25)),
    lognormal("lognormal, sigma 0.5", (1, 1, 0.5)),
    lognormal("lognormal, sigma 1", (1, 1, 1)),
    lognormal("bimodal, one in five takes 6 times as long", (0.8, 1, 0.25), (0.2, 6, 0.25)),
    inverted(
        "heavy tail (log-logistic, shape 1.5)",
        lambda t: 1 / (1 + t**1.5),
        lambda s: (1 / s - 1) ** (1 / 1.5),
    ),
    inverted(
        "half of it fixed, half exponential",
        lambda t: min(1.0, 2 ** (1 - 2 * t)),
        lambda s: (1 - math.log2(s)) / 2,
    ),
    inverted("even, from 0.5 to 1.5", lambda t: min(1.0, max(0.0, 1.5 - t)), lambda s: 1.5 - s),
    inverted("Weibull, shape 3", lambda t: 2 ** (-(t**3)), lambda s: (-math.log2(s)) ** (1 / 3)),
)


class Best(NamedTuple):
    """The best schedule for jobs of a known distribution."""

    looks: tuple[float, ...]
    """Ages at which a job is polled, in multiples of the median."""
    cost: float
    """Cost of a job, delay and polls, in multiples of the median."""


@cache
def best(shape: Shape, cost: float, fineness: int = 6) -> Best:
    """Find the best schedule for a given cost of a poll, on a grid of ages.

    Twice the fineness takes four times as long, and changes the cost by 0.03 % at most.
    """
    ages = grid(shape, cost, fineness)
    alive = [shape.survival(age) if age > 0 else 1.0 for age in ages]
    # The time that jobs spend alive, up to each age. The delay of a poll follows from it.
    areas = list(
        accumulate(
            (
                (a + b) / 2 * (right - left)
                for (a, b), (left, right) in zip(pairwise(alive), pairwise(ages), strict=True)
            ),
            initial=0.0,
        )
    )
    last = len(ages) - 1
    left = [0.0] * len(ages)
    then = [last] * len(ages)
    for i in reversed(range(last)):
        left[i] = math.inf
        for j in range(i + 1, last + 1):
            delay = alive[i] * (ages[j] - ages[i]) - (areas[j] - areas[i])
            if cost * alive[i] + delay >= left[i]:
                break
            whole = cost * alive[i] + delay + left[j]
            if whole < left[i]:
                left[i], then[i] = whole, j
    looks: list[float] = []
    i = 0
    while i < last:
        i = then[i]
        looks.append(ages[i])
    return Best(tuple(looks), left[0])


def grid(shape: Shape, cost: float, fineness: int) -> list[float]:
    """Return a grid of ages, up to where few jobs are left, dense where polls are likely."""
    ages = [0.0, 0.02]
    alive = shape.survival(ages[-1])
    while alive > 1e-5:
        age = ages[-1]
        ahead = age * 0.002
        hazard = math.log(alive / max(shape.survival(age + ahead), 1e-9)) / ahead
        density = math.sqrt(max(hazard, 1e-9) / (2 * cost))
        ages.append(age + min(0.02 * age, 1 / (fineness * density)))
        alive = shape.survival(ages[-1])
    return ages


class Seen(NamedTuple):
    """The outcome of one job: its duration and delay in seconds, and its polls."""

    duration: float
    delay: float
    looks: int


def cost_of(seen: Sequence[Seen], cost: float) -> float:
    """Return the mean cost of jobs, in seconds."""
    return statistics.fmean(each.delay + cost * each.looks for each in seen)


class Play:
    """A simulation of jobs that arrive, are polled and end, with a limit on jobs at once."""

    def __init__(
        self, learner: Learner, durations: Sequence[float], sharing: int, at_once: int
    ) -> None:
        self.learner = learner
        self.sharing = sharing
        self.durations = durations
        self.arrivals = iter(range(len(durations)))
        self.agenda: list[tuple[float, int]] = []
        self.pending: dict[int, tuple[float, float]] = {}
        """By job: when it began, and its age at the last poll that found it running."""
        self.looks = [0] * len(durations)
        self.seen: dict[int, Seen] = {}
        for _ in range(at_once):
            self.arrive(0.0)

    def arrive(self, now: float) -> None:
        """Start the next job, if there is one."""
        job = next(self.arrivals, None)
        if job is not None:
            self.pending[job] = (now, 0.0)
            heapq.heappush(self.agenda, (now + self.learner.first(self.sharing), job))

    def run(self) -> list[Seen]:
        """Poll until the last job has ended; return the outcome of each, in order of arrival."""
        while self.agenda:
            now, job = heapq.heappop(self.agenda)
            self.look(now, job)
            if self.learner.rebuild_due(now):
                ages = [last for _, last in islice(self.pending.values(), 1024)]
                self.learner.rebuild(now, ages, len(self.pending))
        return [self.seen[job] for job in sorted(self.seen)]

    def look(self, now: float, job: int) -> None:
        """Poll one job."""
        begun, last = self.pending[job]
        age, duration = now - begun, self.durations[job]
        self.looks[job] += 1
        if age < duration:
            self.pending[job] = (begun, age)
            heapq.heappush(self.agenda, (now + self.learner.delay(age, self.sharing), job))
            return
        del self.pending[job]
        self.seen[job] = Seen(duration, age - duration, self.looks[job])
        self.learner.ended(last, age)
        self.arrive(now)


def play(
    learner: Learner, durations: Sequence[float], sharing: int = 1, at_once: int = AT_ONCE
) -> list[Seen]:
    """Poll jobs by a learner; return the outcome of each, in order of arrival."""
    return Play(learner, durations, sharing, at_once).run()


def by_plan(looks: Sequence[float], durations: Sequence[float]) -> list[Seen]:
    """Poll jobs at given ages, in seconds."""
    ages = list(looks)
    while ages[-1] < max(durations):
        ages.append(2 * ages[-1] - ages[-2])
    found = ((each, bisect_left(ages, each)) for each in durations)
    return [Seen(each, ages[i] - each, i + 1) for each, i in found]


def best_plain(durations: Sequence[float], cost: float) -> float:
    """Return the cost of the fixed or growing interval that is best in hindsight."""
    return min(
        cost_of(by_plan(looks, durations), cost)
        for factor in (1.0, 1.1, 1.25, 1.5, 2.0)
        for looks in growing(factor, max(durations))
    )


def growing(factor: float, until: float) -> Iterator[list[float]]:
    """Yield the ages of polls with intervals that grow by a factor, for many first intervals."""
    for step in range(60):
        gap = 0.02 * MEDIAN * 1.1**step
        ages = [gap, gap * (1 + factor)]
        while ages[-1] < until and len(ages) < 3000:
            ages.append(ages[-1] + (ages[-1] - ages[-2]) * factor)
        if ages[-1] >= until:
            yield ages


def looks_of_fixed(durations: Sequence[float], delay: float) -> float:
    """Return the polls per job of the fixed interval with a given mean delay."""
    low, high = 0.0, 20 * delay
    for _ in range(30):
        gap = (low + high) / 2
        late = statistics.fmean(gap * math.ceil(each / gap) - each for each in durations)
        low, high = (gap, high) if late < delay else (low, gap)
    return statistics.fmean(math.ceil(each / low) for each in durations)


class Tally:
    """Costs of jobs: with a learner, and with the best schedule."""

    def __init__(self, shape: Shape, sharing: int) -> None:
        self.cost = max(SETTINGS.cheapest, SETTINGS.cost / sharing)
        self.shape = shape
        self.ours = self.best = 0.0

    def add(self, seen: Sequence[Seen], scale: float = MEDIAN) -> None:
        """Add the costs of jobs with a median duration given in seconds."""
        looks = [age * scale for age in best(self.shape, self.cost / scale).looks]
        durations = [each.duration for each in seen]
        self.ours += len(seen) * cost_of(seen, self.cost)
        self.best += len(seen) * cost_of(by_plan(looks, durations), self.cost)

    @property
    def regret(self) -> float:
        """The cost with the learner divided by the lowest possible cost."""
        return self.ours / self.best


class Row(NamedTuple):
    """Regrets for one shape of durations, and one number of ids per request."""

    shape: str
    sharing: int
    cold: float
    """Of the first 20 jobs, one after the other."""
    burst: float
    """Of 1 000 jobs at once, without earlier completions."""
    hundred: float
    """Of jobs in a stream after 100 completions."""
    hundred_burst: float
    """Of 1 000 jobs at once after 100 completions."""
    thousand: float
    """Of jobs in a stream after 1 000 completions."""
    shifted: float
    """Of the 500 jobs that arrive after all durations have become three times as long."""
    plain: float
    """Of the fixed or growing interval that is best in hindsight."""
    looks: float
    """Polls per job after 100 completions, over those of the fixed interval with that delay."""


class Trial:
    """One shape of durations, and one number of ids per request."""

    def __init__(self, shape: Shape, sharing: int, repeat: int) -> None:
        self.shape = shape
        self.sharing = sharing
        self.repeat = repeat
        self.random = random.Random(f"{shape.name} {sharing}")

    def draw(self, count: int, scale: float = MEDIAN) -> list[float]:
        """Return durations in seconds."""
        return [scale * self.shape.draw(self.random) for _ in range(count)]

    def learner(self) -> Learner:
        """Return a learner without observations."""
        return Learner(SETTINGS, random=self.random)

    def cold(self, jobs: int, at_once: int) -> float:
        """Return the regret of the first jobs."""
        tally = Tally(self.shape, self.sharing)
        for _ in range(self.repeat * max(1, 200 // jobs)):
            tally.add(play(self.learner(), self.draw(jobs), self.sharing, at_once))
        return tally.regret

    def stream(self, known: int, jobs: int) -> list[Seen]:
        """Return the outcomes of jobs after a number of completions, one learner at a time."""
        seen: list[Seen] = []
        for _ in range(self.repeat):
            arrived = known + AT_ONCE
            seen += play(self.learner(), self.draw(arrived + jobs), self.sharing)[arrived:]
        return seen

    def burst(self, known: int, jobs: int) -> float:
        """Return the regret of many jobs at once after a number of completions."""
        tally = Tally(self.shape, self.sharing)
        for _ in range(self.repeat):
            learner = self.learner()
            play(learner, self.draw(known), self.sharing)
            tally.add(play(learner, self.draw(jobs), self.sharing, at_once=jobs))
        return tally.regret

    def shifted(self, factor: float, jobs: int) -> float:
        """Return the regret of jobs after durations have been multiplied."""
        tally = Tally(self.shape, self.sharing)
        for _ in range(self.repeat):
            before, after = self.draw(500), self.draw(jobs, MEDIAN * factor)
            tally.add(play(self.learner(), before + after, self.sharing)[500:], MEDIAN * factor)
        return tally.regret

    def row(self) -> Row:
        """Measure all regrets."""
        hundred, thousand = self.stream(100, 200), self.stream(1000, 300)
        durations = [each.duration for each in hundred]
        cost = Tally(self.shape, self.sharing).cost
        return Row(
            self.shape.name,
            self.sharing,
            cold=self.cold(20, at_once=1),
            burst=self.cold(1000, at_once=1000),
            hundred=self.regret(hundred),
            hundred_burst=self.burst(100, 1000),
            thousand=self.regret(thousand),
            shifted=self.shifted(3.0, 500),
            plain=best_plain(durations, cost) * self.regret(hundred) / cost_of(hundred, cost),
            looks=statistics.fmean(each.looks for each in hundred)
            / looks_of_fixed(durations, statistics.fmean(each.delay for each in hundred)),
        )

    def regret(self, seen: Sequence[Seen]) -> float:
        """Return the regret of some jobs."""
        tally = Tally(self.shape, self.sharing)
        tally.add(seen)
        return tally.regret


class Crowd(NamedTuple):
    """The figures of ten thousand jobs at once."""

    requests: float
    """Requests per job, the create included."""
    looks: float
    """Per job."""
    delay: float
    """Mean delay from the end of a job to the poll that finds it, over the median duration."""
    p99: float
    """The 99th percentile of that delay, over the median duration."""


def crowd(jobs: int = 10_000, slot: float = 0.025, full: int = SHARED) -> Crowd:
    """Poll jobs as an engine does, without earlier completions.

    Jobs that are due in one slot share requests. The jobs that are due next fill the last request.
    """
    source = random.Random(jobs)
    durations = [MEDIAN * math.exp(source.gauss(0, 0.5)) for _ in range(jobs)]
    learner = Learner(SETTINGS, random=source)
    agenda = [(learner.first(full), job) for job in range(jobs)]
    heapq.heapify(agenda)
    last = [0.0] * jobs
    delays: list[float] = []
    requests = looks = 0
    while agenda:
        now = slot * math.ceil(agenda[0][0] / slot)
        due: list[int] = []
        while agenda and (agenda[0][0] <= now or len(due) % full):
            due.append(heapq.heappop(agenda)[1])
        sharing = min(full, len(agenda) + len(due))
        requests += math.ceil(len(due) / full)
        looks += len(due)
        for job in due:
            if now < durations[job]:
                heapq.heappush(agenda, (now + learner.delay(now, sharing), job))
            else:
                learner.ended(last[job], now)
                delays.append(now - durations[job])
            last[job] = now
        if learner.rebuild_due(now):
            learner.rebuild(now, [now] * min(1024, len(agenda)), len(agenda))
    p99 = statistics.quantiles(delays, n=100)[-1]
    return Crowd(1 + requests / jobs, looks / jobs, statistics.fmean(delays) / MEDIAN, p99 / MEDIAN)


def nanoseconds() -> float:
    """Return the CPU time of one call of `Learner.delay`, in nanoseconds."""
    learner = Learner(SETTINGS)
    count = 100_000
    runs = timeit.repeat(
        lambda: learner.delay(MEDIAN, SHARED), timer=time.process_time, number=count, repeat=5
    )
    return min(runs) / count * 1e9


def measure(*, quick: bool = False) -> list[Row]:
    """Return the regrets of all shapes, with one id per request and with many."""
    repeat = 1 if quick else 8
    shapes = SHAPES[:2] if quick else SHAPES
    return rows_of(len(shapes), repeat)


def rows_of(shapes: int, repeat: int) -> list[Row]:
    """Simulate a number of shapes, on all cores."""
    plays = [(shape, sharing, repeat) for sharing in (ALONE, SHARED) for shape in range(shapes)]
    with ProcessPoolExecutor() as pool:
        return list(pool.map(_row, plays))


def _row(play: tuple[int, int, int]) -> Row:
    shape, sharing, repeat = play
    return Trial(SHAPES[shape], sharing, repeat).row()


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of a table."""
    yield f"| durations | {' | '.join(Row._fields[2:])} |"
    yield "| --- |" + " ---: |" * len(Row._fields[2:])
    for row in rows:
        yield f"| {row.shape} | {' | '.join(f'{figure:.2f}' for figure in row[2:])} |"
    means = (statistics.fmean(column) for column in zip(*(row[2:] for row in rows), strict=True))
    yield f"| mean | {' | '.join(f'{figure:.2f}' for figure in means)} |"


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="see that it runs")
    rows = measure(quick=parser.parse_args().quick)
    for sharing, name in ((ALONE, "one id per request"), (SHARED, "300 ids per request")):
        print(f"\n{name}\n", *table([row for row in rows if row.sharing == sharing]), sep="\n")
    seen = crowd()
    print(f"\n10 000 jobs at once: {seen.requests:.3f} requests and {seen.looks:.1f} looks per job")
    print(f"delay: mean {seen.delay:.1%} of the median duration, p99 {seen.p99:.1%}")
    print(f"one call of delay(): {nanoseconds():.0f} ns")


if __name__ == "__main__":
    main()
