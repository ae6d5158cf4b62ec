"""How soon the first sentence of a language model's answer is on its way to a live avatar."""

from __future__ import annotations

from benchmarks.bench import Bench, Entry
from benchmarks.report import Goal, Section, Table, shown

TEXT = """\
A model writes an answer of 20 sentences, a word each 20 ms. The times are those until the first
message is at the transport: from the model's start, and from the moment at which the model has
written the end of its first sentence and the blank behind it. *The whole answer* is what the sample
on Akool's page sends: it waits for the model's end."""

OURS, WHOLE = "`session.speak()`", "the whole answer"
PAUSE, SENTENCES = 0.02, 20
QUICK = 2


def speaking(bench: Bench) -> Section:
    """Measure how late the first sentence is."""
    section = Section("speaking", "The first sentence of a language model", TEXT)
    sentences = SENTENCES if bench.size.repeats > 1 else QUICK
    options = {"sentences": sentences, "pause": PAUSE}
    rounds = bench.size.calls // 100
    entries = [
        Entry(OURS, "speaking", {**options, "rounds": rounds}),
        Entry(WHOLE, "speaking_whole", {**options, "rounds": 1}),
    ]
    found = bench.compare(entries)
    table = Table(["", "answers", "from the start, p50 (ms)", "from the sentence, p50", "longest"])
    for label, figures in found.items():
        forms = {"answers": "{:.0f}", "from_start": "{:.0f}", "p50": "{:.2f}", "longest": "{:.2f}"}
        cells = [shown(form, figures[name]) for name, form in forms.items()]
        table.rows.append((label, *cells))
    section.tables = [table]
    ours = found[OURS]
    section.goals = [
        Goal("a model's first sentence to its message: p50, ms", 1.0, ours["p50"]),
        Goal("a model's first sentence to its message: longest, ms", 20.0, ours["longest"]),
        Goal(
            "a model's start to its first message, × waiting for the whole answer",
            0.1,
            ours["from_start"] / found[WHOLE]["from_start"],
            "{:.3f}",
        ),
    ]
    return section
