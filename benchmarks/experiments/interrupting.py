"""How soon an interrupt of a live avatar leaves, while texts wait."""

from __future__ import annotations

from benchmarks.bench import Bench, Entry
from benchmarks.report import Goal, Section, Table, shown

TEXT = """\
A text of 60 KB waits for Agora's data stream, which takes 6 000 bytes a second; at some moment of
its first second the avatar is interrupted. The time is that from the call of `interrupt()` to its
message at the transport, by the real clock. *Plain queue* sends in order, at the pace of the sample
on Akool's page. *Busiest second* has the most bytes that were sent in any second."""

OURS, QUEUE = "`session.interrupt()`", "plain queue"


def interrupting(bench: Bench) -> Section:
    """Measure the latency of interrupts."""
    section = Section("interrupting", "An interrupt while 60 KB wait", TEXT)
    waiting, rounds = 6 * bench.size.many, bench.size.calls // 100
    entries = [
        Entry(OURS, "interrupting", {"waiting": waiting, "rounds": rounds}),
        Entry(QUEUE, "interrupting_fifo", {"waiting": waiting, "rounds": 1}),
    ]
    found = bench.compare(entries)
    table = Table(["", "interrupts", "p50 (ms)", "longest (ms)", "busiest second (bytes)"])
    for label, figures in found.items():
        forms = {"interrupts": "{:.0f}", "p50": "{:.2f}", "longest": "{:.2f}", "busiest": "{:.0f}"}
        cells = [shown(form, figures[name]) for name, form in forms.items()]
        table.rows.append((label, *cells))
    section.tables = [table]
    ours = found[OURS]
    section.goals = [
        Goal("interrupt to its message, 60 KB waiting: p50, ms", 1.0, ours["p50"]),
        Goal("interrupt to its message, 60 KB waiting: longest, ms", 20.0, ours["longest"]),
        Goal("interrupt, 60 KB waiting: busiest second, bytes", 6000, ours["busiest"], "{:.0f}"),
    ]
    return section
