"""The results as values, and the page that shows them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec

NOTHING = "no figure"


class Goal(msgspec.Struct):
    """A figure that should not exceed a bound."""

    figure: str
    bound: float
    measured: float | None
    """The figure; NaN if it could not be measured, which is `null` in JSON."""
    form: str = "{:.2f}"

    @property
    def value(self) -> float:
        """The measured figure; NaN if there is none."""
        return math.nan if self.measured is None else self.measured

    @property
    def met(self) -> bool:
        """Whether the figure is within its bound; False if there is none."""
        return self.value <= self.bound

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """The row in the table of goals."""
        bound, measured = shown(self.form, self.bound), shown(self.form, self.value)
        return self.figure, measured, f"≤ {bound}", "yes" if self.met else "no"


class Table(msgspec.Struct):
    """A table of texts."""

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
    """One experiment: its description and its results."""

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
    """The machine's load average at the start; well below 1 on a quiet machine."""


class Conditions(msgspec.Struct):
    """The date, the machine and the versions."""

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
        parts.append("**A quick run: it shows that everything runs. Its figures mean nothing.**")
    parts.extend(["## Goals", str(_goals(sections))])
    for section in sections:
        parts.extend(_section(section))
    versions = ", ".join(f"{name} {number}" for name, number in conditions.versions.items())
    parts.append(f"## Versions\n\n{versions}.")
    return "\n\n".join(parts) + "\n"


_HEAD = """\
# Benchmarks

Written by `python -m benchmarks` on {date}: {machine}. Ratios hold on other machines; seconds do
not. `python -m benchmarks --only NAME` measures one section again. `--quick` only checks that
everything runs. `pip install -e '.[bench]'` installs the other clients and uvloop. Nothing else
should run at the same time: each section states the load at its start.

The server runs in a process of its own, on another core than the client. It stores no jobs: the id
of a job contains the moment of its completion, so the delay until its awaiter wakes up is exact.
The durations of jobs are lognormal, with a median of 2 seconds, a sigma of 0.5, and a maximum of 7
seconds; they are the same for all contestants. Each contestant runs in a fresh process. Its CPU
time, user and system, is measured from the end of its imports and of a warm-up of three jobs to its
last result, and includes the making of its client and its requests. *Server* is the share of its
core that the server used: far below 1, the server did not limit the result."""


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
    """Read the results of an earlier run.

    Raises:
        msgspec.MsgspecError: Another version of this module wrote them.
    """
    return msgspec.json.decode(data, type=tuple[Conditions, list[Section]])


def encode(conditions: Conditions, sections: list[Section]) -> bytes:
    """Encode the results for a later run."""
    return msgspec.json.format(msgspec.json.encode((conditions, sections)), indent=1)
