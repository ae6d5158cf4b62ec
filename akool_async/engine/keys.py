"""Which key belongs to which job of this process: one key is one create."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from akool_async.engine.options import JobOptions
from akool_async.engine.record import JobRecord, JournalRow
from akool_async.errors import KeyConflict
from akool_async.journal.entry import UNFINISHED, State, fingerprint
from akool_async.protocol.endpoint import Startable
from akool_async.protocol.files import holds_files
from akool_async.protocol.snapshot import Snapshot

if TYPE_CHECKING:
    from akool_async.uploads import LocalFile


def request_fingerprint(
    request: Startable[Any], files: Mapping[Path, LocalFile] | None = None
) -> str:
    """Return what tells one request from another: its name and fields, webhook address aside.

    A file counts by its content. Where it is not known from `files`, it is read, which blocks.
    """
    if holds_files(request):
        from akool_async.uploads import fingerprint_of  # few requests have files

        return fingerprint_of(request, files)
    return fingerprint(request.label, request.unarmed_wire())


class KeyRegistry:
    """The jobs of this process by key, as long as anybody holds them.

    A key that is not here may be in the journal: the store is asked then. All event loops of a
    client share the registry, each in its own thread.
    """

    def __init__(self) -> None:
        self._records: weakref.WeakValueDictionary[str, JobRecord[Any]] = (
            weakref.WeakValueDictionary()
        )
        self._lock = threading.Lock()

    def find_or_add(
        self, record: JobRecord[Any], options: JobOptions
    ) -> JobRecord[Any] | KeyConflict | None:
        """Return what `find` does; where that is nothing, the key is the record's from now on.

        In one step: two jobs of two threads would both be sent to the store under one key.
        """
        assert options.row_key is not None
        with self._lock:
            known = self.find(options)
            if known is None:
                self.add(record, options.row_key, options.fingerprint)
        return known

    def get(self, key: str) -> JobRecord[Any] | None:
        """Return the job of this process that a key was last submitted for."""
        return self._records.get(key)

    def add(self, record: JobRecord[Any], key: str, fingerprint: str) -> None:
        """Take note that a job has one more key."""
        if record.journal_row is None:
            record.journal_row = JournalRow()
        record.journal_row.keys += ((key, fingerprint),)
        self._records[key] = record

    def discard(self, record: JobRecord[Any]) -> None:
        """Take note that a job's key belongs to another request: the job does not answer it."""
        key = record.options.row_key
        with self._lock:
            if key is not None and self._records.get(key) is record:
                del self._records[key]

    def find(self, options: JobOptions) -> JobRecord[Any] | KeyConflict | None:
        """Return the job that answers a key; `None` if the store has to be asked.

        Returns an error, not raised, where the key belongs to another request.
        """
        assert options.row_key is not None
        known = self._records.get(options.row_key)
        if known is None or known.journal_row is None:
            return None
        if known.journal_row.fingerprint(options.row_key) != options.fingerprint:
            return KeyConflict(
                f"the key {options.key or options.row_key!r} belongs to another request"
            )
        if not known.ended:
            return known
        if known.operation.loop is not asyncio.get_running_loop():
            return None  # it can be awaited no longer, but its row tells how it ended
        if isinstance(known.outcome, Snapshot) and known.family.lacks_address(known.outcome):
            return None  # its media may have an address by now
        # A person may have decided meanwhile what became of an unknown create.
        again = {None, *UNFINISHED, *sendable(retry_failed=options.retry_failed)}
        return None if known.journal_row.state in again else known


def sendable(*, retry_failed: bool) -> frozenset[State]:
    """Return the states of a row whose request may be sent again."""
    return frozenset({State.REFUSED, State.FAILED} if retry_failed else {State.REFUSED})
