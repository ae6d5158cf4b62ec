"""Finds jobs by their keys alone: `akool.job(key=...)`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from akool_async.client.keyed import KeyedJobs, record_of
from akool_async.engine import Engine, JobRecord
from akool_async.engine.keys import KeyRegistry
from akool_async.engine.tasks import start
from akool_async.errors import JournalError, UnknownKey
from akool_async.journal import UNFINISHED, FindsJobs, JobStore
from akool_async.protocol.endpoint import Operation

if TYPE_CHECKING:
    from akool_async.journal import Claim


class JobFinder:
    """Finds the jobs of one event loop by their keys.

    Args:
        store: The journal.
        registry: The jobs of this process by key; shared by all loops of a client.
        engine: Runs the jobs of this loop.
        keyed: Brings jobs to where their rows say that they are.
    """

    def __init__(
        self, store: JobStore, registry: KeyRegistry, engine: Engine, keyed: KeyedJobs
    ) -> None:
        self._store = store
        self._registry = registry
        self._engine = engine
        self._keyed = keyed
        self._lookups: dict[asyncio.Task[None], JobRecord[Any]] = {}
        """Jobs about which the store is being asked."""

    def find(self, key: str, operations: Mapping[str, type[Operation[Any]]]) -> JobRecord[Any]:
        """Return the job that was submitted under a key, in this process or in an earlier one.

        Raises:
            UnknownKey: there is none.
            JournalError: the journal cannot find it, or cannot be read.
        """
        known = self._registry.get(key)
        if known is not None and (not known.ended or _is_final(known)):
            return known
        store: object = self._store
        if not isinstance(store, FindsJobs):
            raise JournalError("this job store finds no jobs by key")
        entry = store.find(key)
        if entry is None:
            raise UnknownKey(f"no job was submitted under the key {key!r}")
        operation = operations.get(entry.name)
        if operation is None:
            raise JournalError(f"the journal's row {entry.number} is of no known operation")
        record = record_of(self._engine, entry, operation)
        faster = self._registry.find_or_add(record, record.options)
        if isinstance(faster, JobRecord):  # another thread was
            return faster
        if faster is not None:  # another request had the key here, and its job has ended
            self._registry.add(record, key, entry.fingerprint)
        if entry.state.finished:
            return self._keyed.restore(record, entry)
        # What this process has put, and the disk does not have yet, decides: so it is asked once
        # more, behind that.
        self._engine.reporter.ask()
        self._engine.pending.claim(record)
        task = start(self._look_up(record, key, store))
        self._lookups[task] = record
        task.add_done_callback(self._looked_up)
        return record

    async def _look_up(self, record: JobRecord[Any], key: str, store: FindsJobs) -> None:
        answer: Claim | Exception
        try:
            entry = await store.look_up(key)
            answer = entry or JournalError(f"the row of the key {key!r} is gone")
        except Exception as error:  # noqa: BLE001 - whatever it is ends this job, and no other
            answer = error
        self._keyed.answered(record, answer)

    def _looked_up(self, task: asyncio.Task[None]) -> None:
        record = self._lookups.pop(task)
        if not record.ended and record in self._engine.pending:
            self._engine.endings.dropped(record, "its task was cancelled from outside")

    async def close(self) -> None:
        """Ask no more."""
        tasks = list(self._lookups)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def _is_final(record: JobRecord[Any]) -> bool:
    """Say whether an ended job is known to have ended for good, and may be asked for here."""
    if record.operation.loop is not asyncio.get_running_loop() or record.journal_row is None:
        return False
    return record.journal_row.state not in {None, *UNFINISHED}
