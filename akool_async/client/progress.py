"""The progress of many jobs: a bar on a terminal, a line now and then elsewhere.

The figures are counters: what is shown costs a few microseconds, however many jobs there are.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Sized
from contextlib import aclosing
from datetime import timedelta
from typing import Any, Final, NamedTuple, Protocol, TextIO, TypeVar, cast

from akool_async.client.stats import Stats
from akool_async.clock import Clock, Timer
from akool_async.job import Job, JobView
from akool_async.notebook import display, pieces
from akool_async.protocol.snapshot import Snapshot

S = TypeVar("S", bound=Snapshot)

EVERY: Final = 30.0
"""Seconds between two lines."""
_REDRAWN: Final = 0.5
"""Seconds between two pictures of the bar."""


class Figures(NamedTuple):
    """What is shown."""

    ended: int
    failed: int
    """Those that ended without a result."""
    total: int | None
    """How many jobs there are; `None` if nobody has said."""
    stats: Stats
    """The client's own figures."""
    per_minute: float | None = None
    """How many ended in a minute, since the last time."""

    @property
    def notes(self) -> str:
        """What goes on beside the jobs that have ended."""
        stats, saved = self.stats, sum(each.saved for each in self.stats.jobs.values())
        notes = [f"{self.failed} failed"] if self.failed else []
        notes += [f"{stats.in_flight} in flight"]
        if saved or stats.saving:
            notes += [f"{saved} saved, {stats.saving} to be saved"]
        return ", ".join([*notes, "paused"] if stats.paused else notes)

    @property
    def left(self) -> str:
        """How long the rest takes at this rate, as a text; empty if nobody can tell."""
        if self.total is None or not self.per_minute or self.total <= self.ended:
            return ""
        seconds = round(60 * (self.total - self.ended) / self.per_minute)
        return str(timedelta(seconds=seconds))


class Display(Protocol):
    """Shows figures."""

    every: float
    """Seconds between two times."""

    def show(self, figures: Figures) -> object:
        """Show them."""
        ...

    def close(self) -> object:
        """Show nothing more."""
        ...


class Lines:
    """A line for a log, without control characters.

    Args:
        stream: Where the lines go.
        every: Seconds between two lines.
    """

    def __init__(self, stream: TextIO, every: float) -> None:
        self._stream = stream
        self.every = every

    def show(self, figures: Figures) -> None:
        """Write a line."""
        of = "" if figures.total is None else f" of {figures.total}"
        rate = "" if figures.per_minute is None else f"; {figures.per_minute:.0f} a minute"
        left = f"; {figures.left} left" if figures.left else ""
        line = f"{figures.ended}{of} ended, {figures.notes}{rate}{left}\n"
        self._stream.write(line)
        self._stream.flush()

    def close(self) -> None:
        """Do nothing: the last line stays."""


class Bar:
    """A bar of rich's on a terminal. What the program prints meanwhile stands above it.

    Args:
        stream: The terminal.
    """

    every = _REDRAWN

    def __init__(self, stream: TextIO) -> None:
        from rich import progress
        from rich.console import Console

        self._progress = progress.Progress(
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.description}"),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
            console=Console(file=stream),
        )
        self._task = self._progress.add_task("", total=None)
        self._progress.start()

    def show(self, figures: Figures) -> None:
        """Draw the bar."""
        self._progress.update(
            self._task,
            completed=figures.ended,
            total=figures.total,
            description=figures.notes,
        )

    def close(self) -> None:
        """Leave the bar as it is."""
        self._progress.stop()


class NotebookBar:
    """A bar in a notebook, in the output of the cell that shows it."""

    every = 1.0

    def __init__(self) -> None:
        self._figures: Figures | None = None
        self._display: display.Display | None = None

    def __repr__(self) -> str:
        figures = self._figures
        return "" if figures is None else f"{figures.ended} ended, {figures.notes}"

    def _repr_html_(self) -> str:
        figures = self._figures
        if figures is None:
            return ""
        left = f" · {figures.left} left" if figures.left else ""
        return pieces.bar(figures.ended, figures.total, figures.notes + left)

    def show(self, figures: Figures) -> None:
        """Draw the bar."""
        self._figures = figures
        if self._display is None:
            self._display = display.Display(self)
        else:
            self._display.update(self)

    def close(self) -> None:
        """Leave the bar as it is."""


def display_on(stream: TextIO | None, every: float) -> Display:
    """Return a bar for a notebook, or for a terminal where rich is installed; else lines."""
    if stream is None and display.in_notebook():
        return NotebookBar()
    shown: TextIO = sys.stderr if stream is None else stream
    if shown.isatty():
        try:
            return Bar(shown)
        except ImportError:  # pip install 'akool_async[cli]' brings it
            pass
    return Lines(shown, every)


class Progress:
    """Counts jobs, and shows how many have ended.

    Args:
        display: Shows the figures.
        stats: Returns the client's own figures.
        total: How many jobs there are, if that is known.
        clock: Where time comes from.
    """

    def __init__(
        self, display: Display, stats: Callable[[], Stats], total: int | None, clock: Clock
    ) -> None:
        self._display = display
        self._stats = stats
        self._total = total
        self._clock = clock
        self._ended = self._failed = 0
        self._before = clock.time(), 0
        """When something was shown last, and how many had ended then."""
        self._timer: Timer | None = None

    def begin(self) -> None:
        """Show the figures from now on."""
        self._timer = self._clock.call_at(self._clock.time() + self._display.every, self._again)

    def count(self, job: JobView[Any]) -> None:
        """Count a job that has ended. Its error, if it has one, is still to be retrieved."""
        self._ended += 1
        self._failed += not job.succeeded

    def close(self) -> None:
        """Show the last figures."""
        if self._timer is not None:
            self._timer.cancel()
        self._show()
        self._display.close()

    def _again(self) -> None:
        self._show()
        self.begin()

    def _show(self) -> None:
        now, (then, ended) = self._clock.time(), self._before
        rate = 60 * (self._ended - ended) / (now - then) if now > then else None
        self._before = now, self._ended
        self._display.show(Figures(self._ended, self._failed, self._total, self._stats(), rate))


async def shown(
    jobs: Iterable[Job[S]] | AsyncIterable[Job[S]], progress: Progress
) -> AsyncGenerator[Job[S], None]:
    """Yield jobs as they end; show how many have."""
    source = jobs if isinstance(jobs, AsyncIterable) else _as_they_end(jobs)
    try:
        progress.begin()
        async for job in source:
            progress.count(job)
            yield job
    finally:
        progress.close()
        if isinstance(source, AsyncGenerator):  # so that `map` drops what it has queued
            async with aclosing(cast("AsyncGenerator[Job[S], None]", source)):
                pass


async def _as_they_end(jobs: Iterable[Job[S]]) -> AsyncIterator[Job[S]]:
    ended: asyncio.Queue[Job[S]] = asyncio.Queue()
    waiting = list(jobs)
    for job in waiting:
        job.add_done_callback(ended.put_nowait)
    try:
        for _ in waiting:
            yield await ended.get()
    finally:
        for job in waiting:
            job.remove_done_callback(ended.put_nowait)


def total_of(jobs: object, total: int | None) -> int | None:
    """Return how many jobs there are, if that is known."""
    return len(jobs) if total is None and isinstance(jobs, Sized) else total
