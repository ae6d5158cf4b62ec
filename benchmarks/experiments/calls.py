"""What the package adds to one request, and to one row of a reply."""

from __future__ import annotations

from benchmarks.bench import Bench, Entry
from benchmarks.report import Goal, Section, Table, shown

BARE, OURS = "bare aiohttp", "akool_async"

CALLS_TEXT = """\
Requests that start no job, 32 at a time: `akool.account.credit()` and `akool.faceswap.delete(...)`
against the same with one bare aiohttp session that reads the replies as JSON. The runs alternate,
and medians count."""


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
        goal = Goal(f"client CPU per {kind}, × bare aiohttp", 1.10, ours / bare, "{:.3f}")
        section.goals.append(goal)
    section.tables = [table]
    return section


DECODING_TEXT = """\
The reply of `listbyids`, from the body's bytes to values, as the client does it: the endpoint's own
`decode`. Beside it a bare msgspec decoder of the whole reply, with the same 13 fields in a row as
numbers and text, and once more with the package's types (a status that is an enum, and a date)."""


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
