"""Saves the results of a run, in a lane of their own, oldest first.

A result that waits is on disk: its row of the journal holds it, and its line there is marked as
`behind`. The next few hundred are in memory too; the others are read back when their turn comes. So
a slow link costs no memory, holds up no create, and a run that is killed goes on saving where it
was. A file gets its name once it is whole.

If the disk takes no file at all, nothing is created either: there is no room for its result. The
lane rests, tries again a few times, and leaves all that waits to the next run.
"""

from __future__ import annotations

import asyncio
import errno
import random
import shutil
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from akool_async.batch.figures.counts import Counts
from akool_async.batch.files.names import FileNames, NamedRow
from akool_async.batch.files.placing import NamesInUse, Placed, put_in_place
from akool_async.batch.folder import RunFolder
from akool_async.batch.outcomes.endings import decoder
from akool_async.batch.outcomes.outcome import MoreFile, Outcome
from akool_async.batch.outcomes.writing import OutcomeWriter
from akool_async.errors import DownloadError, ResultExpired, message_of
from akool_async.journal import State
from akool_async.journal.outcome_lines import OutcomeLines
from akool_async.observers import logger
from akool_async.result import Result

if TYPE_CHECKING:
    from akool_async.client.akool import Akool

TRIES: Final = 6
"""Failed attempts at one result, after which the run gives it up; `akool fetch` tries again."""
_FIRST, _LONGEST = 5.0, 300.0
"""Seconds: bounds of the first and of every pause between two attempts."""
RESTS: Final = (5.0, 10.0, 20.0)
"""Seconds for which the lane rests while the disk takes no files, one after the other."""
_OF_THE_DISK: Final = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM),
        *(errno.ENOTDIR, errno.EIO, errno.ENODEV, errno.ESTALE),
    }
)
"""Errors that all files would meet. Too long a name, or too many open files, is none of them."""
_IN_MEMORY: Final = 500
"""Results that wait in memory; the others wait on disk."""
_MEDIA: Final = "media/"
"""What the paths of saved files begin with, in lines."""
_LOOK_AGAIN: Final = 0.3
"""Seconds. What waits may be on its way to the disk."""


class _Waiting(NamedTuple):
    """A result that waits to be saved."""

    key: str
    """The key of its job's row in the journal."""
    outcome: Outcome
    recipe: bool
    result: Result | None = None
    """`None` if it was read back: then the journal is asked."""
    tries: int = 0


