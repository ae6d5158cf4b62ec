"""What a client and its journal know of creates whose outcome is unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from akool_async.client.restoring import request_of
from akool_async.errors import JournalError
from akool_async.journal import UNDECIDED, Attempt, Entry, FindsCreates
from akool_async.protocol.endpoint import Operation
from akool_async.protocol.listed import Lost

if TYPE_CHECKING:
    from akool_async.client.shared import Shared
    from akool_async.engine import Engine

_EARLIER: Final = 3600.0
"""Seconds. A create may have waited so long, connecting, after its intent was written."""
_CLOCKS: Final = 5.0
"""Seconds by which two clocks of one machine may differ."""


class Doubt(NamedTuple):
    """A create in doubt."""

    operation: type[Operation[Any]]
    lost: Lost
    entry: Entry | None
    """Its row, if it has one."""
    ids: tuple[str, ...] = ()
    """The ids of several jobs, where the reply named them."""

    @property
    def name(self) -> str:
        """The operation's dotted name."""
        return self.operation.name

    @property
    def attempt(self) -> Attempt | None:
        """Which of its row's creates it is."""
        entry = self.entry
        return None if entry is None else Attempt(entry.number, entry.attempt)

    @property
    def decided(self) -> bool:
        """Whether its row knows the job by now."""
        entry = self.entry
        return entry is not None and entry.id is not None and entry.state not in UNDECIDED


def query_of(request: Operation[Any] | None) -> Any:
    """Return the query of the list that shows a request's job; `None` if none does."""
    listed = None if request is None else request.listed
    return None if listed is None else listed.query(request)


class Doubts:
    """The creates in doubt of one client, as far as one event loop sees them.

    Args:
        engine: Runs the jobs of this loop.
        shared: What the loops of the client share.
        operations: The client's operations, by dotted name.
    """

    def __init__(
        self, engine: Engine, shared: Shared, operations: Mapping[str, type[Operation[Any]]]
    ) -> None:
        self._engine = engine
        self._creates = shared.creates
        self._store = None if shared.records is None else shared.records.store
        self._operations = operations

    async def row_of(
        self, operation: type[Operation[Any]], lost: Lost, number: int | None
    ) -> Entry | None:
        """Return the journal's row of a create; `None` if it has none here.

        The number may be of another journal, so the row is of an equal request, of about that time.
        A row of another number is another create, however equal it is.
        """
        if lost.request is None or number is None:
            return None
        since, until = lost.sent_at - _EARLIER, lost.sent_at + _CLOCKS
        for entry in await self._around(operation, since, until):
            if entry.number == number and request_of(entry, operation) == lost.request:
                return entry
        return None

    async def read_again(self, doubt: Doubt) -> Doubt:
        """Return a create with its row as it is now."""
        if doubt.entry is None:
            return doubt
        number, at = doubt.entry.number, doubt.entry.intended_at
        for each in await self._around(doubt.operation, at, at):
            if each.number == number:
                return doubt._replace(entry=each)
        raise JournalError(f"row {number} was sent again meanwhile, or is gone")

    async def others(self, doubt: Doubt, within: float) -> list[Lost]:
        """Return the other creates whose replies are lost, and whose jobs are in the same list."""
        query = query_of(doubt.lost.request)
        if self._store is None:
            armed = self._engine.armed
            others = self._creates.lost() + ([] if armed is None else armed.lost())
            if doubt.lost in others:
                others.remove(doubt.lost)
        else:
            others = await self._others_in_journal(doubt, 2 * within)
        return [each for each in others if query_of(each.request) == query]

    async def _others_in_journal(self, doubt: Doubt, within: float) -> list[Lost]:
        others: list[Lost] = []
        own = None if doubt.entry is None else doubt.entry.number
        since, until = doubt.lost.sent_at - within, doubt.lost.sent_at + within
        for operation in self._operations.values():
            if operation.listed is None or operation.family is not doubt.operation.family:
                continue
            for entry in await self._around(operation, since, until):
                request = request_of(entry, operation)
                if entry.state in UNDECIDED and entry.number != own and request is not None:
                    others.append(Lost(request, entry.intended_at))
        return others

    async def _around(
        self, operation: type[Operation[Any]], since: float, until: float
    ) -> Sequence[Entry]:
        if self._store is None:
            return ()
        if not isinstance(self._store, FindsCreates):
            raise JournalError("this job store cannot say which creates it knows")
        return await self._store.around(operation.name, since, until)
