"""Other HTTP clients and SDKs, at the same work."""

from __future__ import annotations

from importlib import util

from benchmarks.bench import Bench, Entry
from benchmarks.experiments.jobs import EVERY, FIXED, FLOOR, NAIVE, bars, contest_table
from benchmarks.machine import version
from benchmarks.report import Chart, Section, Table, shown

TEXT = """\
The naive loop, written with other clients: `gather`, a semaphore of 100, a look each half second;
with requests, a hundred threads, each of which runs one job at a time. *openai* is `post` and
`get` of `AsyncOpenAI`, the client that openai's SDK and many others are generated around. Where a
client's core is full, it looks less often than it would, and wakes up later."""


def clients(bench: Bench) -> Section:
    """Run the naive loop in each client that is installed."""
    section = Section("clients", "Other clients at the same work", TEXT)
    count = 3 * bench.size.few // 10
    base = {"count": count, "every": EVERY}
    entries = [
        Entry(FLOOR, "floor", {"count": count}),
        Entry(FIXED, "ours", base),
        Entry(NAIVE, "naive", base),
    ]
    packages = {"httpx": "httpx", "httpx2": "httpx", "openai": "openai", "requests": "requests"}
    missing: list[str] = []
    for package, name in packages.items():
        if util.find_spec(package) is None:
            missing.append(package)
            continue
        more = {"package": package} if package != name else {}
        entries.append(Entry(f"{package} {version(package)}", name, {**base, **more}))
    if missing:
        section.text += f"\nNot installed here: {', '.join(missing)}."
    found = bench.compare(entries)
    against = Table(["CPU per job, × akool_async", ""])
    for label, figures in found.items():
        if label not in {FLOOR, FIXED}:
            ratio = figures["cpu"] / found[FIXED]["cpu"]
            against.rows.append((label, shown("{:.1f}", ratio)))
    section.tables = [contest_table(found), against]
    cpu = bars(found, "cpu", found[FLOOR]["cpu"])
    title = "Client CPU per job, other clients"
    section.charts = [Chart("clients", title, "× creating alone", cpu)]
    return section
