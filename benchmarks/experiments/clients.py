"""Other HTTP clients and SDKs, at the same work."""

from __future__ import annotations

from importlib import util

from benchmarks.bench import Bench, Entry
from benchmarks.experiments.jobs import EVERY, FIXED, FLOOR, NAIVE, bars, contest_table
from benchmarks.machine import version
from benchmarks.report import Chart, Section, Table, shown

TEXT = """\
The naive loop, written with other clients: `gather`, a semaphore of 100, and a poll every half
second. With requests, a hundred threads run one job each at a time. *openai* is `post` and `get` of
`AsyncOpenAI`, the base client of openai's SDK and of many others. A client whose core is full polls
less often than it should, and wakes up later."""


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
