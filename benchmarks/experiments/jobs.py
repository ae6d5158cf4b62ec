"""Jobs from create to result: requests, CPU, and delay."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from importlib import util
from typing import Any

from benchmarks.bench import Bench, Entry, Size, medians
from benchmarks.contestants.ours import AT_ONCE
from benchmarks.meter import Figures
from benchmarks.report import NOTHING, Bar, Chart, Goal, Section, Table, number, shown

EVERY = 0.5
"""Seconds between two polls of a fixed schedule."""

CLOSE = 0.03
"""Two delays count as equal if the logarithm of their ratio is at most this."""

FLOOR, NAIVE = "creating alone, bare aiohttp", "naive loop, bare aiohttp"
FIXED, AWAITED = "akool_async, map, fixed 0.5 s", "akool_async, gather, fixed 0.5 s"
LEARNED = "akool_async, map, its own schedule"
FASTER, FASTER_FLOOR = "akool_async, map, fixed 0.5 s, uvloop", "creating alone, uvloop"

COLUMNS = (
    ("requests/job", "requests", "{:.3f}"),
    ("CPU, µs/job", "cpu", "{:.0f}"),
    ("× floor", "ratio", "{:.2f}"),
    ("delay, mean (ms)", "mean", "{:.0f}"),
    ("p50", "p50", "{:.0f}"),
    ("p99", "p99", "{:.0f}"),
    ("wall (s)", "wall", "{:.1f}"),
    ("connections", "connections", "{:.0f}"),
    ("server", "server_share", "{:.2f}"),
)

TEXT = """\
Many jobs at once, from create to result. *Floor* is what nobody can avoid: the creates alone, by a
hundred workers round one bare aiohttp session. The *naive loop* is `asyncio.gather`, a semaphore
of 100 around each request, and a poll of each job every half second. `map` holds only the handle of
a job; `gather` awaits each job in a task. With very many jobs the naive loop cannot keep its half
second, because its core is full: it needs less CPU than it should, and wakes up later."""


def jobs(bench: Bench) -> Section:
    """Measure all contestants at two sizes, and the larger one at a distance."""
    size = bench.size
    section = Section("jobs", "Jobs, from create to result", TEXT)
    near_by = size.trips[0]
    for count, rtt in ((size.few, near_by), *((size.many, rtt) for rtt in size.trips)):
        near = rtt == near_by
        more = _more(near=near, large=count == size.many)
        repeats = size.repeats if near and count == size.many else min(2, size.repeats)
        found = bench.compare(entries(count, more, near=near), repeats=repeats, rtt=rtt)
        section.tables.append(_titled(found, count, rtt))
        if count == size.many:
            section.goals.extend(_goals(found, size, rtt))
            section.charts.extend(_charts(found, count) if near else [])
    return section


def _more(*, near: bool, large: bool) -> Sequence[str]:
    """Return the further contestants; all of them take part in one comparison only."""
    if near:
        faster = [FASTER_FLOOR, FASTER] if util.find_spec("uvloop") else []
        return [NAIVE, *([AWAITED, *faster] if large else [])]
    return [NAIVE] if large else []


def entries(count: int, more: Sequence[str] = (), *, near: bool = True) -> Sequence[Entry]:
    """Return the entries of the floor, of our client, and of further contestants."""
    fixed = {"count": count, "every": EVERY}
    known = (
        Entry(FLOOR, "floor", {"count": count}),
        Entry(NAIVE, "naive", fixed, repeats=1),
        Entry(FIXED, "ours", fixed, repeats=0 if near else 1),
        Entry(AWAITED, "ours", {**fixed, "mode": "gather"}, repeats=1),
        Entry(LEARNED, "ours", {"count": count}, repeats=1),
        Entry(FASTER_FLOOR, "floor", {"count": count, "loop": "uvloop"}, repeats=1),
        Entry(FASTER, "ours", {**fixed, "loop": "uvloop"}, repeats=1),
    )
    wanted = {FLOOR, FIXED, LEARNED, *more}
    return [entry for entry in known if entry.label in wanted]


SCALE_TEXT = """\
The CPU of one job among a thousand jobs and among a hundred thousand. All are polled every half
second."""


def scale(bench: Bench) -> Section:
    """Compare the CPU of a job among few and among very many."""
    section = Section("scale", "From a thousand jobs to a hundred thousand", SCALE_TEXT)
    size = bench.size
    costs = []
    for count in (size.few, size.many, size.most):
        wanted = [each for each in entries(count) if each.label in {FLOOR, FIXED}]
        found = bench.compare(wanted, repeats=1 if count == size.most else size.repeats)
        section.tables.append(_titled(found, count, 0))
        costs.append(found[FIXED]["cpu"])
    figure = f"CPU per job at {number(size.most)} jobs, × at {number(size.few)}"
    section.goals.append(Goal(figure, 1.15, costs[-1] / costs[0]))
    return section


def _titled(found: Mapping[str, Figures], count: int, rtt: float) -> Table:
    table = contest_table(found)
    table.title = f"{number(count)} jobs, round trip {rtt * 1000:.0f} ms"
    return table


def contest_table(found: Mapping[str, Figures]) -> Table:
    """Return a table with a row for each contestant, the floor included."""
    rows: list[Sequence[str]] = []
    for label, figures in found.items():
        known = {**figures, "ratio": figures["cpu"] / found[FLOOR]["cpu"]}
        missing = "" if figures else NOTHING
        cells = (
            shown(form, known[name]) if figures and name in known else missing
            for _, name, form in COLUMNS
        )
        rows.append((label, *cells))
    return Table(["", *(title for title, _, _ in COLUMNS)], rows)


def _goals(found: Mapping[str, Figures], size: Size, rtt: float) -> Iterable[Goal]:
    fixed, learned = found[FIXED], found[LEARNED]
    trip, median = rtt * 1000, size.median * 1000
    at = f"{number(size.many)} jobs, round trip {trip:.0f} ms"
    yield Goal(f"requests per job, fixed 0.5 s; {at}", 1.05, fixed["requests"], "{:.3f}")
    yield Goal(f"requests per job, own schedule; {at}", 1.10, learned["requests"], "{:.3f}")
    yield Goal(
        f"mean delay, own schedule, ms (4 % of the median duration + 1 round trip); {at}",
        0.04 * median + trip,
        learned["mean"],
        "{:.0f}",
    )
    yield Goal(
        f"p99 delay, own schedule, ms (10 % of the median duration + 1.5 round trips); {at}",
        0.10 * median + 1.5 * trip,
        learned["p99"],
        "{:.0f}",
    )
    ratio = fixed["cpu"] / found[FLOOR]["cpu"]
    yield Goal(f"client CPU per job, fixed 0.5 s, × creating alone; {at}", 1.50, ratio)


def bars(found: Mapping[str, Figures], name: str, base: float = 1.0) -> list[Bar]:
    """Return a bar for each contestant that has the figure."""
    return [
        Bar(label, figures[name] / base, ours=label.startswith("akool_async"))
        for label, figures in found.items()
        if math.isfinite(figures.get(name, math.nan) / base)
    ]


def _charts(found: Mapping[str, Figures], count: int) -> Iterable[Chart]:
    at = f"{number(count)} jobs"
    cpu = bars(found, "cpu", found[FLOOR]["cpu"])
    yield Chart("cpu", f"Client CPU per job, {at}", "× creating alone", cpu)
    waits = bars(found, "p99")
    yield Chart("delay", f"p99 delay from completion to wake-up, {at}", "ms", waits)


EQUAL_TEXT = """\
A loop that polls less often needs less CPU and wakes up later, so CPU is comparable at equal delay
only. The naive loop runs with half a second, and then with the pause that should give it our mean
delay. Its CPU at exactly our delay is interpolated between the two runs, in logarithms. The number
of jobs is small enough that its core is not full."""


def equal_delay(bench: Bench) -> Section:
    """Compare the CPU with that of the naive loop at equal delay."""
    section = Section("equal_delay", "Against the naive loop at equal delay", EQUAL_TEXT)
    count = bench.size.few
    found = bench.compare(entries(count, [NAIVE]), repeats=bench.size.repeats)
    ratios = {label: _ratio(bench, found, label) for label in (FIXED, LEARNED)}
    section.tables.append(contest_table(found))
    named = f"client CPU per job at equal delay, {number(count)} jobs, × naive loop"
    section.goals = [
        Goal(f"{named}, fixed 0.5 s", 0.22, ratios[FIXED]),
        Goal(f"{named}, own schedule", 0.22, ratios[LEARNED]),
    ]
    return section


def _ratio(bench: Bench, found: dict[str, Figures], label: str) -> float:
    """Run the naive loop with our mean delay; return the ratio of the CPU."""
    ours, naive = found[label], found[NAIVE]
    pause = EVERY * ours["mean"] / naive["mean"]
    other = medians([])
    if math.isfinite(pause):
        other = bench.one("naive", count=bench.size.few, every=round(pause, 3))
    found[f"naive loop, {pause:.2f} s"] = other
    return ours["cpu"] / at_delay(ours["mean"], naive, other, "cpu")


def at_delay(delay: float, one: Figures, two: Figures, name: str) -> float:
    """Return a figure at a mean delay, interpolated from two runs with delays near it."""
    apart = math.log(two["mean"] / one["mean"])
    if not abs(apart) > CLOSE:
        return two[name]
    # Fewer polls need less CPU: a slope outside this range is noise.
    slope = min(0.0, max(-2.0, math.log(two[name] / one[name]) / apart))
    return two[name] * math.exp(slope * math.log(delay / two["mean"]))


SINGLE_TEXT = """\
Speeches can only be polled one by one, so each poll is a request. The client first runs {first}
of them, {at_once} at a time, from which its schedule learns how long they take; then {count} at
once. It is compared with a fixed interval that has the same mean delay, chosen in hindsight: the
polls per job at exactly that delay are interpolated between two runs, in logarithms."""


def single(bench: Bench) -> Section:
    """Compare the polls per job, each of which is a request, with the best fixed interval."""
    first, count = (bench.size.few // 8, bench.size.few // 2)
    text = SINGLE_TEXT.format(first=first, count=count, at_once=AT_ONCE)
    section = Section("single", "Jobs that are asked about one by one", text)
    base: dict[str, Any] = {"first": first, "count": count}
    found = {LEARNED: bench.one("speeches", **base)}
    delay = found[LEARNED]["mean"]
    every, fixed = 2 * delay / 1000, []
    for _ in range(2 if math.isfinite(every) else 0):
        fixed.append(bench.one("speeches", first=0, count=count, every=round(every, 4)))
        found[f"akool_async, map, fixed {every:.3f} s"] = fixed[-1]
        every *= delay / fixed[-1]["mean"]
    one, two = fixed or (medians([]), medians([]))
    table = Table(["", "looks/job", "delay, mean (ms)", "p50", "p99"])
    for label, figures in found.items():
        waits = (shown("{:.0f}", figures[name]) for name in ("mean", "p50", "p99"))
        table.rows.append((label, shown("{:.2f}", figures["looks"]), *waits))
    section.tables = [table]
    ratio = found[LEARNED]["looks"] / at_delay(delay, one, two, "looks")
    figure = "looks per job where each is a request, × fixed interval at equal delay"
    section.goals = [Goal(figure, 0.8, ratio)]
    return section