class SavingLane:
    """Saves results, a few at once.

    Args:
        akool: Downloads them.
        folder: The run's folder.
        names: Names the files.
        lines: The journal's table of lines.
        writer: Writes down what is on disk.
        counts: Counts it.
        at_once: How many may be under way.
        stop: Called with the reason if the disk takes no files: nothing more is to be created.
    """

    def __init__(
        self,
        akool: Akool,
        folder: RunFolder,
        *,
        names: FileNames,
        lines: OutcomeLines,
        writer: OutcomeWriter,
        counts: Counts,
        at_once: int,
        stop: Callable[[str], object],
    ) -> None:
        self._akool = akool
        self._folder = folder
        self._names = names
        self._in_use = NamesInUse()
        self._lines = lines
        self._writer = writer
        self._counts = counts
        self._at_once = at_once
        self._stop = stop
        self._rested = 0
        """How often it has rested since a file was saved."""
        self._resting = False
        self._given_up = False
        """Whether what waits is left to the next run."""
        self._ready: deque[_Waiting] = deque()
        self._held: set[str] = set()
        """Keys of rows that are in memory, or whose lines are on their way to the disk."""
        self._elsewhere = 0
        """Results that wait on disk alone."""
        self._place = 0
        """How far the lines on disk were read."""
        self._retried = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._loading: asyncio.Task[None] | None = None
        self._stopped = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def behind(self) -> int:
        """How many results wait, or are being saved."""
        return len(self._ready) + len(self._tasks) + self._retried + self._elsewhere

    async def begin(self) -> None:
        """Take up what an earlier process has not saved."""
        await asyncio.to_thread(shutil.rmtree, self._parts, ignore_errors=True)
        self._elsewhere = await self._lines.count_behind()
        self._pump()

    def add(self, key: str, outcome: Outcome, result: Result | None, *, recipe: bool) -> None:
        """Save a result whose line is being written down as `behind`.

        Args:
            key: The key of its job's row in the journal.
            outcome: What became of its row.
            result: The result; `None` to ask the journal for it.
            recipe: Whether the row is a recipe's.
        """
        if self._given_up:
            self._counts.unsaved += 1
        elif self._elsewhere or len(self._ready) >= _IN_MEMORY:
            self._elsewhere += 1  # behind those that wait longer
        else:
            self._held.add(outcome.key)
            self._ready.append(_Waiting(key, outcome, recipe, result))
        self._pump()

    def written(self, outcome: Outcome) -> None:
        """Take note that the complete line of a row is on disk."""
        self._held.discard(outcome.key)
        paths = [outcome.path or "", *(each.path for each in outcome.more_files)]
        self._in_use.give_back(*(each.removeprefix(_MEDIA) for each in paths))

    async def drained(self) -> None:
        """Wait until nothing waits any more."""
        await self._idle.wait()

    async def stop(self) -> None:
        """Save nothing more; what waits is on disk."""
        self._stopped = True
        tasks = [*self._tasks, *filter(None, [self._loading])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(shutil.rmtree, self._parts, ignore_errors=True)

    @property
    def _parts(self) -> Path:
        return self._folder.media / ".parts"

    def _pump(self) -> None:
        if self._stopped:
            return
        while self._ready and len(self._tasks) < self._at_once and not self._resting:
            task = asyncio.create_task(self._save(self._ready.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._over)
        hungry = len(self._ready) < self._at_once and not self._resting
        if self._elsewhere and hungry and self._loading is None:
            self._loading = asyncio.create_task(self._load())
        if self.behind:
            self._idle.clear()
        else:
            self._idle.set()

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._pump()

    async def _load(self) -> None:
        """Read back the next of those that wait on disk."""
        try:
            rows = await self._lines.behind(self._place, _IN_MEMORY)
            for place, row in rows:
                self._place = place
                assert row.line is not None
                outcome = decoder.decode(row.line)
                if outcome.key in self._held:
                    continue
                self._held.add(outcome.key)
                recipe = row.key != outcome.key
                self._ready.append(_Waiting(row.key, outcome, recipe))
                self._elsewhere -= 1
            if not rows and self._writer.idle:  # what was counted was written otherwise meanwhile
                self._elsewhere = 0
            elif not rows:
                await asyncio.sleep(_LOOK_AGAIN)
        except Exception:
            logger.exception("reading back what waits to be saved failed")
            await asyncio.sleep(_LONGEST)
        finally:
            self._loading = None
        self._pump()

    async def _save(self, waiting: _Waiting) -> None:
        try:
            result = waiting.result or await self._akool.job(key=waiting.key)
            placed = await self._placed(waiting, result)
        except ResultExpired as error:
            self._lost(waiting, error, State.EXPIRED)
        except Exception as error:  # noqa: BLE001 - any error ends this attempt, and no other
            if _is_of_the_disk(error):
                self._rest(waiting, error)
            else:
                self._failed(waiting, error)
        else:
            self._rested = 0
            outcome = _saved(waiting.outcome, result, placed)
            self._counts.saved += 1
            self._counts.bytes += sum(each.size for each in (placed, *placed.others))
            saved = str(self._folder.media / placed.path)
            self._writer.add(outcome, recipe=waiting.recipe, saved=saved)

    async def _placed(self, waiting: _Waiting, result: Result) -> Placed:
        room = self._parts / f"{waiting.outcome.line}-{id(waiting):x}"
        row = _named(waiting.outcome, result)
        try:
            part, *others = await result.save_all(f"{room}/")
            return await asyncio.to_thread(
                put_in_place,
                part,
                self._folder.media,
                self._names,
                row,
                in_use=self._in_use,
                is_anothers=lambda path: self._lines.is_anothers(_MEDIA + path, row.key),
                others=others,
            )
        finally:
            await asyncio.to_thread(shutil.rmtree, room, ignore_errors=True)

    def _rest(self, waiting: _Waiting, error: Exception) -> None:
        """Save nothing for a while: the disk would take nothing. Its line stays as it is."""
        if self._given_up:
            self._counts.unsaved += 1
            return
        self._ready.appendleft(waiting)
        if self._resting:
            return
        problem = f"the disk takes no results: {error}"
        if self._rested == len(RESTS):
            logger.error("%s; they are saved by the next run", problem)
            self._give_up()
            return
        pause = RESTS[self._rested]
        self._rested += 1
        self._resting = True
        logger.error("%s; again in %.0f s", problem, pause)
        self._stop(problem)
        asyncio.get_running_loop().call_later(pause, self._go_on)

    def _go_on(self) -> None:
        self._resting = False
        self._pump()

    def _give_up(self) -> None:
        self._given_up = True
        if self._loading is not None:
            self._loading.cancel()
        self._counts.unsaved += len(self._ready) + self._retried + self._elsewhere
        self._ready.clear()
        self._retried = self._elsewhere = 0

    def _failed(self, waiting: _Waiting, error: Exception) -> None:
        tries = waiting.tries + 1
        if tries >= TRIES or getattr(error, "final", False):
            self._lost(waiting, error, waiting.outcome.status)
            return
        pause = random.uniform(1, min(_LONGEST, _FIRST * 2.0**tries))
        what = f"{waiting.outcome.operation} {waiting.outcome.key}"
        logger.warning("the result of %s is not saved yet: %s; again in %.0f s", what, error, pause)
        again = waiting._replace(tries=tries)
        self._retried += 1
        asyncio.get_running_loop().call_later(pause, self._again, again)

    def _again(self, waiting: _Waiting) -> None:
        if self._given_up:
            return
        self._retried -= 1
        self._ready.appendleft(waiting)
        self._pump()

    def _lost(self, waiting: _Waiting, error: Exception, status: State) -> None:
        """Give a result up: its line says why it has no file."""
        self._counts.unsaved += 1
        logger.error("the result of %s is not saved: %s", waiting.outcome.key, error)
        outcome = msgspec.structs.replace(
            waiting.outcome, status=status, error=type(error).__name__, msg=message_of(error)
        )
        self._writer.add(outcome, recipe=waiting.recipe)


def _saved(outcome: Outcome, result: Result, placed: Placed) -> Outcome:
    """Return an outcome whose result is saved."""
    return msgspec.structs.replace(
        outcome,
        url=result.url or None,
        path=_MEDIA + placed.path,
        bytes=placed.size,
        sha256=placed.sha256,
        more_files=tuple(
            MoreFile(path=_MEDIA + each.path, bytes=each.size, sha256=each.sha256)
            for each in placed.others
        ),
        error=None,  # it may have been given up before
        msg=None,
    )


def _named(outcome: Outcome, result: Result) -> NamedRow:
    job = outcome.id or result.id
    now = datetime.now(UTC)
    return NamedRow(outcome.key, outcome.operation, outcome.line, job, now, outcome.input)


def _is_of_the_disk(error: Exception) -> bool:
    """Say whether an error is the disk's, so that no other file could be saved either."""
    if isinstance(error, DownloadError):
        return error.disk_full
    return isinstance(error, OSError) and error.errno in _OF_THE_DISK
