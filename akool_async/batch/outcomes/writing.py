"""Writes down what became of rows, in groups: into the journal, and then into the derived files.

A file has one line for each row. A row that is sent again has one already, and keeps it until the
run ends: then the file is written anew, as no line can be taken out of its middle.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from akool_async.batch.outcomes.endings import line_of
from akool_async.batch.outcomes.outcome import Outcome
from akool_async.batch.outcomes.results import ResultFiles
from akool_async.journal.outcome_lines import OutcomeLine, OutcomeLines
from akool_async.observers import logger

_PAUSE: Final = 0.25
"""Seconds between two groups. A job's row says how it ended long before; a process that dies in
between writes the line from that."""
PATIENCE: Final = 5.0
"""Seconds for which a journal may take nothing before that is said."""
_LARGEST: Final = 500
"""Lines in a group."""


class OutcomeWriter:
    """Writes lines into the journal, and appends those that are complete to the files.

    Args:
        lines: The journal's table of lines.
        files: The two files.
        told: Called with each outcome whose line is complete, once it is on disk.
    """

    def __init__(
        self, lines: OutcomeLines, files: ResultFiles, told: Callable[[Outcome], object]
    ) -> None:
        self._lines = lines
        self._files = files
        self._told = told
        self._waiting: dict[tuple[str, bool], tuple[OutcomeLine, Outcome]] = {}
        self._news = asyncio.Event()
        self._closing = asyncio.Event()
        self._stale: set[tuple[str, bool]] = set()
        """What has a line in the files that is no more what the journal says."""
        self._appends = True
        """Whether the files grow; else they are written anew at the end."""
        self._writing = False
        self._task = asyncio.create_task(self._write_groups())

    def add(
        self,
        outcome: Outcome,
        *,
        recipe: bool = False,
        behind: bool = False,
        saved: str | None = None,
        jobless: bool = False,
    ) -> None:
        """Take in what became of a row, in place of what was taken in before.

        Args:
            outcome: What became of it.
            recipe: Whether it is a recipe's row.
            behind: Whether its result waits to be saved, so that its line is not complete.
            saved: Where its result was saved just now.
            jobless: Whether it became no job.
        """
        line = OutcomeLine(
            outcome.key, recipe, outcome.status.value, line_of(outcome), behind, saved, jobless
        )
        # A result that is saved at once is written once.
        self._waiting[outcome.key, jobless] = line, outcome
        self._news.set()

    @property
    def idle(self) -> bool:
        """Whether all that was taken in is on disk."""
        return not self._waiting and not self._writing

    def rewrite_at_end(self) -> None:
        """Leave the files as they are, and write them anew when this is closed."""
        self._appends = False

    async def close(self, *, hurry: bool = False) -> None:
        """Write all that is left; write the files anew if they are not as the journal says.

        While the journal cannot be written, it waits: an end that is not written down may cost a
        person a decision. With `hurry`, it waits for a second only.
        """
        self._closing.set()
        self._news.set()
        try:
            await asyncio.wait([self._task], timeout=1.0 if hurry else PATIENCE)
            if not self._task.done() and not hurry:
                logger.error(
                    "the journal takes nothing: the run waits until it does, so that nothing is"
                    " lost that was paid for"
                )
                await self._task
        finally:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._stale or not self._appends:
            await self._in_thread(self._files.rewrite)

    async def _write_groups(self) -> None:
        while self._waiting or not self._closing.is_set():
            self._news.clear()
            if not self._waiting:
                await self._news.wait()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), _PAUSE)
            self._writing = True
            await self._write_group()
            self._writing = False

    async def _write_group(self) -> None:
        keys = list(self._waiting)[:_LARGEST]
        group = [self._waiting.pop(key) for key in keys]
        if not group:
            return
        future = self._lines.write_soon([line for line, _ in group])
        for place in await asyncio.wrap_future(future):
            self._stale.add(keys[place])
        complete = [(line, outcome) for line, outcome in group if not line.behind]
        new = [line for line, _ in complete if (line.key, line.jobless) not in self._stale]
        if self._appends and not await self._in_thread(self._files.append, new):
            self._appends = False  # a part of them may be there
        for _, outcome in complete:
            self._told(outcome)

    async def _in_thread(self, write: Callable[..., object], *arguments: object) -> bool:
        """Write to the files; return whether that went well. The next run mends them, too."""
        try:
            await asyncio.to_thread(write, *arguments)
        except OSError as error:
            problem = str(error)
        else:
            return True
        logger.error("the results could not be written: %s; the journal has them", problem)
        return False
