"""Saves results in the background as their jobs complete, each until it is on disk."""

from __future__ import annotations

import asyncio
import os
import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from akool_async.client.save_task import SaveTask
from akool_async.client.saved_before import Gone, SavedBefore
from akool_async.client.saving_place import SavingPlace
from akool_async.clock import Clock, Timer, sleep, wait_for_all
from akool_async.engine import EventName, JobRecord
from akool_async.engine.recorder import Recorder
from akool_async.engine.tasks import start
from akool_async.errors import ClientClosed, InvalidInput, JournalError, ResultExpired
from akool_async.observers import logger
from akool_async.protocol.words import counted
from akool_async.result import Result

if TYPE_CHECKING:
    from akool_async.client.backlog import Backlog, Kept
    from akool_async.client.named_files import FilesBy, NamedFiles
    from akool_async.uploads import Bucket

TRIES: Final = 6
"""Failed attempts at one result after which the client gives up."""
_FIRST, _LONGEST = 5.0, 300.0
"""Seconds: bounds of the first and of every pause between two attempts. A download has shorter
pauses of its own."""

MOST: Final = 1000
"""Results that wait in memory, where a journal keeps the others."""
_PAGE: Final = 500
"""Results that are read back at once, as soon as there is room for them."""

_CLOSED: Final = "the client was closed first"


