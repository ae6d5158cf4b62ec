"""Closes the sessions that nobody holds: what a crash has left, and all that run on demand."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from msgspec.structs import replace

from akool_async.clock import Clock
from akool_async.journal import UNDECIDED, Entry, State
from akool_async.protocol.endpoint import Endpoint, Family
from akool_async.protocol.snapshot import Status
from akool_async.protocol.value import Value
from akool_async.streaming.closer import Closer
from akool_async.streaming.closing import GRACE, SLACK
from akool_async.streaming.open_sessions import OpenSessions
from akool_async.streaming.session import Session

_AT_ONCE: Final = 10
"""Sessions that are closed at the same time."""
_HEX: Final = re.compile(r"[0-9a-fA-F]{8}")
_DAY: Final = timedelta(days=1)
_EARLIEST: Final = datetime(2020, 1, 1, tzinfo=UTC)
_MAY_RUN: Final = (State.CREATED, State.COMPLETED, *UNDECIDED)
"""The states of rows whose sessions may run: a look may say COMPLETED of one that lives (T29)."""
_NOBODY_KNOWS: Final = "its create was sent, and no answer was written down: nobody knows its id"


class Reaped(Value):
    """A session that was found: closed, or why not."""

    id: str | None
    """Akool's `_id`; `None` where the answer to its create was lost, so that nobody knows it."""
    operation: str
    """The dotted name of the operation that opened it, such as `streaming.session`."""
    row: int | None = None
    """Its row in the journal; `None` where the journal has none."""
    opened_at: datetime | None = None
    """When it was opened, in UTC, as far as that is known."""
    age: float | None = None
    """Seconds since then."""
    guessed: bool = False
    """Whether `opened_at` is a guess: the first 8 hex digits of the id, as seconds since 1970."""
    closed: bool = False
    """Whether it is closed now."""
    reason: str = ""
    """Why it is not."""


class SessionRows(Protocol):
    """The journal, as far as sessions are reaped."""

    async def recent(self, operation: str, seconds: float) -> Sequence[Entry]:
        """Return the rows that other processes have made within some seconds."""
        ...

    async def closed(self, row: int) -> None:
        """Write down that the session of a row was closed."""
        ...


class Client(Protocol):
    """The client, as far as sessions are reaped."""

    @property
    def clock(self) -> Clock:
        """Where the client's time comes from."""
        ...

    @property
    def open_sessions(self) -> OpenSessions:
        """The sessions that the client closes when it is closed."""
        ...

    @property
    def session_rows(self) -> SessionRows | None:
        """The rows of sessions; `None` without a journal."""
        ...

    async def call(self, endpoint: Endpoint[Any], /) -> Any:
        """Send an endpoint."""
        ...


class Reaper:
    """Finds sessions that nobody holds, and closes them.

    Args:
        client: What sends the requests, and has the journal.
        families: What the jobs of each operation that opens a session share, by dotted name.
    """

    def __init__(self, client: Client, families: Mapping[str, Family[Any]]) -> None:
        self._client = client
        self._families = families
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def left(self) -> list[Reaped]:
        """Return the sessions in the journal that processes before this one have opened.

        Those that are closed are left out, and those whose time is over.
        """
        rows = self._client.session_rows
        if rows is None:
            return []
        found: list[Reaped] = []
        for name, family in self._families.items():
            entries = await rows.recent(name, (family.session or 0.0) + SLACK)
            found += [self._of_row(each) for each in entries if each.state in _MAY_RUN]
        return found

    async def running(
        self, operation: str, listed: AsyncIterable[Session], known: Sequence[Reaped]
    ) -> list[Reaped]:
        """Return the sessions that a list shows as running, but for known and open ones.

        Args:
            operation: The operation that opens such sessions.
            listed: The sessions, the newest first.
            known: Sessions that were found elsewhere.
        """
        skipped = {each.id for each in known} | self._client.open_sessions.ids
        longest = (self._families[operation].session or 0.0) + SLACK
        found: list[Reaped] = []
        now = self._client.clock.now()
        async for session in listed:
            each = self._aged(
                Reaped(id=session.id, operation=operation), opened_by(session.id, now)
            )
            young = each.age is not None and each.age < longest
            # A session that lives may be shown as COMPLETED, and so are all that are over (T29).
            running = not session.status.terminal or (session.status is Status.COMPLETED and young)
            if running and session.id not in skipped:
                skipped.add(session.id)
                found.append(replace(each, guessed=each.opened_at is not None))
        return found

    async def close(self, found: Sequence[Reaped]) -> tuple[Reaped, ...]:
        """Close sessions, several at a time; return what became of each."""
        return tuple(await asyncio.gather(*map(self._close, found)))

    async def _close(self, one: Reaped) -> Reaped:
        cancel = self._families[one.operation].cancel
        close = None if cancel is None or one.id is None else cancel(one.id, None)
        if close is None or one.id is None:
            return one
        closer = Closer(self._client, lambda _id: close, GRACE)
        async with self._room:
            reason = await closer.close(one.id)
        if reason is not None:
            return replace(one, reason=reason)
        rows = self._client.session_rows
        if rows is not None and one.row is not None:
            await rows.closed(one.row)
        return replace(one, closed=True)

    def _of_row(self, entry: Entry) -> Reaped:
        at = datetime.fromtimestamp(entry.created_at or entry.intended_at, UTC)
        one = Reaped(
            id=entry.id,
            operation=entry.name,
            row=entry.number,
            reason="" if entry.id else _NOBODY_KNOWS,
        )
        return self._aged(one, at)

    def _aged(self, one: Reaped, opened_at: datetime | None) -> Reaped:
        if opened_at is None:
            return one
        age = max(timedelta(), self._client.clock.now() - opened_at)
        return replace(one, opened_at=opened_at, age=age.total_seconds())


def opened_by(id: str, now: datetime) -> datetime | None:
    """Guess by its id when a session was opened; `None` if the id tells nothing.

    Akool's ids look like those of MongoDB, whose first 8 hex digits are seconds since 1970. No
    page says so.
    """
    if not _HEX.match(id):
        return None
    guess = datetime.fromtimestamp(int(id[:8], 16), UTC)
    return guess if _EARLIEST < guess < now + _DAY else None
