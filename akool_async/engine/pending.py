"""Jobs before the queue: steps of recipes and of uploads run, or the store is asked about a key."""

from __future__ import annotations

import asyncio
import copy
import functools
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

from akool_async.engine.record import JobRecord
from akool_async.engine.state import CLAIMING, NEW, PREPARING, Trigger
from akool_async.engine.tasks import start
from akool_async.errors import AkoolError

_BEFORE_QUEUE: Final = frozenset({NEW, PREPARING, CLAIMING})


class PendingJobs:
    """Jobs that are not in the queue yet. They hold no place.

    Args:
        finish: Ends a job with an error.
        drop: Ends a job because the client is closed, or else for the reason given.
    """

    def __init__(
        self,
        finish: Callable[[JobRecord[Any], BaseException], object],
        drop: Callable[[JobRecord[Any], str], object],
    ) -> None:
        self._finish = finish
        self._drop = drop
        self._tasks: dict[JobRecord[Any], asyncio.Task[None] | None] = {}
        """The task of its steps; `None` for a job whose key is claimed."""

    def __contains__(self, record: JobRecord[Any]) -> bool:
        return record in self._tasks

    def __iter__(self) -> Iterator[JobRecord[Any]]:
        return iter(tuple(self._tasks))

    def claim(self, record: JobRecord[Any]) -> None:
        """Let a job wait for the store's answer about its key."""
        record.change(Trigger.CLAIM)
        self._tasks[record] = None

    def prepare(self, record: JobRecord[Any], steps: Coroutine[Any, Any, None]) -> None:
        """Run steps of a recipe or of uploads, the last of which submits the job."""
        task = start(steps, functools.partial(self._over, record))
        record.change(Trigger.PREPARE)
        self._tasks[record] = task

    def _over(self, record: JobRecord[Any], task: asyncio.Task[None]) -> None:
        going_on = self._tasks.get(record) is task
        if record.state in _BEFORE_QUEUE:  # else an interrupt came after the last step
            self._end(record, task, going_on=going_on)
        if going_on and self._tasks.get(record) is task:
            del self._tasks[record]

    def _end(self, record: JobRecord[Any], task: asyncio.Task[None], *, going_on: bool) -> None:
        """End a job whose steps have not brought it to the queue."""
        if task.cancelled():
            if going_on:  # else `stop` was called, and its caller ends the job
                self._drop(record, "the task of its steps was cancelled from outside")
        elif (problem := task.exception()) is not None:
            if not isinstance(problem, Exception):
                self._drop(record, f"its steps were interrupted by {type(problem).__name__}")
                return
            # The error of a step is that of another job, and names it.
            own = copy.copy(problem) if isinstance(problem, AkoolError) else problem
            self._finish(record, own)

    def claiming(self) -> list[JobRecord[Any]]:
        """Return the jobs whose key the store is asked about."""
        return [record for record, task in tuple(self._tasks.items()) if task is None]

    def remove(self, record: JobRecord[Any]) -> None:
        """Let a job go on."""
        self._tasks.pop(record, None)

    async def stop(self, record: JobRecord[Any]) -> None:
        """Take no more of a recipe's steps; a step that is being sent is waited for."""
        task = self._tasks.pop(record, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def close(self) -> list[asyncio.Task[None]]:
        """End all jobs; return the tasks that end now."""
        for record, task in tuple(self._tasks.items()):
            if task is None or not task.cancel():
                self._drop(record, "closed")
        return [task for task in self._tasks.values() if task is not None]
