"""A session as the engine knows it: the job that opened it, and what is told about its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Generic, TypeVar

from akool_async.engine import Engine, JobRecord
from akool_async.engine.cancelling import note_closed, settle
from akool_async.job import Job
from akool_async.protocol.snapshot import Snapshot

S = TypeVar("S", bound=Snapshot)


class SessionJob(Generic[S]):
    """The job of a session, from its create to its close.

    Args:
        record: The job.
        engine: What runs it.
    """

    def __init__(self, record: JobRecord[S], engine: Engine) -> None:
        self.job: Job[S] = Job(record, engine)
        self._record = record
        self._engine = engine

    @property
    def opened_at(self) -> datetime | None:
        """When Akool's answer to the create came, in UTC; `None` before that."""
        return self._record.created_at

    @property
    def age(self) -> float:
        """Seconds since Akool's answer to the create."""
        return self._record.age(self._engine.clock.time())

    @property
    def longest(self) -> float:
        """Seconds after which such a session is over at the latest."""
        longest = self._record.family.session
        return float("inf") if longest is None else longest

    def on_end(self, callback: Callable[[], object]) -> None:
        """Call back soon after the job has ended. That counts not as asking for its outcome."""
        loop = asyncio.get_running_loop()
        if self._record.ended:
            loop.call_soon(callback)
        else:
            self._record.wait(lambda _record: loop.call_soon(callback))

    async def settle(self) -> None:
        """Drop a create that was not sent; wait for the answer to one that was."""
        while True:
            try:
                await settle(self._engine, self._record)
            except asyncio.CancelledError:  # the loop ends all tasks, and the create is one
                continue
            return

    def note_closed(self, *, finish: bool = True) -> None:
        """Write down that the session was closed.

        Args:
            finish: Whether that ends the job, too; else a lookup may still show its end.
        """
        note_closed(self._engine, self._record, finish=finish)

    def note_left_open(self, reason: str) -> None:
        """Write down why the session could not be closed."""
        if self._engine.recorder is not None:
            self._engine.recorder.note_left_open(self._record, reason)
