"""The overhead of the package on one request, and on one row of a reply."""

from __future__ import annotations

from benchmarks.bench import Bench, Entry
from benchmarks.report import Goal, Section, Table, shown

BARE, OURS = "bare aiohttp", "akool_async"

CALLS_TEXT = """\
Requests that start no job, 32 at a time: `akool.account.credit()` and `akool.faceswap.delete(...)`,
compared with the same requests by one bare aiohttp session that decodes the replies as JSON. The
runs alternate; the figures are medians."""


def calls(bench: Bench) -> Section:
    """Measure the CPU of calls."""
    section = Section("calls", "One request", CALLS_TEXT)
    table = Table(["", BARE + ", µs", OURS + ", µs", "×"])
    for kind in ("GET", "POST"):
        run = {"count": bench.size.calls, "kind": kind}
        entries = [Entry(BARE, "calling_bare", run), Entry(OURS, "calling", run)]
        found = bench.compare(entries, repeats=2 * bench.size.repeats - 1)
        bare, ours = found[BARE]["cpu"], found[OURS]["cpu"]
        cells = [shown("{:.1f}", each) for each in (bare, ours)]
        table.rows.append((kind, *cells, shown("{:.3f}", ours / bare)))
        goal = Goal(f"client CPU per {kind}, × bare aiohttp", 1.25, ours / bare, "{:.3f}")
        section.goals.append(goal)
    section.tables = [table]
    return section


DECODING_TEXT = """\
The reply of `listbyids`, from the bytes of the body to values, by the endpoint's own `decode`.
It is compared with a bare msgspec decoder of the whole reply: once with the same 13 fields of a
row as numbers and text, once with the package's types (an enum for the status, and a date)."""


def decoding(bench: Bench) -> Section:
    """Measure the CPU of decoding."""
    section = Section("decoding", "One row of a reply", DECODING_TEXT)
    table = Table(["rows", "bare, ns/row", "bare, same types", "akool_async", "× bare", "× typed"])
    for rows in (1, 100, 300):
        found = bench.one("decoding", rows=rows, repeats=30 * bench.size.repeats)
        ways = [found[name] for name in ("plain", "typed", "ours")]
        ratios = [found["ours"] / each for each in ways[:2]]
        cells = [shown("{:.0f}", each) for each in ways]
        table.rows.append((str(rows), *cells, *(shown("{:.2f}", each) for each in ratios)))
        if rows > 1:
            figure = f"decoding a row of {rows}, × bare msgspec Struct"
            section.goals.append(Goal(figure, 1.1, ratios[0]))
    section.tables = [table]
    return section
