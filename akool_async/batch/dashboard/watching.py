"""What changes all the time: the figures of a run, watched once for all pages that are open."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from typing import Final, NamedTuple

from akool_async.batch.control.client import CommandRefused, NotAnswering, NotRunning, calling
from akool_async.batch.figures.run_figures import RunFigures
from akool_async.batch.folder import RunFolder
from akool_async.batch.past import figures_in
from akool_async.errors import JournalError
from akool_async.journal.looking import JournalView
from akool_async.observers import logger

_LOOK_AGAIN: Final = 1.0
"""Seconds until it looks again whether a run that is over was started anew."""
_SHARE: Final = 20
"""It counts a journal's rows during a twentieth of the time at most."""
_PAUSE: Final = 0.5
"""Seconds between two pictures: two a second, whatever happens."""


class Picture(NamedTuple):
    """A run at one moment."""

    running: bool
    """Whether a process carries it out."""
    figures: RunFigures
    hangs: bool = False
    """Whether there is such a process, and it does not answer."""


class Watch:
    """Watches a run while somebody looks.

    Args:
        folder: The run's folder.
        view: Its journal, which has the figures of a run that is over.
    """

    def __init__(self, folder: RunFolder, view: JournalView) -> None:
        self._folder = folder
        self.view = view
        """The journal that it counts."""
        self._latest: Picture | None = None
        self._change = asyncio.Event()
        self._watchers = 0
        self._task: asyncio.Task[None] | None = None
        self._planned: dict[str, int] | None = None
        """Rows of the manifest by operation, once a process has told."""
        self._counted: tuple[int, float] | None = None
        """The version of the journal that was counted, and from when it may be counted again."""

    @property
    def watchers(self) -> int:
        """How many pages are open; without one, the run is asked for nothing."""
        return self._watchers

    async def pictures(self) -> AsyncGenerator[Picture, None]:
        """Yield the run as it is, and again when it has changed, twice a second at most."""
        self._watchers += 1
        if self._task is None:
            self._latest = self._counted = None
            self._task = asyncio.create_task(self._watch())
        shown: Picture | None = None
        try:
            while True:
                change = self._change
                if self._latest is not None and self._latest != shown:
                    shown = self._latest
                    yield shown
                    await asyncio.sleep(_PAUSE)
                else:
                    await change.wait()
        finally:
            self._watchers -= 1
            if not self._watchers:
                self._rest()

    def show(self, picture: Picture) -> None:
        """Take in a newer picture, such as the one after a command."""
        self._latest = picture
        self._change.set()
        self._change = asyncio.Event()

    def _rest(self) -> None:
        """Ask the run for nothing until somebody looks again."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _watch(self) -> None:
        while True:
            hangs = False
            try:
                await self._ask()
            except NotAnswering:
                hangs = True
            except (NotRunning, CommandRefused):
                pass
            try:
                await self._count(hangs=hangs)
            except JournalError as error:
                logger.warning("the dashboard cannot count the rows: %s", error)
            await asyncio.sleep(_LOOK_AGAIN)

    async def _ask(self) -> None:
        """Show what the run tells, until it has ended."""
        async with calling(self._folder) as call:
            async for figures in call.watch():
                self._counted = None
                self._planned = {name: each.rows for name, each in figures.operations.items()}
                self.show(Picture(running=True, figures=figures))

    async def _count(self, *, hangs: bool) -> None:
        """Take the figures from the journal, if it has changed and was not counted just now."""
        version = await asyncio.to_thread(self.view.jobs.version)
        now = time.monotonic()
        if self._counted is not None and (self._counted[0] == version or now < self._counted[1]):
            if self._latest is not None and self._latest.hangs is not hangs:
                self.show(self._latest._replace(hangs=hangs))
            return
        figures = await asyncio.to_thread(figures_in, self.view, self._planned)
        took = time.monotonic() - now
        self._counted = version, now + took * _SHARE
        self.show(Picture(running=False, figures=figures, hangs=hangs))


class Cached:
    """A value that takes long to make, made anew after twenty times that long at the earliest.

    Args:
        make: Makes the value; blocks.
        least: Seconds that a value is kept at least.
    """

    def __init__(self, make: Callable[[], bytes], least: float) -> None:
        self._make = make
        self._least = least
        self._lock = asyncio.Lock()
        self._value: bytes | None = None
        self._until = 0.0

    async def get(self) -> bytes:
        """Return the value; many who ask at once wait for one and the same."""
        async with self._lock:
            began = time.monotonic()
            if self._value is None or began >= self._until:
                self._value = await asyncio.to_thread(self._make)
                took = time.monotonic() - began
                self._until = began + max(self._least, took * _SHARE)
            return self._value
