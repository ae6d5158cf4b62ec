"""Write the charts of docs/performance.md; `--check` only compares them.

Every figure comes from benchmarks/results.json, which `python -m benchmarks` writes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from python_text import is_current

from benchmarks.charts import in_words, svg
from benchmarks.report import Bar, Chart, Section, decode

HERE = Path(__file__).parent
PAGE = HERE / "performance.md"
RESULTS = HERE.parent / "benchmarks/results.json"


class Row(NamedTuple):
    """One bar: where its figure stands, and what it is called."""

    name: str
    label: str
    table: str = ""
    ours: bool = True
    column: str = ""


class Question(NamedTuple):
    """One chart: the section that was measured, and the column that answers."""

    name: str
    title: str
    unit: str
    section: str
    column: str
    rows: tuple[Row, ...]


NAIVE = "naive loop, bare aiohttp"
FLOOR = "creating alone, bare aiohttp"
OWN = "akool_async, map, its own schedule"
FIXED = "akool_async, map, fixed 0.5 s"
TEN_THOUSAND = "10\u202f000 jobs, round trip {} ms"

QUESTIONS = (
    Question(
        "requests",
        "Requests for each of 1\u202f000 jobs",
        "the create included",
        "equal_delay",
        "requests/job",
        (
            Row(FLOOR, "creates alone", ours=False),
            Row("naive loop, 0.50 s", "loop by hand, each 0.5 s", ours=False),
            Row("naive loop, 0.10 s", "loop by hand, each 0.1 s", ours=False),
            Row(OWN, "akool_async, as late as the loop of 0.1 s"),
        ),
    ),
    Question(
        "cpu",
        "CPU time for each job",
        "µs, user and system",
        "clients",
        "CPU, µs/job",
        (
            Row(FLOOR, "creates alone, bare aiohttp", ours=False),
            Row(FIXED, "akool_async"),
            Row(NAIVE, "loop by hand, bare aiohttp", ours=False),
            Row("requests", "loop by hand, requests", ours=False),
            Row("httpx2", "loop by hand, httpx2", ours=False),
            Row("openai", "loop by hand, openai", ours=False),
            Row("httpx", "loop by hand, httpx", ours=False),
        ),
    ),
    Question(
        "delay",
        "From a job's end until you hear of it, 10\u202f000 jobs",
        "ms, 99 of 100 are faster",
        "jobs",
        "p99",
        (
            Row(OWN, "akool_async", TEN_THOUSAND.format(0)),
            Row(NAIVE, "loop by hand, each 0.5 s", TEN_THOUSAND.format(0), ours=False),
            Row(OWN, "akool_async, network of 50 ms", TEN_THOUSAND.format(50)),
            Row(NAIVE, "loop by hand, network of 50 ms", TEN_THOUSAND.format(50), ours=False),
        ),
    ),
    Question(
        "memory",
        "Memory of each pending job",
        "bytes, beside its request",
        "holding",
        "resident, bytes/job (100\u202f000 jobs)",
        (
            Row("`map`: handles only", "akool.map, 100\u202f000 jobs"),
            Row("`map`: handles only, 10\u202f000 jobs", "akool.map, 10\u202f000 jobs"),
            Row("`gather`: a task awaits each", "asyncio.gather, 100\u202f000 jobs"),
            Row(
                "naive loop, bare aiohttp, 10\u202f000 jobs",
                "loop by hand, 10\u202f000 jobs",
                ours=False,
            ),
        ),
    ),
    Question(
        "webhooks",
        "From a job's end until you hear of it, 1\u202f000 speeches",
        "ms",
        "webhooks",
        "p50",
        (
            Row("webhooks", "with webhooks, half of the jobs", "speeches, 1\u202f000 jobs"),
            Row("polling", "without, half of the jobs", "speeches, 1\u202f000 jobs", ours=False),
            Row("webhooks", "with webhooks, 99 of 100", "speeches, 1\u202f000 jobs", column="p99"),
            Row(
                "polling",
                "without, 99 of 100",
                "speeches, 1\u202f000 jobs",
                ours=False,
                column="p99",
            ),
        ),
    ),
    Question(
        "crash",
        "Jobs paid for, of 2\u202f000 rows and three kills",
        "2\u202f000 are right",
        "batch",
        "creates",
        (
            Row("`akool run`", "akool run", "2\u202f000 rows, killed 3 times"),
            Row(
                "a script by hand",
                "a script by hand",
                "2\u202f000 rows, killed 3 times",
                ours=False,
            ),
        ),
    ),
)


def figure(section: Section, row: Row, column: str) -> float:
    """Return a figure as it stands in a table of the results.

    Raises:
        LookupError: It was not measured.
    """
    (table,) = (
        each for each in section.tables if row.table in {"", each.title} and column in each.head
    )
    # Behind a client's name stands its version.
    (cells,) = (each for each in table.rows if f"{each[0]} ".startswith(f"{row.name} "))
    # A name may stand above two columns: the first one is meant.
    return float(cells[[*table.head].index(column)].replace("\u202f", ""))


def chart_of(question: Question, section: Section) -> Chart:
    """Return a chart with all its figures."""
    bars = [
        Bar(row.label, figure(section, row, row.column or question.column), row.ours)
        for row in question.rows
    ]
    return Chart(question.name, question.title, question.unit, bars)


def lines_of(chart: Chart, section: Section) -> Iterator[str]:
    """Yield what stands in the page: the picture, and how to measure it again."""
    yield f"![{chart.title} ({chart.unit}). {in_words(chart)}](charts/{chart.name}.svg)"
    yield ""
    yield f"`python -m benchmarks --only {section.name}`, {section.when.split()[0]}"


def pages() -> Mapping[Path, str]:
    """Return the page and its charts."""
    conditions, sections = decode(RESULTS.read_bytes())
    by_name = {section.name: section for section in sections}
    text, made = PAGE.read_text(encoding="utf-8"), {}
    for question in QUESTIONS:
        section = by_name[question.section]
        chart = chart_of(question, section)
        made[HERE / f"charts/{chart.name}.svg"] = svg(chart)
        text = placed(text, chart.name, "\n".join(lines_of(chart, section)))
    machine = f"Measured with Python {conditions.versions['Python']} on: {conditions.machine}."
    return made | {PAGE: placed(text, "machine", machine)}


def placed(text: str, name: str, body: str) -> str:
    """Put a text between its two marks in the page."""
    begin, end = f"<!-- {name}: written by `python docs/build_charts.py` -->\n", "<!-- end -->\n"
    pattern = rf"(?<={re.escape(begin)}).*?(?={end})"
    new, count = re.subn(pattern, lambda _: f"\n{body}\n\n", text, count=1, flags=re.DOTALL)
    if not count:
        raise LookupError(f"{PAGE.name} has no place for {name}")
    return new


def main() -> int:
    """Write the page and its charts, or compare them."""
    made = pages()
    if "--check" in sys.argv:
        if is_current(made):
            return 0
        sys.stderr.write(f"docs/{PAGE.name} is not current: run python docs/build_charts.py\n")
        return 1
    for path, text in made.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
