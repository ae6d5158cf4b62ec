"""The progress of a run: a live view on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Protocol, Self

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from akool_async.cli.display import can_redraw
from akool_async.cli.report import ROOMY
from akool_async.cli.tally import ENDED, RunJob, Stage, Tally

_SHORTEST_TIME = 1e-3
"""Seconds: the shortest duration that a rate is computed from, to avoid division by 0."""

_JOBS_PER_SECOND_OF_PAUSE = 20_000
"""For this many jobs, the pause between two updates grows by a second: counting them all takes
a few percent of that."""

_EXACT = 0.01
"""The part by which an estimate may be wrong, as far as computing it goes."""

COLOURS = {
    Stage.WAITING: "dim",
    Stage.QUEUED: "",
    Stage.PROCESSING: "cyan",
    Stage.DONE: "green",
    Stage.FAILED: "red",
}
"""The stages that the live view shows, with their colours."""


class Display(Protocol):
    """A display of a run's progress."""

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

    def show(self, tally: Tally) -> None:
        """Show the present state of the run."""


@asynccontextmanager
async def shown(tally: Tally, console: Console) -> AsyncGenerator[None, None]:
    """Show a run's progress until the context ends."""
    with LiveView(console) if can_redraw(console) else ProgressLines(console) as display:
        ticker = asyncio.create_task(_tick(display, tally))
        try:
            yield
        finally:
            ticker.cancel()
            with suppress(asyncio.CancelledError):
                await ticker
            display.show(tally)


async def _tick(display: Display, tally: Tally) -> None:
    while True:
        await asyncio.sleep(display.interval + len(tally.entries) / _JOBS_PER_SECOND_OF_PAUSE)
        display.show(tally)


class LiveView:
    """A table, a bar and the rate, redrawn in place, and removed when the run ends."""

    interval = 0.2

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True)

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

    def show(self, tally: Tally) -> None:
        """Redraw the view."""
        self._live.update(live_view(tally, self._live.console.width), refresh=True)


def live_view(tally: Tally, width: int = 80) -> RenderableType:
    """Return a drawing of the present state of a run, in so many columns."""
    narrow = width < ROOMY
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, show_footer=True)
    table.add_column("operation", footer="all", min_width=14)
    stages = tally.stages
    for stage, colour in _columns(narrow=narrow).items():
        table.add_column(stage.value, justify="right", style=colour, footer=str(stages[stage]))
    if not narrow:
        table.add_column("saved", justify="right", footer=str(len(tally.saved)))
    for name, entries in tally.by_operation.items():
        table.add_row(name, *_row(entries, narrow=narrow))
    return Group(table, Text(), _bar(tally, width), Text(_times_of(tally), style="dim"))


def _columns(*, narrow: bool) -> Mapping[Stage, str]:
    """Return the stages that are shown, with their colours; the last three where room is short."""
    return dict(list(COLOURS.items())[-3 if narrow else 0 :])


def _row(entries: list[RunJob], *, narrow: bool) -> list[str]:
    stages = [entry.stage for entry in entries]
    counts = [stages.count(stage) for stage in _columns(narrow=narrow)]
    if not narrow:
        counts.append(sum(1 for entry in entries if entry.path is not None))
    return [str(count) if count else "" for count in counts]


def _bar(tally: Tally, width: int) -> RenderableType:
    ended, total = _ended(tally), len(tally.entries)
    line = Table.grid(padding=(0, 1, 0, 0))
    numbers = f"{ended} of {total}"
    bar = ProgressBar(total=max(total, 1), completed=ended, width=min(48, width - len(numbers) - 3))
    line.add_row(bar, Text(numbers, style="bold"))
    return line


def _ended(tally: Tally) -> int:
    stages = tally.stages
    return sum(stages[stage] for stage in ENDED)


def _times_of(tally: Tally) -> str:
    """Return the elapsed time, the estimated remaining time and the rate, in one line."""
    ended, waiting = _ended(tally), tally.stages[Stage.WAITING]
    text = f"{clock(tally.elapsed)} elapsed"
    if not ended:
        return text
    rate = ended / max(tally.elapsed, _SHORTEST_TIME)
    left = remaining(waiting, rate, tally.etas)
    running = len(tally.entries) - ended - waiting
    if left is not None:
        about = f"about {clock(max(1.0, left))} left"
        # At the end the slowest jobs run alone: what is left depends on them, not on a rate.
        last = "the last one still runs" if running == 1 else f"the last {running} still run"
        text += f", {about}" if waiting else f", {last}, {about}"
    return f"{text}, {rate:.1f} jobs per second" if waiting or not running else text


def remaining(waiting: int, rate: float, etas: Sequence[float]) -> float | None:
    """Return in how many seconds all jobs have ended, in the median; `None` if none runs.

    When the last of those that wait starts, about as many run beside it as now, and they take as
    long. So what is left is the time until then, and the time in which all of these end.

    Args:
        waiting: Jobs that have not started.
        rate: Jobs that end in a second.
        etas: Of each running job, the seconds in which half of such jobs end.

    >>> remaining(0, 10.0, [2.0]), remaining(100, 10.0, [2.0]), remaining(0, 10.0, [])
    (2.0, 12.0, None)
    """
    if not etas:
        return None
    return waiting / rate + last_of(etas)


def last_of(etas: Sequence[float]) -> float:
    """Return the seconds in which all of some jobs end, in the median.

    The last of many takes longer than each of them in the median: one of them is slow.

    >>> round(last_of([1.0] * 50), 1)
    6.2
    """
    low, high = max(etas), max(etas) * (len(etas).bit_length() + 1)
    while high - low > _EXACT * high:
        middle = (low + high) / 2
        chance = math.prod(1 - 0.5 ** (middle / each) for each in etas)
        low, high = (middle, high) if chance < 0.5 else (low, middle)  # noqa: PLR2004 - the median
    return low


def clock(seconds: float) -> str:
    """Format a duration as minutes and seconds, with hours if there are any.

    >>> clock(75), clock(3675)
    ('1:15', '1:01:15')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class ProgressLines:
    """A line every two seconds, or every half minute while nothing changes."""

    interval = 2.0
    _longest_silence = 30.0

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = ""
        self._last_at = float("-inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def show(self, tally: Tally) -> None:
        """Print a line if the counts have changed, or after a long silence."""
        counts = _counts_of(tally)
        now = time.monotonic()
        if counts == self._last and now < self._last_at + self._longest_silence:
            return
        self._last, self._last_at = counts, now
        self._console.print(f"{counts}; {_times_of(tally)}", soft_wrap=True)


def _counts_of(tally: Tally) -> str:
    stages = tally.stages
    in_flight = stages[Stage.QUEUED] + stages[Stage.PROCESSING]
    return (
        f"{_ended(tally)} of {len(tally.entries)} ended, {stages[Stage.FAILED]} failed, "
        f"{in_flight} in flight, {stages[Stage.WAITING]} waiting"
    )
