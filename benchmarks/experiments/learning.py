"""The learned schedule, compared with the best possible one; all of it is simulated."""

from __future__ import annotations

import statistics
from importlib import import_module, util
from typing import Any

from benchmarks.bench import Bench
from benchmarks.report import Goal, Section, Table

TEXT = """\
When to poll jobs of unknown duration. The cost of a job is the delay from its end to the poll
that finds it, plus the cost of its polls. *Regret* is that cost divided by the cost of the best
schedule for jobs of a known distribution, computed by dynamic programming. No request is sent,
and no time passes. The figures are for the first 20 jobs of a stream (cold), after 100 and 1 000
completions, and for the 500 jobs after all durations have trebled (shifted). *plain* is the
fixed or growing interval that is best in hindsight. *looks* is the number of polls, divided by
that of the fixed interval with the same delay. `python -m benchmarks.schedule` repeats
everything four times as often, and takes four times as long."""

REPEAT = 2
"""How often each stream of jobs is simulated."""

BOUNDS = {"cold": 2.0, "hundred": 1.10, "thousand": 1.05, "shifted": 1.2}
"""Goals, by the name of the figure."""

WORDS = {
    "cold": "the first 20 jobs",
    "hundred": "after 100 completions",
    "thousand": "after 1 000 completions",
    "shifted": "500 jobs after durations have trebled",
}


def learning(bench: Bench) -> Section:
    """Simulate regrets, by the shape of durations."""
    section = Section("schedule", "The schedule that learns", TEXT)
    if util.find_spec("benchmarks.schedule") is None:
        section.text = "`benchmarks/schedule.py` is not there."
        return section
    schedule: Any = import_module("benchmarks.schedule")
    shapes = schedule.SHAPES if bench.size.repeats > 1 else schedule.SHAPES[:1]
    rows = schedule.rows_of(len(shapes), min(REPEAT, bench.size.repeats))
    names = {schedule.ALONE: "one id per request", schedule.SHARED: "300 ids per request"}
    for sharing, name in names.items():
        some = [row for row in rows if row.sharing == sharing]
        table = Table(["durations", *some[0]._fields[2:]], title=name)
        table.rows = [(row.shape, *(f"{figure:.2f}" for figure in row[2:])) for row in some]
        section.tables.append(table)
        for figure, bound in BOUNDS.items():
            mean = statistics.fmean(getattr(row, figure) for row in some)
            title = f"schedule regret, {WORDS[figure]}, mean of {len(some)} shapes; {name}"
            section.goals.append(Goal(title, bound, mean))
    alone = [row.looks for row in rows if row.sharing == schedule.ALONE]
    title = "looks per job, one id per request, × the fixed interval with the same delay, simulated"
    section.goals.append(Goal(title, 0.8, statistics.fmean(alone)))
    return section
