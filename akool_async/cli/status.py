"""How far one job has come, on stderr: a line that is redrawn, or plain lines."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Teller(Protocol):
    """Something that tells how far a job has come."""

    def line(self, text: str) -> None:
        """Tell what shall stay to be read."""
        ...

    def status(self, text: str) -> None:
        """Tell the status as it is now."""
        ...


@contextmanager
def telling(beginning: str) -> Generator[Teller]:
    """Tell of a job for as long as the context lasts.

    Args:
        beginning: Its status before there is anything to tell.
    """
    console = Console(stderr=True, markup=False, emoji=False, highlight=False)
    # The file decides, not rich: FORCE_COLOR in a build log makes no terminal of it.
    if not console.file.isatty() or console.is_dumb_terminal:
        yield PlainLines(console)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        live = LiveLine(progress)
        live.status(beginning)
        yield live


class LiveLine:
    """One line, redrawn in place; gone when the job has ended."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def line(self, text: str) -> None:
        """Print above the line."""
        self._progress.console.print(text, soft_wrap=True)

    def status(self, text: str) -> None:
        """Redraw."""
        self._progress.update(self._task, description=text)


class PlainLines:
    """A line for each change."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def line(self, text: str) -> None:
        """Print."""
        self._console.print(text, soft_wrap=True)

    def status(self, text: str) -> None:
        """Print."""
        self._console.print(text, soft_wrap=True)
