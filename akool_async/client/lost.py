"""Looks for creates whose replies were lost, in the lists that show their jobs.

How this works
--------------
An operation says in which list its jobs are, and by what one is told (`Operation.listed`). A search
reads that list, newest first, back to the time of the create. It leaves out the jobs that belong to
a create which this client or its journal knows. So that this is known of every job in the list, it
waits for the creates of the operation that are under way: their replies bring ids.

Among the rest, `protocol/listed.py` chooses. The chosen job is claimed before anything else may
happen, so that no other search takes it. Then the journal's row gets its id, as if a webhook had
brought it, and the job is watched.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from akool_async.client.doubts import Doubt, Doubts, query_of
from akool_async.client.keyed import record_of
from akool_async.client.restoring import request_of
from akool_async.client.submission import check_key
from akool_async.clock import sleep
from akool_async.engine.state import CREATING
from akool_async.errors import (
    CreateOutcomeUnknown,
    InvalidInput,
    JournalError,
    NotSearchable,
    UncertainMatch,
    UnknownKey,
)
from akool_async.journal import UNDECIDED, Attempt, Entry, FindsCreates, FindsJobs
from akool_async.observers import logger
from akool_async.protocol.endpoint import Family, Operation
from akool_async.protocol.listed import Lost, Search, created_in
from akool_async.protocol.token import is_id, reference_to, write
from akool_async.protocol.words import counted

if TYPE_CHECKING:
    from akool_async.client.runtime import Runtime
    from akool_async.client.shared import Shared
    from akool_async.engine import JobRecord
    from akool_async.job import Job

_PAUSE: Final = 0.05
"""Seconds between two looks at creates that are under way."""


class LostCreates:
    """Searches for one client, in one event loop.

    Args:
        runtime: The loop's part of the client.
        shared: What its loops share.
        operations: The client's operations, by dotted name.
        within: The most seconds between a create and its job's time; `None` for no limit.
    """

    def __init__(
        self,
        runtime: Runtime,
        shared: Shared,
        operations: Mapping[str, type[Operation[Any]]],
        within: float | None,
    ) -> None:
        self._runtime = runtime
        self._engine = runtime.engine
        self._operations = operations
        self._known = shared.creates
        self._addresses = shared.addresses
        self._within = math.inf if within is None else within
        self._store = None if shared.records is None else shared.records.store
        self._recorder = None if shared.records is None else shared.records.recorder
        self._doubts = Doubts(runtime.engine, shared, operations)

    async def find(self, error: CreateOutcomeUnknown) -> Job[Any] | None:
        """Find the job of an error; see `akool.find`."""
        operation = self._operation_of(error.name)
        lost = Lost(error.request, error.sent_at.timestamp())
        entry = await self._doubts.row_of(operation, lost, error.row)
        if entry is not None and entry.state not in UNDECIDED and entry.id is None:
            entry = None  # a person has decided otherwise
        return await self._find(Doubt(operation, lost, entry, error.ids))

    async def find_key(self, key: str) -> Job[Any] | None:
        """Find the job of a key whose row is in doubt; see `akool.find`."""
        self._runtime.submitter.check_journal()
        check_key(key)
        store: object = self._store
        if not isinstance(store, FindsJobs):
            raise JournalError("this job store finds no jobs by key")
        entry = await store.look_up(key)
        if entry is None:
            raise UnknownKey(f"no job was submitted under the key {key!r}")
        operation = self._operation_of(entry.name)
        if entry.state not in UNDECIDED and entry.id is None:
            raise InvalidInput("key", key, f"its job is {entry.state}: nothing is in doubt")
        lost = Lost(request_of(entry, operation), entry.intended_at)
        return await self._find(Doubt(operation, lost, entry))

    def _operation_of(self, name: str) -> type[Operation[Any]]:
        operation = self._operations.get(name)
        if operation is None:
            raise NotSearchable(name, "it is no operation of this client")
        return operation

    async def _answers(self, family: Family[Any]) -> None:
        """Wait for the replies to creates of a family that are under way now."""
        creating = [
            each
            for each in self._engine.records()
            if each.family is family and each.state is CREATING
        ]
        while any(each.state is CREATING for each in creating):
            await sleep(self._engine.clock, _PAUSE)

    # The search

    async def _find(self, doubt: Doubt) -> Job[Any] | None:
        record = self._settled(doubt) or await self._searched(doubt)
        if record is None:
            logger.info("%s: no job of the lost create is listed", doubt.name)
            return None
        return self._runtime.job(record)

    async def _searched(self, doubt: Doubt) -> JobRecord[Any] | None:
        if doubt.ids:  # the reply named them: there is nothing to look for
            raise _uncertain(doubt, [(each, None) for each in doubt.ids])
        if doubt.operation.listed is None:
            raise NotSearchable(doubt.name, "no list of Akool's tells its jobs from others")
        if doubt.lost.request is None:
            raise NotSearchable(doubt.name, "what was asked for is not known any more")
        search = Search(doubt.lost, self._within)
        rows = await self._rows(query_of(doubt.lost.request), search)
        await self._answers(doubt.operation.family)
        async with self._known.turn():
            doubt = await self._doubts.read_again(doubt)
            # By another search, a reply, a webhook or a person, meanwhile.
            if (settled := self._settled(doubt)) is not None:
                return settled
            row = await self._claimed(doubt, search, rows)
            return None if row is None else await self._settle(doubt, row)

    async def _rows(self, query: Any, search: Search) -> list[Any]:
        """Return the rows of a list, back to those that are too old."""
        found: list[Any] = []
        before: object = None
        while True:
            page = await self._runtime.exchange.send(query)
            # Neither a short page nor a count is believed: some servers shorten all pages, or count
            # the rows of one. A server without pages repeats the first for ever.
            if not page.sent or page.items == before:
                return found
            found += page.items
            too_old = page.items and all(map(search.is_before, page.items))
            if too_old and _is_newest_first(found):
                return found
            before = page.items
            query = msgspec.structs.replace(query, page=query.page + 1)

    async def _claimed(self, doubt: Doubt, search: Search, rows: Sequence[Any]) -> Any:
        """Return the row that is the create's, and keep others from taking it; or `None`.

        Raises:
            UncertainMatch: rows are there that may be it.
        """
        ids = list(dict.fromkeys(each.id for each in rows if is_id(each.id)))
        taken = await self._store.ids_among(ids) if isinstance(self._store, FindsCreates) else ()
        others = await self._doubts.others(doubt, self._within)
        by_id: dict[str, Any] = {}
        for row in rows:
            attempt = self._attempt_in(row)
            if row.id in taken or (attempt is not None and attempt != doubt.attempt):
                continue
            if attempt is not None and self._known.claim(row.id):
                return row
            by_id[row.id] = row
        while True:
            free = [each for each in by_id.values() if each.id not in self._known]
            choice = search.choose(free, others)
            if choice.candidates or (choice.row is not None and not is_id(choice.row.id)):
                candidates = [(each.id, created_in(each)) for each in choice.candidates]
                raise _uncertain(doubt, candidates)
            if choice.row is None or self._known.claim(choice.row.id):
                return choice.row

    def _attempt_in(self, row: Any) -> Attempt | None:
        """Return the create that a row's webhook address names, if it is of this journal."""
        if self._addresses is None or self._store is None:
            return None
        owned = self._addresses.read(getattr(row, "webhook_url", "").rpartition("/")[2])
        ours = owned is not None and owned.owner == self._addresses.owner
        return owned.attempt if ours and owned is not None else None

    # The end of doubt

    def _settled(self, doubt: Doubt) -> JobRecord[Any] | None:
        """Return the job of a create that is in doubt no more."""
        if doubt.decided and doubt.entry is not None:
            return self._restored(doubt, doubt.entry)
        found = self._known.found(doubt.name, doubt.lost)
        if found is None:
            return None
        reference = reference_to(doubt.name, found, None, doubt.lost.sent_at)
        return self._engine.adoption.adopt(self._record(doubt), reference)

    def _record(self, doubt: Doubt) -> JobRecord[Any]:
        return self._engine.operations.record(doubt.operation, doubt.name, doubt.lost.request)

    def _restored(self, doubt: Doubt, entry: Entry) -> JobRecord[Any]:
        """Return the job of a row that has an id."""
        assert self._recorder is not None
        assert self._runtime.keyed is not None
        working = self._recorder.working_on(entry.number)
        here = working is not None and working.operation.loop is self._runtime.loop
        if working is not None and here and working.id == entry.id:
            return working
        return self._runtime.keyed.restore(record_of(self._engine, entry, doubt.operation), entry)

    async def _settle(self, doubt: Doubt, row: Any) -> JobRecord[Any]:
        """Write down which job a create has started, and watch the job."""
        logger.info("%s: found the job of a lost create, %s", doubt.name, row.id)
        if doubt.attempt is None or self._store is None:
            self._known.find(doubt.name, doubt.lost, row.id)
            created = created_in(row) or doubt.lost.sent_at
            reference = reference_to(doubt.name, row.id, None, created)
            return self._engine.adoption.adopt(self._record(doubt), reference)
        try:
            await self._store.adopt(doubt.attempt, row.id)
            doubt = await self._doubts.read_again(doubt)
        except BaseException:  # such as a full disk: it may be looked for again
            self._known.give_back(row.id)
            raise
        entry = doubt.entry
        if entry is None or entry.id is None:
            self._known.give_back(row.id)
            raise JournalError(f"a person decided meanwhile about the row of {doubt.name}")
        if entry.id != row.id:  # a webhook was faster
            self._known.give_back(row.id)
        armed, attempt = self._engine.armed, Attempt(entry.number, entry.attempt)
        waiting = None if armed is None else armed.told(attempt, entry.id, keep=False)
        return waiting or self._restored(doubt, entry)


def _uncertain(doubt: Doubt, candidates: Sequence[tuple[str, float | None]]) -> UncertainMatch:
    """Build the error about jobs that may be the one: their ids, and their times."""
    tokens = [
        write(reference_to(doubt.name, each, None, created or doubt.lost.sent_at))
        for each, created in candidates
        if is_id(each)
    ]
    why = "it is listed, without the id by which it could be watched"
    if tokens:
        why = f"{counted(len(tokens), 'job')} may be what the create has started"
    return UncertainMatch(doubt.name, doubt.lost.request, tokens, why)


def _is_newest_first(rows: Sequence[Any]) -> bool:
    """Say whether a list shows its newest rows first, as far as its times tell."""
    times = [each for each in map(created_in, rows) if each is not None]
    return bool(times) and times[0] >= times[-1]
