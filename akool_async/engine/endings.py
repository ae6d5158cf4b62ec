"""The ends of jobs: by the vendor's word, or for reasons that are not their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from akool_async.engine.queue import PendingQueue
from akool_async.engine.record import COMPLETED, JobRecord
from akool_async.engine.state import CREATING, WATCHED, Trigger
from akool_async.engine.tasks import loop_goes_on
from akool_async.errors import ClientClosed, CreateOutcomeUnknown, JobCancelled, JobFailed
from akool_async.observers import logger
from akool_async.protocol.listed import Lost
from akool_async.protocol.snapshot import Snapshot
from akool_async.protocol.words import counted


class Owner(Protocol):
    """The engine, as far as jobs are ended here."""

    @property
    def closing(self) -> bool:
        """Whether nothing may be sent any more."""
        ...

    def watch_on(self, record: JobRecord[Any]) -> None:
        """Watch an accepted job, whatever has happened since."""
        ...

    def finish(self, record: JobRecord[Any], outcome: Snapshot | BaseException) -> None:
        """End a job, whatever the reason."""
        ...

    def pump(self) -> None:
        """Create the jobs whose turn it is."""
        ...

    @property
    def queue(self) -> PendingQueue:
        """The jobs that wait for a place."""
        ...


class Endings:
    """The ends of jobs that nobody asked to end.

    Args:
        owner: The engine.
    """

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._unseen = 0
        self.suspended = False
        """Whether no create may leave for now, because the loop may be ending."""

    def closed(self, record: JobRecord[Any]) -> None:
        """End a job because the client is closed."""
        if record.ended:
            return
        goes_on = f"it goes on at {record.family.vendor}" if record.id else "it was not sent"
        error = record.error(ClientClosed, f"the client was closed; {goes_on}")
        self._owner.finish(record, error)
        self._count_unseen(record)

    def dropped(self, record: JobRecord[Any], why: str) -> None:
        """End a job that was not sent, because the client is closed, or its task was cancelled."""
        if self._owner.closing:
            self.closed(record)
        elif not record.ended:
            error = record.error(JobCancelled, f"{why}; it was not sent")
            self._owner.finish(record, error)
            self._count_unseen(record)

    def interrupted(
        self, record: JobRecord[Any], unknown: CreateOutcomeUnknown | None, why: str
    ) -> None:
        """End a job whose create was cut off: by closing, or by what is not ours.

        A job that the vendor has accepted goes on, and so do all other jobs.

        Args:
            record: The job.
            unknown: The error of a create that may have left; `None` if it was not sent.
            why: What has happened.
        """
        if record.state is CREATING and record.id is not None:  # its answer has just come
            record.change(Trigger.ACCEPT)
        if record.state is WATCHED and not self._owner.closing:
            self._owner.watch_on(record)
        if record.state is not CREATING:
            return
        if unknown is None:
            self.dropped(record, why)
            return
        self.gave_up(record, unknown)

    def gave_up(self, record: JobRecord[Any], problem: BaseException) -> None:
        """End a job whose create nobody knows the outcome of, because the client is closed."""
        self._owner.finish(record, problem)
        if not record.awaited:
            self._count_unseen(record)

    def no_place(self, name: str, problem: Exception) -> None:
        """End the next job of an operation, because waiting for a shared place failed."""
        record = self._owner.queue.take(lambda each: each == name)
        if record is not None:
            logger.error("%s: waiting for a place failed", name, exc_info=problem)
            self._owner.finish(record, problem)

    def cut_off(self) -> None:
        """Take note that a task of the engine was cancelled, or interrupted, by something else.

        That may be the beginning of the loop's end. Then no further create may leave: nobody
        would read its answer. So queued jobs wait, until the program shows that it goes on.
        """
        if not self._owner.closing and not loop_goes_on():
            self.suspended = True

    def go_on(self) -> None:
        """Create queued jobs again: the program asks for jobs, so its loop goes on."""
        self.suspended = False
        self._owner.pump()

    def _count_unseen(self, record: JobRecord[Any]) -> None:
        # The closer knows; jobs that nobody awaited are counted in one warning.
        record.mark_retrieved()
        self._unseen += not record.awaited

    def tell(self) -> None:
        """Say how many jobs ended without anybody who awaited them."""
        if self._unseen:
            logger.warning(
                "%s that nobody awaited ended with the client; accepted ones go on",
                counted(self._unseen, "job"),
            )
        self._unseen = 0


def outcome_of(
    record: JobRecord[Any], last: Snapshot, finish_result: Callable[[JobRecord[Any], Any], Any]
) -> Any:
    """Return the result, or the error, that a terminal snapshot means."""
    if last.status is COMPLETED:
        try:
            return finish_result(record, record.completed(last))
        except Exception:
            logger.exception("%s: the result is taken as it came", record.name)
            return last
    why = f": {last.reason}" if last.reason else ""
    return record.error(JobFailed, f"{record.family.vendor} reports that the job failed{why}")


def note_lost(record: JobRecord[Any], outcome: object) -> None:
    """Take note of a job's end, if it is a create of unknown outcome whose job a list shows."""
    creates = record.operation.creates
    if creates is not None and isinstance(outcome, CreateOutcomeUnknown):
        for each in outcome.ids:
            creates.add(each)
        creates.lose(record.name, Lost(record.request, outcome.sent_at.timestamp()))
