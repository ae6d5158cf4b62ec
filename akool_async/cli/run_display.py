"""The figures of a run: a JSON line every half minute, or a live view on a terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Final, Protocol, Self

import click
from rich.console import Console

from akool_async.batch.figures.run_figures import RunFigures
from akool_async.cli.display import can_redraw

INTERVAL: Final = 30.0
"""Seconds between two lines."""


class Display(Protocol):
    """A display of a run's figures."""

    interval: float
    """Seconds between two updates."""

    def __enter__(self) -> Self:
        """Begin to show the run."""
        ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove the display, if it is drawn in place."""

    def show(self, figures: RunFigures) -> None:
        """Show the present figures."""

    def tell(self, figures: RunFigures) -> None:
        """Print the figures as a line of JSON, because somebody asked for them."""

    def say(self, sentence: str) -> None:
        """Print a sentence for a person."""


class JsonLines:
    """A line of JSON every half minute, and one at the end.

    Args:
        quiet: Whether to print none of them.
    """

    interval = INTERVAL

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def show(self, figures: RunFigures) -> None:
        """Print the figures."""
        if not self._quiet:
            self.tell(figures)

    def tell(self, figures: RunFigures) -> None:
        """Print the figures."""
        click.echo(figures.to_json())
        sys.stdout.flush()

    def say(self, sentence: str) -> None:
        """Print a sentence beside the lines of JSON."""
        click.echo(sentence, err=True)


def display_for(*, quiet: bool) -> Display:
    """Return a live view on a terminal, and lines of JSON elsewhere."""
    console = Console(markup=False, emoji=False, highlight=False)
    if quiet or not can_redraw(console):
        return JsonLines(quiet=quiet)
    from akool_async.cli.run_view import LiveView  # not for a log

    return LiveView(console)
