"""Jobs with a key, and rows of the journal turned back into jobs."""

from __future__ import annotations

import asyncio
import contextvars
import copy
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from akool_async.client.restoring import (
    goes_on,
    is_step,
    outcome_of,
    reference_of,
    request_of,
    result_of,
)
from akool_async.clock import moment
from akool_async.engine import NO_OPTIONS, Engine, JobOptions, JobRecord
from akool_async.engine.keys import KeyRegistry, request_fingerprint
from akool_async.engine.recorder import Recorder, intent_of
from akool_async.engine.row_reader import row_of
from akool_async.engine.state import CLAIMING
from akool_async.engine.tasks import start
from akool_async.engine.waiters import Failure
from akool_async.errors import JournalError, KeyConflict, message_of
from akool_async.journal import UNDECIDED, Claim, Entry, JobStore, State, TellsDecisions
from akool_async.observers import logger
from akool_async.protocol.attempt import Attempt
from akool_async.protocol.endpoint import Operation, Startable
from akool_async.protocol.secret_fields import lacks_secret
from akool_async.protocol.snapshot import Snapshot

if TYPE_CHECKING:
    from akool_async.client.saving import Saver

_AT_ONCE: Final = 500
"""Keys in one question to the store: one transaction, and one flush of the disk."""


class KeyedJobs:
    """The keys of one event loop: asks the store about them, and acts on the answers.

    One task asks about all keys that have come since its last question. So a hundred thousand
    keyed jobs need neither a task each nor a transaction each.

    Args:
        store: The journal.
        registry: The jobs of this process by key; shared by all loops of a client.
        recorder: Knows which rows this process works on; shared likewise.
        engine: Runs the jobs of this loop.
        saver: Saves results as jobs complete, if that is set.
        queue: Lets a job wait for its turn, after its files are uploaded if it has some.
    """

    def __init__(
        self,
        store: JobStore,
        registry: KeyRegistry,
        recorder: Recorder,
        engine: Engine,
        *,
        saver: Saver | None,
        queue: Callable[[JobRecord[Any]], object],
    ) -> None:
        self._store = store
        self._registry = registry
        self._recorder = recorder
        self._engine = engine
        self._saver = saver
        self._queue = queue
        self._waiting: deque[tuple[JobRecord[Any], contextvars.Context]] = deque()
        """With the context that each job was submitted in: its hooks and its task run there."""
        self._asked: list[tuple[JobRecord[Any], contextvars.Context]] = []
        """Those about which the store is being asked."""
        self._task: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        if engine.armed is not None and isinstance(store, TellsDecisions):
            store.tell(self)

    @staticmethod
    def fingerprint(request: Startable[Any]) -> str:
        """Return what tells a request from others under its key."""
        return request_fingerprint(request)

    def find_or_register(
        self, record: JobRecord[Any], options: JobOptions
    ) -> JobRecord[Any] | KeyConflict | None:
        """Return the job of this process that answers the key of some options, if there is one.

        If there is none, the key is the record's from now on.
        """
        if options.row_key is None:
            return None
        known = self._registry.find_or_add(record, options)
        if self._saver is not None and isinstance(known, JobRecord):
            self._saver.look_for(known)
        return known

    # The store is asked

    def claim(self, record: JobRecord[Any]) -> None:
        """Ask the store about a job's key, soon and together with others."""
        self._waiting.append((record, contextvars.copy_context()))
        if self._task is None:
            self._start()

    def _start(self) -> None:
        self._task = start(self._ask(), self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        """Ask about what came meanwhile, and about what a cancel from outside has left unasked."""
        if self._task is not task:
            return
        asked = [each for each in self._asked if each[0].state is CLAIMING]
        defect = None if task.cancelled() else task.exception()
        if isinstance(defect, Exception):
            logger.error("asking the journal failed", exc_info=defect)
            for record, _context in asked:
                self._engine.restore(record, JournalError(f"asking the journal failed: {defect!r}"))
        else:
            self._waiting.extendleft(reversed(asked))
            if defect is not None or task.cancelled():
                self._engine.endings.cut_off()
        self._asked = []
        if self._waiting and not self._engine.closing:
            self._start()
        else:
            self._task = None

    async def _ask(self) -> None:
        while self._waiting:
            pending = self._asked
            while self._waiting and len(pending) < _AT_ONCE:
                first = self._waiting[0]
                if first[0].state is CLAIMING:  # else cancelled, or closed
                    pending.append(first)
                self._waiting.popleft()
            answers = await self._answers([record for record, _ in pending])
            for (record, context), answer in zip(pending, answers, strict=True):
                context.run(self.answered, record, answer)
            self._asked = []

    async def _answers(self, records: list[JobRecord[Any]]) -> list[Claim | Exception]:
        """Ask the store; a failure is the answer to these keys, and to no other."""
        try:
            answers = await self._store.claim([intent_of(record) for record in records])
        except JournalError as error:
            problem = error
        except Exception as error:
            logger.exception("asking the journal failed")
            problem = JournalError(f"asking the journal failed: {error!r}")
        else:
            if len(answers) == len(records):
                return list(answers)
            given = f"{len(answers)} answers to {len(records)} keys"
            problem = JournalError(f"the journal gave {given}")
        return [copy.copy(problem) for _ in records]

    def answered(self, record: JobRecord[Any], answer: Claim | Exception) -> None:
        """Act on the store's answer about a job: send it, watch it, or end it."""
        if record.state is not CLAIMING:  # cancelled, or closed, while the store was asked
            self._came_late(record, answer)
            return
        try:
            if isinstance(answer, int):
                self._recorder.work_on(record, answer)
                self._queue(record)
            elif isinstance(answer, Exception):
                if isinstance(answer, KeyConflict):
                    self._registry.discard(record)
                self._engine.restore(record, answer)
            else:
                self.restore(record, answer)
        except Exception as error:  # such as a row that cannot be read: no other job ends
            logger.exception("%s: the journal's answer cannot be used", record.name)
            problem = JournalError(f"the journal's answer cannot be used: {message_of(error)}")
        else:
            return
        row_of(record).number = None  # the row stays as it is
        self._engine.restore(record, problem)

    def _came_late(self, record: JobRecord[Any], answer: Claim | Exception) -> None:
        """Keep the row of a job that has ended meanwhile from being sent by a later process."""
        if isinstance(answer, int) and isinstance(record.outcome, Failure):
            known = self._registry.get(record.options.row_key or "")
            if known is None or known is record or known.ended:  # else it is that one's row
                self._recorder.drop(record, answer, record.outcome.error)
                row_of(record).number = answer
                self._engine.deliver(record)

    # A row becomes a job again

    def restore(self, record: JobRecord[Any], entry: Entry) -> JobRecord[Any]:
        """Bring a record to where a row says that its job is; return the record to use.

        A job that was not sent is queued. A job that the vendor has accepted is watched. If it is
        watched already, that record is returned. A job that ended has ended. A job
        whose create was sent, and whose answer was never written down, waits for a webhook where
        it had an address for one; else it ends as `CreateOutcomeUnknown`.
        """
        if entry.state is State.QUEUED:
            self._take_up(record, entry)
            return record
        row, result = row_of(record), result_of(entry, record.family)
        row.armed = entry.armed
        asked_for = goes_on(entry, result) and entry.result is not None  # it lacks an address
        if not entry.state.finished or asked_for or (entry.unsaved and self._saver is not None):
            self.work_on(record, entry)
        elif entry.saved is not None:
            row.saved = entry.number, entry.saved
            self._register(record, entry)
        reference = reference_of(entry)
        if reference is not None and goes_on(entry, result):
            watched = self._engine.adoption.adopt(record, reference)
            if watched is not record:
                self.work_on(watched, entry)
            return watched
        if reference is not None:
            record.take_reference(reference, moment(self._engine.clock))
        row.state = entry.state  # nobody writes to a finished row, so nobody else sets it
        outcome = outcome_of(entry, result, record)
        armed = self._engine.armed
        if isinstance(outcome, Snapshot):
            record.observe(outcome)
        elif entry.state in UNDECIDED and armed is not None and record.takes_address:
            attempt = Attempt(entry.number, entry.attempt)
            armed.wait_again(record, attempt, entry.intended_at, outcome)
            return record
        self._engine.restore(record, outcome)
        return record

    def decided(self, entry: Entry) -> None:
        """Let a job that waits for a webhook go on as a person has decided."""
        with suppress(RuntimeError):  # its loop is closed: the journal knows the decision
            self._loop.call_soon_threadsafe(self._go_on, entry)

    def _go_on(self, entry: Entry) -> None:
        armed, record = self._engine.armed, self._recorder.working_on(entry.number)
        if record is None or armed is None or not armed.is_waiting(record):
            return
        armed.discard(record)
        reference = reference_of(entry)
        if reference is not None:
            self._engine.adoption.adopt(record, reference)
            return
        row = row_of(record)
        # No number any more: the row stays as decided, and may be another job's by now.
        row.number, row.state = None, entry.state
        self._engine.restore(record, outcome_of(entry, None, record))

    def _take_up(self, record: JobRecord[Any], entry: Entry) -> None:
        """Queue a job that an earlier process did not send; it costs nothing yet."""
        request = record.request
        if request is None or lacks_secret(request):
            kept = "cannot be read" if request is None else "held a secret, which no journal keeps"
            problem = f"the request of row {entry.number} {kept}: submit its key again"
            self._engine.restore(record, JournalError(problem))
            return
        self.work_on(record, entry)
        self._queue(record)

    def live(self, key: str | None) -> JobRecord[Any] | None:
        """Return the job of this process that has a key, if it has not ended."""
        known = None if key is None else self._registry.get(key)
        return None if known is None or known.ended else known

    def work_on(self, record: JobRecord[Any], entry: Entry) -> None:
        """Take note that this process works on a row, and has a job for its key."""
        self._recorder.work_on(record, entry.number)
        self._register(record, entry)

    def _register(self, record: JobRecord[Any], entry: Entry) -> None:
        if entry.key is not None and row_of(record).fingerprint(entry.key) is None:
            self._registry.add(record, entry.key, entry.fingerprint)

    async def close(self) -> None:
        """Ask no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        for record, _context in (*self._asked, *self._waiting):
            self._engine.finish_closed(record)


def record_of(engine: Engine, entry: Entry, operation: type[Operation[Any]]) -> JobRecord[Any]:
    """Return a new record for the job of a row."""
    options = NO_OPTIONS
    if entry.key is not None:
        # The key of a step of a recipe is the user's key, and a number.
        key = entry.key.rpartition("/")[0] if is_step(entry) else entry.key
        options = JobOptions(key=key, row_key=entry.key, fingerprint=entry.fingerprint)
    request = request_of(entry, operation)
    return engine.operations.record(operation, entry.name, request, options)
