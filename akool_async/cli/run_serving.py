"""What goes on while `akool run` runs: the run itself, its display, and signals."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final

from akool_async.batch.figures.run_figures import Phase, RunFigures
from akool_async.batch.runner import Run
from akool_async.cli import run_signals
from akool_async.cli.progress import clock
from akool_async.cli.run_display import Display
from akool_async.protocol.words import counted

_TO_DO: Final[Mapping[Phase, str]] = {
    "out of credit": "No credit left. Add some, and the run goes on within a minute, or at once"
    " with akool resume {run}. Ctrl-C ends it.",
    "no connection": "Akool, or the bucket for files, cannot be reached. The run goes on by itself"
    " once it can be. Ctrl-C ends it.",
}
"""What a person is told as a phase begins that may last."""


async def serve(
    run: Run,
    work: Coroutine[Any, Any, None],
    display: Display,
    *,
    drains: bool = True,
) -> RunFigures:
    """Carry a run out, show it meanwhile, and return its last figures.

    Args:
        run: The run.
        work: What it does.
        display: Shows it.
        drains: Whether the first Ctrl-C drains; else it leaves at once.
    """
    task = asyncio.create_task(work)

    def drain() -> None:
        if not drains:
            task.cancel()
            return
        run.drain("it was interrupted")
        display.say(_how_long(run))

    def show() -> None:
        display.tell(run.figures())

    with run_signals.heard(drain=drain, leave=task.cancel, show=show), display:
        ticker = asyncio.create_task(_tick(run, display))
        try:
            with suppress(asyncio.CancelledError):
                await task
        finally:
            ticker.cancel()
            await asyncio.wait([ticker])
        if task.cancelled():
            run.stopped_by = run.stopped_by or "it was interrupted"
        figures = run.figures()
        display.show(figures)
    return figures


async def _tick(run: Run, display: Display) -> None:
    phase = ""
    while True:
        await asyncio.sleep(display.interval)
        figures = run.figures()
        if figures.phase != phase and (words := _TO_DO.get(figures.phase)):
            display.say(words.format(run=shlex.quote(str(run.folder.root))))
        phase = figures.phase
        display.show(figures)


def _how_long(run: Run) -> str:
    figures = run.figures()
    flying = counted(run.counts.total("in_flight"), "job")
    behind = f", {counted(figures.behind, 'result')} to be saved" if figures.behind else ""
    about = f", about {clock(max(1.0, figures.eta))}" if figures.eta else ""
    return (
        f"Nothing more is created. In flight and awaited: {flying}{behind}{about}."
        " Ctrl-C again leaves at once; the same command goes on from there."
    )
