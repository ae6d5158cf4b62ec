"""Jobs from create to result: requests, CPU, and delay."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from benchmarks.bench import Bench, Entry, Size, medians
from benchmarks.meter import Figures
from benchmarks.report import Bar, Chart, Goal, Section, Table, number, shown

EVERY = 0.5
"""Seconds between two looks of a fixed schedule."""

RTT = 0.05
"""Seconds of a simulated round trip."""

CLOSE = 0.03
"""Logarithm of the ratio of two delays that are the same for all that is measured here."""

FLOOR, NAIVE = "creating alone, bare aiohttp", "naive loop, bare aiohttp"
FIXED, AWAITED = "akool_async, map, fixed 0.5 s", "akool_async, gather, fixed 0.5 s"
JITTERED = "akool_async, map, fixed 0.5 s ± 20 %"
LEARNED = "akool_async, map, its own schedule"
FASTER, FASTER_FLOOR = "akool_async, map, fixed 0.5 s, uvloop", "creating alone, uvloop"

HEAD = (
    ("", "", ""),
    ("requests/job", "requests", "{:.3f}"),
    ("CPU, µs/job", "cpu", "{:.0f}"),
    ("× floor", "ratio", "{:.2f}"),
    ("delay, mean (ms)", "mean", "{:.0f}"),
    ("p50", "p50", "{:.0f}"),
    ("p99", "p99", "{:.0f}"),
    ("connections", "connections", "{:.0f}"),
    ("server", "server_share", "{:.2f}"),
)

TEXT = """\
Many jobs at once, from create to result. *Floor* is what nobody can avoid: the creates alone, by a
hundred workers round one bare aiohttp session. The *naive loop* is `asyncio.gather`, a semaphore
of 100 round each request, and a look at each job every half second. `map` holds no more than a
job's handle, `gather` awaits each in a task. At 10 000 jobs the naive loop cannot keep its half
second, because its core is full: so it needs less than it would, and wakes up later."""


def jobs(bench: Bench) -> Section:
    """Measure all contestants at two sizes and two round trips."""
    size = bench.size
    section = Section("jobs", "Jobs, from create to result", TEXT)
    for count, rtt in ((size.few, 0.0), (size.few, RTT), (size.many, 0.0), (size.many, RTT)):
        entries = list(_entries(count, more=count == size.many and not rtt))
        found = bench.compare(entries, repeats=size.repeats, rtt=rtt)
        table = contest_table(found)
        table.title = f"{number(count)} jobs, round trip {rtt * 1000:.0f} ms"
        section.tables.append(table)
        if count == size.many:
            section.goals.extend(_goals(found, size, rtt))
            if not rtt:
                section.charts.extend(_charts(found))
    return section


def _entries(count: int, *, more: bool) -> Iterable[Entry]:
    base = {"count": count}
    fixed = {**base, "every": EVERY}
    yield Entry(FLOOR, "floor", base)
    yield Entry(NAIVE, "naive", base, repeats=1)
    yield Entry(FIXED, "ours", fixed, repeats=2)
    yield Entry(AWAITED, "ours", {**fixed, "mode": "gather"}, repeats=1)
    yield Entry(LEARNED, "ours", base, repeats=2 if more else 1)
    if more:
        yield Entry(JITTERED, "ours", {**fixed, "jitter": 0.2}, repeats=1)
        yield Entry(FASTER_FLOOR, "floor", {**base, "loop": "uvloop"}, repeats=1)
        yield Entry(FASTER, "ours", {**fixed, "loop": "uvloop"}, repeats=1)


def contest_table(found: Mapping[str, Figures]) -> Table:
    """Return a row for each contestant, the floor first."""
    rows: list[Sequence[str]] = []
    for label, figures in found.items():
        known = {**figures, "ratio": figures["cpu"] / found[FLOOR]["cpu"]}
        cells = (
            shown(form, known[name]) if name in known else "" if known else "failed"
            for _, name, form in HEAD[1:]
        )
        rows.append((label, *cells))
    return Table([title for title, _, _ in HEAD], rows)


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
    yield Goal(
        f"client CPU per job, fixed 0.5 s, × creating alone; {at}",
        1.30,
        fixed["cpu"] / found[FLOOR]["cpu"],
    )


def _charts(found: Mapping[str, Figures]) -> Iterable[Chart]:
    base = found[FLOOR]["cpu"]
    shown = {label: figures for label, figures in found.items() if figures}
    bars = [
        Bar(label, figures["cpu"] / base, ours=label.startswith("akool_async"))
        for label, figures in shown.items()
    ]
    yield Chart("cpu", "Client CPU per job, 10 000 jobs", "× creating alone", bars)
    waits = [
        Bar(label, figures["p99"], ours=label.startswith("akool_async"))
        for label, figures in shown.items()
        if "p99" in figures
    ]
    yield Chart("delay", "Delay from completion to wake-up, p99, 10 000 jobs", "ms", waits)


EQUAL_TEXT = """\
A loop that looks less often needs less CPU and wakes later, so CPU compares at equal delay only.
The naive loop runs with half a second, and then with the pause that should bring its mean delay
to ours; its CPU at just our delay is read off the line between the two, in logarithms. This is at
1 000 jobs, where its core has room for that."""


def equal_delay(bench: Bench) -> Section:
    """Compare CPU with the naive loop where both wake up equally late."""
    section = Section("equal_delay", "Against the naive loop at equal delay", EQUAL_TEXT)
    count = bench.size.few
    fixed = {"count": count, "every": EVERY}
    found = bench.compare(
        [
            Entry(FLOOR, "floor", {"count": count}),
            Entry(NAIVE, "naive", fixed, repeats=1),
            Entry(FIXED, "ours", fixed, repeats=2),
            Entry(LEARNED, "ours", {"count": count}, repeats=1),
        ],
        repeats=bench.size.repeats,
    )
    ratios = {}
    for label in (FIXED, LEARNED):
        pause = EVERY * found[label]["mean"] / found[NAIVE]["mean"]
        name = f"naive loop, {pause:.2f} s"
        found[name] = bench.one("naive", count=count, every=pause) if pause > 0 else medians([])
        ratios[label] = found[label]["cpu"] / _cpu_at(found[label]["mean"], found, name)
    section.tables.append(contest_table(found))
    named = f"client CPU per job at equal delay, {number(count)} jobs, × naive loop"
    section.goals = [
        Goal(f"{named}, fixed 0.5 s", 0.22, ratios[FIXED]),
        Goal(f"{named}, own schedule", 0.22, ratios[LEARNED]),
    ]
    return section


def _cpu_at(delay: float, found: Mapping[str, Figures], other: str) -> float:
    """Return the naive loop's CPU at a mean delay, from its two runs."""
    one, two = found[NAIVE], found[other]
    run = math.log(two["mean"] / one["mean"])
    if abs(run) < CLOSE:
        return two["cpu"]
    slope = math.log(two["cpu"] / one["cpu"]) / run
    return two["cpu"] * math.exp(slope * math.log(delay / two["mean"]))
