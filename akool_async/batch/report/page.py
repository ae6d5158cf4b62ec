"""Writes the report: gathers what all rows come to, then writes the page row by row.

The journal is read twice, at one moment: once for the sums, which stand first in the page, and once
for the rows. So memory stays flat, and the sums add up while the run goes on.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from akool_async.batch.control.client import figures_now
from akool_async.batch.figures.totals import totals_in
from akool_async.batch.folder import RunFolder
from akool_async.batch.money.prices import Prices, learned_in
from akool_async.batch.report import charts
from akool_async.batch.report.again import Advice, Commands
from akool_async.batch.report.failures import FailureGroup, shortened
from akool_async.batch.report.gallery import Shelf, shelves_of
from akool_async.batch.report.requests import beside, link_to, summary_of, web_link
from akool_async.batch.report.rows import PLACES, Place, ReportRow, rows_of
from akool_async.batch.report.summary import Summary, moment
from akool_async.batch.report.tally import Tally
from akool_async.journal.looking import JournalView
from akool_async.journal.run_rows import RunRowReader

GALLERY: Final = 200
"""Results at most that the gallery shows of each operation, if nobody says otherwise. Players make
a page slow to open: 500 of each of three operations take as long as 10 000 rows."""
_PART: Final = 200
_TEMPLATES: Final = Path(__file__).parent / "templates"
_LOOKS: Final[dict[Place, str]] = {"in doubt": "doubt", "in flight": "flight"}
_MARKS: Final[dict[Place, str]] = {
    "completed": "✓",
    "failed": "✗",
    "in doubt": "?",
    "in flight": "→",
    "waiting": "…",
}


class Part(NamedTuple):
    """Rows that stand in one section."""

    first: int
    last: int
    rows: list[tuple[Any, ...]]


def write_report(folder: RunFolder, *, gallery: int = GALLERY) -> Path:
    """Write the report of a run beside its media, whole or not at all. Blocks.

    Args:
        folder: The run's folder; the run may go on meanwhile.
        gallery: Results at most that the gallery shows of each operation.

    Returns:
        The path of the page.

    Raises:
        JournalError: the folder has no journal that can be read.
        OSError: the page cannot be written.
        ModuleNotFoundError: jinja2 or vl-convert-python is not installed.
    """
    part = folder.report.with_name(f".{folder.report.name}.part")
    try:
        write_page(folder, part, beside(folder.root), gallery=gallery)
        part.replace(folder.report)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return folder.report


def write_page(
    folder: RunFolder, to: Path, place: Callable[[Path], str], *, gallery: int = GALLERY
) -> None:
    """Write the page of a run's report. Blocks, and raises what `write_report` does.

    Args:
        folder: The run's folder.
        to: The file to write.
        place: Returns the address of a file on this machine, relative to the page.
        gallery: Results at most that the gallery shows of each operation.
    """
    with closing(JournalView(folder.journal)) as view, ThreadPoolExecutor(1) as pool:
        warm = pool.submit(charts.warm_up)  # it takes a second, beside reading the rows
        with view.run_rows.at_one_moment():
            page = _Page(folder, view, place, gallery)
            warm.result()
            with to.open("w", encoding="utf-8", newline="\n") as file:
                page.write(file)


class _Page:
    def __init__(
        self, folder: RunFolder, view: JournalView, place: Callable[[Path], str], gallery: int
    ) -> None:
        self._folder = folder
        self._place = place
        self._reader: RunRowReader = view.run_rows
        figures = figures_now(folder)
        self._goes_on = figures is not None
        self._commands = Commands(folder)
        span, now = self._reader.span(), time.time()
        if span is not None and self._goes_on:
            span = span._replace(changed=now)
        self._tally = Tally(span, now, gallery)
        self._tally.add_all(rows_of(self._reader, goes_on=self._goes_on))
        prices = Prices(self._commands.prices, learned_in(view.recall_all))
        self._summary = Summary(self._tally, totals_in(view), figures, prices, self._commands)

    def write(self, file: Any) -> None:
        """Write the page into a file, as it is made."""
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        environment = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,  # whatever stands in a prompt is text
            undefined=StrictUndefined,
        )
        stream = environment.get_template("page.html").stream(self._context())
        stream.enable_buffering(100)
        for text in stream:
            file.write(text)

    def _context(self) -> dict[str, Any]:
        style, script = _text_of("page.css"), _text_of("page.js")
        tally = self._tally
        drawn = self._charts()
        return {
            "title": self._folder.root.absolute().name,
            "policy": _policy(style, script),
            "style": style,
            "script": script,
            "state": self._summary.state,
            "made": moment(time.time()),
            "zone": charts.zone(),
            "manifests": self._commands.manifests,
            "figures": self._summary.figures,
            "money": self._summary.money,
            "notices": self._summary.notices,
            "places": (*PLACES, "not sent"),
            "operations": self._summary.operations,
            "any_rows": tally.rows > 0,
            "charts": drawn,
            "has_durations": bool(drawn) and drawn[-1].title.startswith("Durations"),
            "groups": [(group, self._about(group)) for group in tally.failures.groups],
            "files": tally.files and self._shows_gallery,
            "shelves": self._shelves(),
            "classes": [(_LOOKS.get(place, place), place) for place in PLACES],
            "parts": _parts_of(
                rows_of(self._reader, goes_on=self._goes_on, requests=True),
            ),
        }

    def _about(self, group: FailureGroup) -> Advice:
        beside = self._tally.failures.sent_with(group) + self._summary.unsent(group.key.operation)
        return self._commands.about(group, beside)

    @property
    def _shows_gallery(self) -> bool:
        return any(each.files.taken for each in self._tally.operations.values())

    def _shelves(self) -> Iterator[Shelf]:
        return shelves_of(self._tally, self._reader, self._place)

    def _charts(self) -> list[charts.Chart]:
        timeline = self._tally.timeline
        drawn = [] if timeline is None else charts.charts_over_time(timeline)
        durations = charts.chart_of_durations(self._tally.operations)
        return drawn if durations is None else [*drawn, durations]


def _parts_of(rows: Iterator[ReportRow]) -> Iterator[Part]:
    first = 1
    while part := [_cells_of(row) for row in islice(rows, _PART)]:
        yield Part(first, first + len(part) - 1, part)
        first += len(part)


def _cells_of(row: ReportRow) -> tuple[Any, ...]:
    """Return the cells of a row as the template takes them."""
    outcome, href, name, reason, line, queued, took = row.outcome, "", "", "", "", "", ""
    if outcome is not None:
        line = str(outcome.line or "")
        href, name = _result_of(row)
        queued, took = _seconds(outcome.queued_seconds), _seconds(outcome.akool_seconds)
        if row.place != "completed":
            parts: Iterable[Any] = (outcome.error, outcome.code, outcome.msg)
            reason = shortened(" ".join(str(each) for each in parts if each is not None))
    status = row.status if row.place == "failed" else row.place
    return (
        row.number,
        line,
        row.key,
        row.operation,
        _LOOKS.get(row.place, row.place),
        f"{_MARKS[row.place]} {status}",
        href,
        name,
        summary_of(row.sent_as, row.request),
        reason,
        queued,
        took,
    )


def _result_of(row: ReportRow) -> tuple[str, str]:
    """Return the address of a row's result, and what to call it."""
    outcome = row.outcome
    if outcome is None or row.place != "completed":
        return "", ""
    if outcome.path:
        return link_to(outcome.path), outcome.path.rpartition("/")[2]
    url = web_link(outcome.url)
    return (url, "at Akool, not saved") if url else ("", "not saved")


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _text_of(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Return a policy that lets the page load files beside it, and nothing from elsewhere.

    A page that is opened from a disk has no origin of its own there: `file:` stands for it.
    """
    beside = "'self' file:"
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)};"
        f" img-src {beside}; media-src {beside}; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
