"""The rows of sessions in the journal, for whoever closes what another process has left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from akool_async.engine.cancelling import note_closed
from akool_async.journal import Change, Entry, FindsCreates, State

if TYPE_CHECKING:
    from akool_async.client.runtime import Runtime
    from akool_async.client.shared import Records

_FUTURE = 24 * 3600.0
"""Seconds by which the clock that wrote a row may have been ahead of this one."""


class JournalSessions:
    """The rows of sessions, in one event loop.

    Args:
        records: The journal, and which of its rows this process works on.
        runtime: The loop's part of the client.
    """

    def __init__(self, records: Records, runtime: Runtime) -> None:
        self._records = records
        self._runtime = runtime

    async def recent(self, operation: str, seconds: float) -> Sequence[Entry]:
        """Return the rows that other processes have made within some seconds."""
        store: object = self._records.store
        opened = self._records.recorder.opened
        now = time.time()  # rows have the machine's time
        if isinstance(store, FindsCreates):
            found = await store.around(operation, now - seconds, now + _FUTURE)
        else:
            unfinished = self._records.store.unfinished()
            found = [each async for each in unfinished if each.name == operation]
        return [each for each in found if each.number not in opened]

    async def closed(self, row: int) -> None:
        """Write down that the session of a row was closed."""
        record = self._records.recorder.working_on(row)
        if record is not None and record.operation.loop is self._runtime.loop:
            note_closed(self._runtime.engine, record, finish=True)  # such as by `recover()`
        noted = Change(State.CLOSED, reason="its session was closed")
        await asyncio.wrap_future(self._records.store.note_soon(row, noted))
