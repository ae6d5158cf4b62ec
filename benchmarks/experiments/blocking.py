"""Programs without an event loop."""

from __future__ import annotations

from importlib import util

from benchmarks.bench import Bench, Entry
from benchmarks.experiments.jobs import EVERY, FIXED, FLOOR, contest_table
from benchmarks.report import Section, Table, shown

TEXT = """\
`akool.account.credit()`, one call after the other in a thread without a loop: by
`akool_async.sync.Akool`; by `asyncio.run` with a client of its own for each call; and by a session
of requests. Then jobs, each polled every half second: by the synchronous `map`, by the asynchronous
one, and by requests in a hundred threads; beside bare aiohttp that only creates them."""

OURS, EACH, REQUESTS = "akool_async.sync", "asyncio.run for each call", "requests"
THREADS = "requests, 100 threads"


def blocking(bench: Bench) -> Section:
    """Compare the synchronous client with what is written without it."""
    section = Section("blocking", "Programs without a loop", TEXT)
    with_requests = util.find_spec("requests") is not None
    if not with_requests:
        section.text += "\nNot installed here: requests."
    ways = {OURS: "blocking", EACH: "loop"} | ({REQUESTS: "requests"} if with_requests else {})
    section.tables = [_calls(bench, ways), _jobs(bench, with_requests=with_requests)]
    return section


def _calls(bench: Bench, ways: dict[str, str]) -> Table:
    count = bench.size.calls // 10
    entries = [Entry(name, "blocking_calls", {"count": count, "way": ways[name]}) for name in ways]
    found = bench.compare(entries, repeats=bench.size.repeats)
    table = Table(["", "calls a second", "CPU a call, µs", "× akool_async.sync"])
    for name, figures in found.items():
        cells = [shown("{:.0f}", count / figures["wall"]), shown("{:.0f}", figures["cpu"])]
        table.rows.append((name, *cells, shown("{:.2f}", figures["cpu"] / found[OURS]["cpu"])))
    return table


def _jobs(bench: Bench, *, with_requests: bool) -> Table:
    base = {"count": 3 * bench.size.few // 10, "every": EVERY}
    entries = [
        Entry(FLOOR, "floor", {"count": base["count"]}),
        Entry(OURS, "blocking_jobs", base),
        Entry(FIXED, "ours", base),
    ]
    if with_requests:
        entries.append(Entry(THREADS, "requests", base))
    return contest_table(bench.compare(entries))
