"""Jobs with a key, and rows of the journal turned back into jobs."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from akool_async.client.restoring import goes_on, outcome_of, reference_of
from akool_async.engine import Engine, JobOptions, JobRecord
from akool_async.engine.keys import KeyRegistry, request_fingerprint
from akool_async.engine.recorder import Recorder, intent_of, row_of
from akool_async.errors import JournalError, KeyConflict
from akool_async.journal import Claim, Entry, JobStore, State
from akool_async.protocol.endpoint import Startable
from akool_async.protocol.snapshot import Snapshot
from akool_async.webhook.address import Place

if TYPE_CHECKING:
    from akool_async.client.saving import Saver

logger = logging.getLogger("akool_async")

_UNDECIDED: Final = frozenset({State.INTENT, State.UNKNOWN})
"""The states of a row of which nobody knows whether its create was accepted."""

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
    """

    def __init__(
        self,
        store: JobStore,
        registry: KeyRegistry,
        recorder: Recorder,
        engine: Engine,
        *,
        saver: Saver | None,
    ) -> None:
        self._store = store
        self._registry = registry
        self._recorder = recorder
        self._engine = engine
        self._saver = saver
        self._waiting: deque[tuple[JobRecord[Any], contextvars.Context]] = deque()
        """With the context that each job was submitted in: its hooks and its task run there."""
        self._task: asyncio.Task[None] | None = None

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
            self._task = asyncio.get_running_loop().create_task(self._ask())

    async def _ask(self) -> None:
        pending: list[tuple[JobRecord[Any], contextvars.Context]] = []
        try:
            while self._waiting:
                number = min(_AT_ONCE, len(self._waiting))
                some = [self._waiting.popleft() for _ in range(number)]
                pending = [(record, context) for record, context in some if not record.ended]
                answers = await self._answers([record for record, _ in pending])
                for (record, context), answer in zip(pending, answers, strict=True):
                    context.run(self._answered, record, answer)
        except asyncio.CancelledError:  # by closing, or because the loop is ending
            for record, _context in (*pending, *self._waiting):
                self._engine.finish_closed(record)
            raise
        finally:
            self._task = None

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

    def _answered(self, record: JobRecord[Any], answer: Claim | Exception) -> None:
        if record.ended:  # cancelled, or closed, while the store was asked
            return
        try:
            if isinstance(answer, int):
                self._recorder.work_on(record, answer)
                self._engine.submit(record)
            elif isinstance(answer, Exception):
                self._engine.restore(record, answer)
            else:
                self.restore(record, answer)
        except Exception as error:  # such as a row that cannot be read: no other job ends
            logger.exception("%s: the journal's answer cannot be used", record.name)
            problem = JournalError(f"the journal's answer cannot be used: {error}")
        else:
            return
        row_of(record).number = None  # the row stays as it is
        self._engine.restore(record, problem)

    # A row becomes a job again

    def restore(self, record: JobRecord[Any], entry: Entry) -> JobRecord[Any]:
        """Bring a record to where a row says that its job is; return the record to use.

        A job that the vendor has accepted is watched. If it is watched already, that record is
        returned. A job that ended has ended. A job whose create was sent, and whose answer was
        never written down, waits for a webhook where it had an address for one; else it ends as
        `CreateOutcomeUnknown`.
        """
        row = row_of(record)
        if not entry.state.finished or (entry.unsaved and self._saver is not None):
            self._work_on(record, entry)
        elif entry.saved is not None:
            row.saved = entry.number, entry.saved
            self._register(record, entry)
        reference = reference_of(entry)
        if reference is not None and goes_on(entry):
            watched = self._engine.adopt(record, reference)
            if watched is not record:
                self._work_on(watched, entry)
            return watched
        if reference is not None:
            record.take_reference(reference, self._engine.clock.time())
        elif entry.state in _UNDECIDED and self._engine.waits_for_webhook(record):
            place = Place(entry.number, entry.attempt)
            problem = outcome_of(entry, record)
            assert isinstance(problem, BaseException)
            self._engine.wait_again(record, place, entry.intended_at, problem)
            return record
        row.state = entry.state  # nobody writes to a finished row, so nobody else sets it
        outcome = outcome_of(entry, record)
        if isinstance(outcome, Snapshot):
            record.observe(outcome)
        self._engine.restore(record, outcome)
        return record

    def _work_on(self, record: JobRecord[Any], entry: Entry) -> None:
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