class Saver:
    """Saves results in a folder or a bucket, a limited number at once, oldest first.

    A result that cannot be saved is tried again later. In the end the client gives up, with an
    error in the log that names the job's token; a journal keeps the result as unsaved.

    A result that was saved before, mostly by an earlier process, is saved again only if its file
    is gone.

    Args:
        place: Where to: a folder, from the root on, files that the user names, or a bucket.
        at_once: How many may be under way.
        clock: Where time comes from.
        recorder: Writes the paths down, where there is a journal.
        report: Notified of each result that is on disk, with its path, or that is given up.
        backlog: Where results wait that memory has no room for, where there is a journal.
    """

    def __init__(
        self,
        place: str | os.PathLike[str] | NamedFiles | FilesBy | Bucket,
        *,
        at_once: int,
        clock: Clock,
        recorder: Recorder | None = None,
        report: Callable[[str, JobRecord[Any], object], object] | None = None,
        backlog: Backlog | None = None,
    ) -> None:
        self.place = SavingPlace(place, recorder)
        self._at_once = at_once
        self._clock = clock
        self._recorder = recorder
        self._report = report
        self._backlog = backlog
        self._loading: asyncio.Task[None] | None = None
        self._waiting: deque[SaveTask] = deque()
        self._running: dict[asyncio.Task[None], SaveTask] = {}
        self._timers: dict[SaveTask, Timer] = {}
        self._saved_before = SavedBefore(self.place, self._save_again, self._pump)
        self._stopped = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def left(self) -> int:
        """How many results are not saved yet."""
        behind = 0 if self._backlog is None else len(self._backlog)
        return self.held + behind + len(self._saved_before) + (self._loading is not None)

    @property
    def held(self) -> int:
        """How many of them are in memory."""
        return len(self._waiting) + len(self._timers) + len(self._running)

    def add(self, record: JobRecord[Any], result: Result) -> None:
        """Save a result, if it has media, and its file is not there from before."""
        save = SaveTask(record, result)
        if not result.url:
            return
        if save.before is None:
            if not self._put_behind(record):
                self._queue(save)
        elif not self._stopped:
            self._idle.clear()
            self._saved_before.add(save)

    def _put_behind(self, record: JobRecord[Any]) -> bool:
        """Let a result wait on disk, behind those that wait longer; return whether it does."""
        backlog = self._backlog
        if backlog is None or self._stopped or not (len(backlog) or self.held >= MOST):
            return False
        if not backlog.put(record):
            return False
        self._idle.clear()
        self._pump()
        return True

    def look_for(self, record: JobRecord[Any]) -> None:
        """Look for the file of a job whose key was submitted again."""
        row, outcome = record.journal_row, record.outcome
        if row is not None and row.saved is not None and isinstance(outcome, Result):
            self.add(record, outcome)

    def _save_again(self, gone: Sequence[Gone]) -> None:
        pending = {each.record for each in (*self._waiting, *self._timers, *self._running.values())}
        lost: list[str] = []
        for save, number, path in gone:
            row = save.record.journal_row
            # Its key was submitted several times: it is being saved, or was while we looked.
            if save.record in pending or row is None or row.saved is not save.before:
                continue
            pending.add(save.record)
            lost.append(path)
            if self._recorder is not None:
                self._recorder.work_on(save.record, number)
            self._queue(save)
        if lost:
            files = "saved files are gone: %d, such as %s; their results are saved again"
            logger.warning(files, len(lost), lost[0])

    def _queue(self, save: SaveTask) -> None:
        if self._stopped:
            self._give_up(save)
            return
        self._idle.clear()
        self._timers.pop(save, None)
        self._waiting.append(save)
        self._pump()

    def _pump(self) -> None:
        while self._waiting and len(self._running) < self._at_once:
            save = self._waiting[0]
            self._running[start(self._save(save), self._over)] = save
            self._waiting.popleft()
        room = self.held <= MOST - _PAGE and self._loading is None and not self._stopped
        if room and self._backlog is not None and len(self._backlog):
            self._loading = start(self._load(self._backlog), self._loaded)
        if not self.left:
            self._idle.set()

    async def _load(self, backlog: Backlog) -> None:
        """Read the next results back."""
        try:
            taken = await backlog.take(_PAGE)
        except JournalError as error:
            logger.warning("results that wait to be saved cannot be read: %s; again soon", error)
            await sleep(self._clock, _FIRST)
            return
        self._waiting.extend(self._readable(taken))

    def _readable(self, taken: Iterable[tuple[Kept, JobRecord[Any] | None]]) -> Iterator[SaveTask]:
        for kept, record in taken:
            if record is not None and isinstance(record.outcome, Result):
                yield SaveTask(record, record.outcome)
            else:
                logger.error("row %d of the journal has no result to save any more", kept.number)
                kept.operation.events[EventName.UNSAVED] += 1

    def _loaded(self, _task: asyncio.Task[None]) -> None:
        self._loading = None
        self._pump()

    def _over(self, task: asyncio.Task[None]) -> None:
        save = self._running.get(task)
        if save is not None and (task.cancelled() or task.exception() is not None):
            if self._stopped:  # the client gives up its saves
                self._give_up(save)
            else:  # by something else, which is no reason to lose the media
                self._again(save, _FIRST)
        self._running.pop(task, None)
        self._pump()

    async def _save(self, save: SaveTask) -> None:
        try:
            path = await self.place.save(save.record, save.result)
        except Exception as error:  # noqa: BLE001 - any error ends this save, and no other
            self._failed(save, error)
        else:
            if self._recorder is not None:
                self._recorder.note_saved(save.record, path)
            row = save.record.journal_row
            if row is not None and row.number is not None:
                row.saved = row.number, path
            if save.result.link is not None:
                save.result.link.saved = path
            self._notify(EventName.SAVED, save, path)

    def _notify(self, event: str, save: SaveTask, about: object) -> None:
        save.record.operation.events[event] += 1
        if self._report is not None:
            self._report(event, save.record, about)

    def _failed(self, save: SaveTask, error: Exception) -> None:
        save.tries += 1
        if isinstance(error, ResultExpired):
            logger.error("%s is lost: %s", save, error)
            # One that was saved before has not expired unsaved: its file may have been moved.
            if self._recorder is not None and save.before is None:
                self._recorder.note_expired(save.record, error.message)
            self._notify(EventName.UNSAVED, save, error)
        elif save.tries >= TRIES or self._stopped or _is_final(error):
            self._give_up(save, error)
        else:
            pause = random.uniform(0, min(_LONGEST, _FIRST * 2.0**save.tries))
            logger.warning("%s is not saved yet: %s; again in %.0f s", save, error, pause)
            self._again(save, pause)

    def _again(self, save: SaveTask, pause: float) -> None:
        when = self._clock.time() + pause
        self._timers[save] = self._clock.call_at(when, lambda: self._queue(save))

    def _give_up(self, save: SaveTask, why: Exception | None = None) -> None:
        until = save.result.expires_at
        shown = f" until {until:%Y-%m-%d %H:%M} UTC" if until else ""
        reason = why or _CLOSED
        logger.error("%s is not saved: %s; akool.job(token) finds it%s", save, reason, shown)
        self._notify(EventName.UNSAVED, save, why or save.record.error(ClientClosed, _CLOSED))

    async def close(self, limit: float) -> None:
        """Wait until all results are saved, at most `limit` seconds; then give the others up."""
        if self.left and limit > 0:
            logger.info("waiting for %s to be saved", counted(self.left, "result"))
        idle: asyncio.Task[Any] = asyncio.create_task(self._idle.wait())
        try:
            await wait_for_all([idle], limit)
        finally:
            idle.cancel()
            tasks: list[asyncio.Task[Any]] = [
                idle,
                *self._running,
                *filter(None, [self._saved_before.task, self._loading]),
            ]
            self._stop()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._backlog is not None:
            await self._give_up_all(self._backlog)

    async def _give_up_all(self, backlog: Backlog) -> None:
        """Tell of each result that waits on disk that it is not saved."""
        try:
            while len(backlog):
                for save in self._readable(await backlog.take(_PAGE)):
                    self._give_up(save)
        except JournalError as error:
            problem = error.message
        else:
            return
        logger.error("%s not saved: %s; %s", counted(len(backlog), "result"), _CLOSED, problem)
        backlog.clear()

    def _stop(self) -> None:
        """Save nothing more."""
        self._stopped = True
        for timer in self._timers.values():
            timer.cancel()
        given_up = [*self._timers, *self._waiting]
        self._timers.clear()
        self._waiting.clear()
        self._saved_before.stop()
        if self._loading is not None:
            self._loading.cancel()
        for save in given_up:
            self._give_up(save)
        for task in self._running:
            task.cancel()


def _is_final(error: Exception) -> bool:
    """Say whether trying again does not help."""
    return isinstance(error, InvalidInput) or getattr(error, "final", False)
