"""The ends of jobs while creates are queued."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.bench import Bench
from benchmarks.experiments.jobs import EVERY
from benchmarks.meter import Figures
from benchmarks.report import Goal, Section, Table, number, shown

TEXT = """\
Some jobs run; a second later ten thousand others are submitted. The figures are for those of the
first jobs that end while the others are queued, beside the same jobs without the others. If
creates and polls share one queue, no poll is sent before the last create. Without a round trip,
the client's core is full while creates are queued. A row of `akool_async` is the one of three runs
whose ratio is the median: the 99th percentile of one run hangs on seven jobs."""

ROUNDS = 3

WAYS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "akool_async, its own schedule": ("queueing", {}),
    "naive loop, bare aiohttp": ("queueing_naive", {"every": EVERY}),
}


def starving(bench: Bench) -> Section:
    """Compare delays with and without a queue of creates."""
    section = Section("starving", "Ends of jobs while creates queue", TEXT)
    for rtt in reversed(bench.size.trips):
        table = Table(
            ["", "alone, p50 (ms)", "alone, p99", "queue, p50", "queue, p99", "p99, ×", "jobs"],
            title=f"round trip {rtt * 1000:.0f} ms",
        )
        for label, (name, options) in WAYS.items():
            if not rtt and options:
                continue  # with a full core, only our own schedule is of interest
            rounds = ROUNDS if name == "queueing" else 1
            runs = [_both(bench, name, options, rtt) for _ in range(rounds)]
            busy, alone = sorted(runs, key=_ratio)[rounds // 2]
            ratio = _ratio((busy, alone))
            waits = (alone["p50"], alone["p99"], busy["p50"], busy["p99"])
            cells = [shown("{:.0f}", each) for each in waits]
            jobs = shown("{:.0f}", busy["woken"])
            table.rows.append((label, *cells, shown("{:.2f}", ratio), jobs))
            if name == "queueing":
                further = number(bench.size.many)
                figure = f"p99 delay while {further} creates queue, × unloaded; {label}"
                section.goals.append(Goal(f"{figure}; {table.title}", 1.2, ratio))
        section.tables.append(table)
    return section


def _ratio(run: tuple[Figures, Figures]) -> float:
    busy, alone = run
    return busy["p99"] / alone["p99"]


def _both(
    bench: Bench, name: str, options: Mapping[str, Any], rtt: float
) -> tuple[Figures, Figures]:
    """Run the jobs among others, and then alone. Only the ends in one window count."""
    size = bench.size
    run = {"count": size.few, **options}
    timing = {"head": size.median / 2, "window": 0.0}
    busy = bench.one(name, served={"rtt": rtt}, further=size.many, timing=timing, **run)
    window = min(busy["window"], 60.0) if busy else 60.0
    timing = {**timing, "window": window}
    alone = bench.one(name, served={"rtt": rtt}, further=0, timing=timing, **run)
    return busy, alone
