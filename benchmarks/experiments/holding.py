"""A hundred thousand jobs at once: their memory, and the share of a core that polling takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from benchmarks.bench import Bench, Entry, Size
from benchmarks.meter import Figures
from benchmarks.report import Goal, Section, Table, number, shown

FULL = 300
"""Ids that fit into a request line of 8 KiB: the most that one poll can ask about."""

MAP, GATHER = "`map`: handles only", "`gather`: a task awaits each"
NAIVE = "naive loop, bare aiohttp"
FEWER = "`map`, fewer jobs"
TRACED_MAP, TRACED_GATHER = f"{MAP}, traced", f"{GATHER}, traced"

TEXT = """\
Jobs that take hours. The requests exist before the measurement starts. The memory of a job is the
growth of the process's resident memory, connections and buffers included, divided by the number of
jobs. Python's own figure (`tracemalloc`) comes from separate runs with fewer jobs. A garbage
collection is also measured before there are jobs: this part is due to the requests and the modules.
While jobs are polled, a probe sleeps for 10 ms at a time and notes how late it wakes up. Its own
CPU, measured while nothing else runs, is subtracted from the share of the core."""


def holding(bench: Bench) -> Section:
    """Measure the memory and CPU of unfinished jobs."""
    size = bench.size
    section = Section("holding", "Very many jobs under way at once", TEXT)
    every = min(5.0, size.window / 3)
    found = bench.compare(list(_entries(size, every)))
    ideal = size.most / (FULL * every)
    section.tables = [_memory(found, size), _watching(found[MAP], size, every, ideal)]
    section.goals = list(_goals(found, size, every, ideal))
    return section


def _entries(size: Size, every: float) -> Iterable[Entry]:
    watched = {"count": size.most, "mode": "map", "every": every, "window": size.window}
    yield Entry(MAP, "holding", watched)
    still = {"count": size.most, "every": 60.0}
    yield Entry(GATHER, "holding", {**still, "mode": "gather"})
    yield Entry(FEWER, "holding", {**still, "count": size.many, "mode": "map"})
    traced = {**still, "count": size.many, "trace": True}
    yield Entry(TRACED_MAP, "holding", {**traced, "mode": "map"})
    yield Entry(NAIVE, "holding_naive", {"count": size.many})
    yield Entry(TRACED_GATHER, "holding", {**traced, "mode": "gather"})


def _memory(found: Mapping[str, Figures], size: Size) -> Table:
    table = Table(
        [
            "",
            f"resident, bytes/job ({number(size.most)} jobs)",
            f"traced, bytes/job ({number(size.many)} jobs)",
            "peak added (MB)",
            "collecting garbage (ms)",
            "the same before (ms)",
        ]
    )
    for label, traced in ((MAP, TRACED_MAP), (GATHER, TRACED_GATHER)):
        held = found[label]
        figures = (held["memory"], found[traced]["traced"], held["peak"] / 1e6)
        times = (held["gc"], held["gc_values"])
        cells = [shown("{:.0f}", each) for each in figures]
        table.rows.append((label, *cells, *(shown("{:.1f}", each) for each in times)))
    held = found[FEWER]
    row = [f"{MAP}, {number(size.many)} jobs", shown("{:.0f}", held["memory"]), ""]
    row.append(shown("{:.0f}", held["peak"] / 1e6))
    row += [shown("{:.1f}", held[name]) for name in ("gc", "gc_values")]
    table.rows.append(tuple(row))
    naive = shown("{:.0f}", found[NAIVE]["memory"])
    table.rows.append((f"{NAIVE}, {number(size.many)} jobs", naive, "", "", "", ""))
    return table


def _watching(held: Figures, size: Size, every: float, ideal: float) -> Table:
    rows = (
        ("share of a core", "{:.3f}", held["share"] - held["probe_share"]),
        ("the probe's own, taken off", "{:.3f}", held["probe_share"]),
        ("requests per second", "{:.1f}", held["looks_per_second"]),
        (f"at least needed, {FULL} ids in each", "{:.1f}", ideal),
        ("loop lag, p99 (ms)", "{:.2f}", held["lag_p99"]),
        ("loop lag, longest (ms)", "{:.1f}", held["lag_most"]),
        ("tasks alive, at most", "{:.0f}", held["tasks"]),
        ("tasks alive while they were created, at most", "{:.0f}", held["tasks_creating"]),
        ("server", "{:.2f}", held["server_share"]),
    )
    return Table(
        [f"{number(size.most)} jobs, each looked at every {every:g} s", ""],
        [(name, shown(form, value)) for name, form, value in rows],
    )


def _goals(found: Mapping[str, Figures], size: Size, every: float, ideal: float) -> Iterable[Goal]:
    held, jobs = found[MAP], number(size.most)
    beyond = "bytes per pending job beyond its request"
    yield Goal(f"{beyond}, handle only, resident", 450, held["memory"], "{:.0f}")
    yield Goal(f"{beyond}, awaited by a task, resident", 1700, found[GATHER]["memory"], "{:.0f}")
    yield Goal(f"peak memory added by {jobs} pending jobs, MB", 40, held["peak"] / 1e6, "{:.0f}")
    collected = f"`gc.collect()` with {number(size.many)} pending, ms"
    yield Goal(collected, 15, found[FEWER]["gc"], "{:.0f}")
    looked = f"{jobs} pending, looked at every {every:g} s"
    yield Goal(f"{looked}: share of a core", 0.08, held["share"] - held["probe_share"], "{:.3f}")
    yield Goal(f"{looked}: requests, × N/(K·I)", 1.25, held["looks_per_second"] / ideal)
    yield Goal(f"{looked}: loop lag p99, ms", 5, held["lag_p99"])
    yield Goal(f"tasks alive with {jobs} pending", 64, held["tasks"], "{:.0f}")
