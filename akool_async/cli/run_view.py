"""The live view of a run on a terminal: a bar for each operation, and what a person asks for."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.live import Live
from rich.measure import Measurement
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from akool_async.batch.figures.run_figures import RunFigures
from akool_async.cli.progress import clock
from akool_async.protocol.words import counted

_ERRORS: Final = 5
"""Classes of errors that are shown."""
_OPERATIONS: Final = 20
"""Operations that are shown; the others are one line."""


class LiveView:
    """The figures, redrawn in place, and left there at the end.

    Args:
        console: The terminal.
    """

    interval = 0.5

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(self, figures: RunFigures) -> None:
        """Redraw the view."""
        self._live.update(view_of(figures), refresh=True)

    def tell(self, figures: RunFigures) -> None:
        """Print the figures above the view."""
        self._live.console.print(figures.to_json(), soft_wrap=True)

    def say(self, sentence: str) -> None:
        """Print a sentence above the view: written past it, it would be drawn over."""
        self._live.console.print(sentence, style="bold")


_COLUMNS: Final = {
    "completed": "green",
    "failed": "red",
    "in_doubt": "yellow",
    "skipped": "dim",
    "in_flight": "cyan",
    "waiting": "dim",
    "rows": "bold",
}
"""The counts of an operation that are shown, with their colours."""
_TITLES: Final = {"completed": "done", "in_doubt": "doubt", "in_flight": "flight"}
_ALWAYS: Final = frozenset({"completed", "in_flight", "waiting", "rows"})
"""Those that are shown also while they are 0 for all operations."""


class _Bar(ProgressBar):
    """A bar that is as wide as there is room, within bounds."""

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Return the widths that it can have."""
        return Measurement(4, 24)


def view_of(figures: RunFigures) -> RenderableType:
    """Return a drawing of the figures of a moment."""
    lines = [Text(line, style=style) for line, style in _lines(figures)]
    return Group(_table(figures), Text(), *lines)


def _table(figures: RunFigures) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("operation", min_width=14, overflow="ellipsis", no_wrap=True)
    table.add_column("")  # the bar, which gives way first where there is little room
    operations = figures.operations.items()
    columns = {
        name: style
        for name, style in _COLUMNS.items()
        if name in _ALWAYS or any(getattr(each, name) for _, each in operations)
    }
    for name, style in columns.items():
        title = _TITLES.get(name, name)
        table.add_column(title, justify="right", style=style, no_wrap=True)
    for name, each in list(operations)[:_OPERATIONS]:
        counts = [getattr(each, column) for column in columns]
        table.add_row(
            name or "(wrong rows)",
            _Bar(total=max(each.rows, 1), completed=each.completed + each.failed + each.in_doubt),
            *(f"{count:,}" if count else "" for count in counts),
        )
    if len(figures.operations) > _OPERATIONS:
        table.add_row(f"and {len(figures.operations) - _OPERATIONS} more operations")
    return table


def _lines(figures: RunFigures) -> Iterator[tuple[str, str]]:
    """Yield lines of text, each with its style."""
    parts = [f"{figures.phase}, {clock(figures.elapsed)}"]
    if figures.eta is not None and figures.phase != "over":
        parts.append(f"about {clock(max(1.0, figures.eta))} left")
    if figures.per_minute is not None:
        parts.append(f"{figures.per_minute:,.0f} rows per minute")
    parts.append(f"{figures.concurrency} at once")
    yield ", ".join(parts), ""
    saved = f"{counted(figures.saved, 'file')} saved, {figures.bytes / 1e6:,.1f} MB"
    if figures.behind:
        saved += f"; {counted(figures.behind, 'result')} behind"
    yield saved, ""
    if figures.credits_left is not None:
        spent = "unknown" if figures.credits_spent is None else f"{figures.credits_spent:g}"
        yield f"credits as last read: {figures.credits_left:g} left, {spent} spent", ""
    for each in figures.errors[:_ERRORS]:
        newest = " ".join(each.newest.split())
        yield f"{each.count:,} {each.error}, such as: {newest[:120]}", "red"
