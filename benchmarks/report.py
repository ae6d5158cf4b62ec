"""What was measured, as values, and the page that shows it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec

NOTHING = "no figure"


class Goal(msgspec.Struct):
    """A figure that shall not exceed a bound."""

    figure: str
    bound: float
    measured: float | None
    """NaN where it could not be measured; JSON knows no such number, and has `null`."""
    form: str = "{:.2f}"

    @property
    def value(self) -> float:
        """What was measured."""
        return math.nan if self.measured is None else self.measured

    @property
    def met(self) -> bool:
        """Whether it does not; what could not be measured is not met."""
        return self.value <= self.bound

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """Its row of the table of goals."""
        bound, measured = shown(self.form, self.bound), shown(self.form, self.value)
        return self.figure, measured, f"≤ {bound}", "yes" if self.met else "no"


class Table(msgspec.Struct):
    """Rows of text under a head."""

    head: Sequence[str]
    rows: list[Sequence[str]] = []
    title: str = ""

    def __str__(self) -> str:
        rule = ["---", *["---:"] * (len(self.head) - 1)]
        lines = [f"| {' | '.join(cells)} |" for cells in (self.head, rule, *self.rows)]
        return "\n".join([f"**{self.title}**\n", *lines] if self.title else lines)


class Bar(msgspec.Struct):
    """One bar of a chart."""

    label: str
    value: float
    ours: bool = False


class Chart(msgspec.Struct):
    """Bars, one per contestant."""

    name: str
    title: str
    unit: str
    bars: list[Bar]


class Section(msgspec.Struct):
    """One experiment: what was done, what came out."""

    name: str
    title: str
    text: str
    tables: list[Table] = []
    goals: list[Goal] = []
    charts: list[Chart] = []
    failures: list[str] = []
    when: str = ""
    seconds: float = 0.0
    load: float = 0.0
    """The machine's load average when it began; on a quiet machine well below 1."""


class Conditions(msgspec.Struct):
    """Where and with what it was measured."""

    date: str
    machine: str
    versions: dict[str, str]
    quick: bool = False


def shown(form: str, value: float) -> str:
    """Return a figure as text."""
    return NOTHING if math.isnan(value) else form.format(value)


def number(count: int) -> str:
    """Return a count as text, with thin spaces between thousands."""
    return f"{count:,}".replace(",", "\u202f")


def page(sections: Iterable[Section], conditions: Conditions) -> str:
    """Return the whole page, in Markdown."""
    sections = list(sections)
    parts = [_HEAD.format(date=conditions.date, machine=conditions.machine)]
    if conditions.quick:
        parts.append(
            "**A quick run: it shows that everything runs, and its figures mean nothing.**"
        )
    parts.extend(["## Goals", str(_goals(sections))])
    for section in sections:
        parts.extend(_section(section))
    versions = ", ".join(f"{name} {number}" for name, number in conditions.versions.items())
    parts.append(f"## Versions\n\n{versions}.")
    return "\n\n".join(parts) + "\n"


_HEAD = """\
# Benchmarks

Written by `python -m benchmarks` on {date}: {machine}. Ratios travel; seconds do not.
`python -m benchmarks --only NAME` measures one section anew, `--quick` tries whether all of it
runs, and `pip install -e '.[bench]'` brings the other clients and uvloop. Nothing else should
run meanwhile: each section says what the load was when it began.

The server is a process of its own on another core than the client's. It remembers nothing: a
job's id holds the moment at which it is complete, so that the delay from there to whoever awaits
the job is exact. Jobs take 2 seconds in the median, lognormal with a sigma of 0.5, the same ones
for everybody, and none longer than 7. Every contestant runs in a fresh process; its CPU time, user
and system, counts from after its imports and a warm-up of three jobs to the last result, the making
of its client and its requests included. *Server* is the share of its core that the server was busy:
well below 1, it was not what was measured."""


def _goals(sections: Iterable[Section]) -> Table:
    goals = [goal for section in sections for goal in section.goals]
    return Table(["figure", "measured", "goal", "met"], [goal.cells for goal in goals])


def _section(section: Section) -> Iterable[str]:
    yield f"## {section.title}"
    yield section.text
    for chart in section.charts:
        yield f"![{chart.title}](charts/{chart.name}.svg)"
    for table in section.tables:
        yield str(table)
    for failure in section.failures:
        yield f"Failed: {failure}"
    yield (
        f"`python -m benchmarks --only {section.name}`, {section.when}, "
        f"{section.seconds:.0f} s, load at the start {section.load:.1f}"
    )


def decode(data: bytes) -> tuple[Conditions, list[Section]]:
    """Read what an earlier run has measured.

    Raises:
        msgspec.MsgspecError: it was written by another version of this module.
    """
    return msgspec.json.decode(data, type=tuple[Conditions, list[Section]])


def encode(conditions: Conditions, sections: list[Section]) -> bytes:
    """Write it down for a later one."""
    return msgspec.json.format(msgspec.json.encode((conditions, sections)), indent=1)
