"""The status of one job on stderr: a line that is redrawn, or a line for each change."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from akool_async.cli.display import can_redraw


class StatusDisplay(Protocol):
    """A display of one job's status."""

    def line(self, text: str) -> None:
        """Print a text that stays on the terminal."""
        ...

    def status(self, text: str) -> None:
        """Show the present status."""
        ...


@contextmanager
def showing_status(beginning: str) -> Generator[StatusDisplay]:
    """Show a job's status until the context ends.

    Args:
        beginning: The status to show first.
    """
    console = Console(stderr=True, markup=False, emoji=False, highlight=False)
    if not can_redraw(console):
        yield StatusLines(console)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        live = LiveStatus(progress)
        live.status(beginning)
        yield live


class LiveStatus:
    """One line, redrawn in place, and removed when the job has ended."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def line(self, text: str) -> None:
        """Print a text above the redrawn line."""
        self._progress.console.print(text, soft_wrap=True)

    def status(self, text: str) -> None:
        """Redraw the line."""
        self._progress.update(self._task, description=text)


class StatusLines:
    """A line for each change of status."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def line(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, soft_wrap=True)

    def status(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, soft_wrap=True)
