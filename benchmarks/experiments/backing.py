"""The backend of a page: how many sessions a process holds, and what each of them takes."""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.report import Goal, Section, Table, number, shown

TEXT = """\
Pages with a live avatar each, connected to `akool.streaming.aiohttp_routes` by a websocket. The
memory of a session is the growth of the process's resident memory, with the websocket, its timers,
the session and its job. First each page only answers pings, one each 1.5 s; then it also passes
on a caption each second, which comes back as text. The probe of the loop's lag is subtracted from
the share of the core. The pages and Akool are one process, on another core."""


def backing(bench: Bench) -> Section:
    """Measure the sessions of one process."""
    section = Section("backing", "The backend of many live avatars", TEXT)
    count = bench.size.few
    found = bench.one("backing", count=count, window=bench.size.window)
    rows = (
        ("memory of a session (KB)", "{:.1f}", found["memory"] / 1e3),
        ("tasks for each session", "{:.1f}", found["tasks"]),
        ("opening one, websocket included (ms)", "{:.2f}", found["opening"]),
        ("share of a core, silent", "{:.3f}", found["silent"]),
        ("loop lag, p99 (ms)", "{:.1f}", found["silent_lag"]),
        ("share of a core, a caption each second", "{:.3f}", found["talking"]),
        ("loop lag, p99 (ms)", "{:.1f}", found["talking_lag"]),
    )
    table = Table([f"{number(count)} sessions in one process", ""])
    table.rows += [(name, shown(form, value)) for name, form, value in rows]
    section.tables = [table]
    held = f"{number(count)} live sessions of one backend"
    section.goals = [
        Goal(f"{held}: memory of each, KB", 100, found["memory"] / 1e3, "{:.0f}"),
        Goal(f"{held}: share of a core, silent", 0.25, found["silent"]),
        Goal(
            f"{held}: loop lag p99, ms, a caption each second", 50, found["talking_lag"], "{:.0f}"
        ),
    ]
    return section
