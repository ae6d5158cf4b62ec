"""Sessions that Akool bills until they are closed: each is closed, however its block is left.

How this works
--------------
`ClosingSession` opens as every job does: the create is sent at most once, and a lost reply is
`CreateOutcomeUnknown`. It ends in a task of its own, so that a cancel of the user's task does not
cut the end short. A create that was not sent is dropped. One that is on its way is waited for. A
session that runs is closed by its id, also if its job says that it is over. The close is repeated
until Akool answers, or `grace` is over. The user's task waits for all that, and only then sees its
own cancel. The client keeps all sessions that are open, and ends them when it is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Generic, Protocol, Self, TypeVar

from akool_async.clock import Clock
from akool_async.errors import AkoolError, CreateOutcomeUnknown, SessionLeftOpen
from akool_async.job import Job
from akool_async.observers import logger
from akool_async.protocol.endpoint import Command, Endpoint, Startable
from akool_async.protocol.snapshot import Snapshot
from akool_async.streaming.closer import Closer
from akool_async.streaming.open_sessions import OpenSessions
from akool_async.streaming.session_job import SessionJob
from akool_async.streaming.waiting import lasting

S = TypeVar("S", bound=Snapshot)
T = TypeVar("T")

GRACE: Final = 10.0
"""Seconds in which a close is repeated, unless the session is told another number."""
SLACK: Final = 600.0
"""Seconds by which a session may last longer than is documented."""
_OVER: Final = 5.0
"""Seconds that the rest of an end may take once the session is closed, such as a transport's."""


class Opener(Protocol):
    """The client, as far as sessions use it."""

    @property
    def clock(self) -> Clock:
        """Where the client's time comes from."""
        ...

    @property
    def open_sessions(self) -> OpenSessions:
        """The sessions that the client closes when it is closed."""
        ...

    def hold(self, request: Startable[S], /, *, rarely: bool = True) -> SessionJob[S]:
        """Start the job of a session; look it up as a session that is held, or as every job."""
        ...

    async def call(self, endpoint: Endpoint[T], /) -> T:
        """Send an endpoint."""
        ...


class ClosingSession(Generic[S]):
    """A session at Akool, for `async with`: it is closed when the block is left.

    That holds for a return, an exception and a cancel, also one that comes while the session is
    being opened: leaving waits until Akool has answered. A session that is closed already is no
    error.

    Args:
        client: What sends the requests.
        create: The request that opens the session.
        close: Makes the request that closes it, by its id. It may be sent several times.
        grace: Seconds in which the close is repeated while no answer comes.
        duration: Seconds after which it ends by itself; `None` if it was opened without a duration.

    Raises:
        CreateOutcomeUnknown: on entering: the session may be open, and nobody knows its id.
        SessionLeftOpen: on leaving a block that raised nothing: the session could not be closed.
    """

    def __init__(
        self,
        client: Opener,
        create: Startable[S],
        close: Callable[[str], Command[None]],
        *,
        grace: float = GRACE,
        duration: float | None = None,
    ) -> None:
        self._client = client
        self._duration = duration
        self._create = create
        self._closer = Closer(client, close, grace)
        self._started: SessionJob[S] | None = None
        self._ending: asyncio.Task[SessionLeftOpen | None] | None = None
        self._rarely = True
        self._by_hand = False
        """Whether the user has sent the close."""
        self._told = False
        """Whether the log says that it could not be closed."""

    @property
    def job(self) -> Job[S]:
        """The job that opened the session.

        Raises:
            RuntimeError: the session was not entered.
        """
        return self._entered().job

    def _entered(self) -> SessionJob[S]:
        if self._started is None:
            raise not_open()
        return self._started

    @property
    def id(self) -> str:
        """The session's `_id`."""
        return self.receipt.id

    @property
    def receipt(self) -> S:
        """What Akool answered when the session was opened.

        Raises:
            RuntimeError: the session was not entered.
        """
        receipt = self.job.receipt
        if receipt is None:
            raise not_open()
        return receipt

    @property
    def closed(self) -> bool:
        """Whether the session was closed, or is being closed."""
        return self._ending is not None

    @property
    def over(self) -> bool:
        """Whether its time is over by much, so that there is nothing to close."""
        started = self._started
        if started is None or started.opened_at is None:
            return False
        return started.age > started.longest + SLACK

    def __repr__(self) -> str:
        known = None if self._started is None else self._started.job.id
        state = "closed" if self.closed else ("open" if known else "not open")
        return f"<{type(self).__name__} {known or '-'}: {state}>"

    def begin(self, *, rarely: bool = True) -> Job[S]:
        """Send the create, and let the client close the session at its own end at the latest."""
        if self._started is not None:
            raise RuntimeError("a session is entered once; open another one")
        self._rarely = rarely
        started = self._started = self._client.hold(self._create, rarely=rarely)
        self._client.open_sessions.add(self)
        started.on_end(self._job_ended)
        return started.job

    def _job_ended(self) -> None:
        """Take note of the end of the job: the session may never have begun, or be closed."""
        job = self.job
        if job.id is None or job.cancelled():
            self._client.open_sessions.discard(self)

    async def __aenter__(self) -> Self:
        job = self.begin()
        try:
            await job.created()
        except BaseException as error:
            # The error says that none runs, that nobody knows its id, or the ids of several.
            several = isinstance(error, CreateOutcomeUnknown) and error.ids
            if several or not isinstance(error, Exception):
                await self._wait_for_end()
            self._client.open_sessions.discard(self)
            raise
        try:
            if not self.closed:
                self._begun()
        except BaseException:  # such as of the user's transport
            await self._wait_for_end()
            raise
        return self

    def _begun(self) -> None:
        """Do what the receipt of the session makes possible."""

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        left_open = await self._wait_for_end()
        if left_open is not None and exc is None:
            raise left_open

    async def close(self, reason: str = "closed") -> None:
        """Close the session now; leaving the block then sends nothing.

        Args:
            reason: Why, in a word or two.

        Raises:
            SessionLeftOpen: it could not be closed. Leaving the block tries once more.
        """
        left_open = await self._wait_for_end(reason)
        if left_open is not None:
            raise left_open

    async def _wait_for_end(self, reason: str = "closed") -> SessionLeftOpen | None:
        return await lasting(self.end(reason))

    def end(self, reason: str = "closed") -> asyncio.Task[SessionLeftOpen | None]:
        """Begin to end the session; return the task that does it, which may have done so."""
        ending = self._ending
        if ending is None or _failed(ending):
            ending = self._ending = asyncio.get_running_loop().create_task(self._end(reason))
        return ending

    def closed_by_hand(self) -> None:
        """End as a session whose close the user has sent: no other one is sent."""
        self._by_hand = True
        self.end()

    async def _end(self, reason: str) -> SessionLeftOpen | None:
        meanwhile = asyncio.get_running_loop().create_task(self._over(reason))
        try:
            return await self._closed()
        finally:
            self._client.open_sessions.discard(self)
            with suppress(asyncio.CancelledError):  # the loop ends all tasks
                await asyncio.wait([meanwhile], timeout=_OVER)
            meanwhile.cancel()

    async def _over(self, reason: str) -> None:
        """Do what the end of the session asks for, while it is being closed."""

    async def _closed(self) -> SessionLeftOpen | None:
        started = self._entered()
        job = started.job
        with suppress(AkoolError):  # what was not sent is dropped, what was is waited for
            await started.settle()
        if job.id is not None:
            return None if job.cancelled() else await self._close(started, job.id)
        unknown = job.exception() if job.done() else None
        if isinstance(unknown, CreateOutcomeUnknown) and unknown.ids:
            for each in unknown.ids:  # opened for one request: nobody is told of them but here
                reason = await self._closer.close(each)
                if reason is not None:
                    self._left_open(each, reason)
        elif isinstance(unknown, CreateOutcomeUnknown):
            logger.error("%s; its block was left, so nobody can close it", unknown)
        return None

    async def _close(self, started: SessionJob[S], id: str) -> SessionLeftOpen | None:
        """Close the session by its id, whatever its job's status says (T29)."""
        by_hand = self._by_hand  # a close that is sent here sets it, too
        reason = None if by_hand else await self._closer.close(id)
        if reason is None:
            started.note_closed(finish=self._rarely or not by_hand)
            return None
        started.note_left_open(reason)
        return self._left_open(id, reason)

    def _left_open(self, id: str, reason: str) -> SessionLeftOpen:
        left_open = SessionLeftOpen(self.job.name, id, reason, self._seconds_left())
        if not self._told:
            logger.error("%s", left_open)
        self._told = True
        return left_open

    def _seconds_left(self) -> float | None:
        """Return how many seconds are still paid; `None` if the session has no fixed end."""
        return None if self._duration is None else max(0.0, self._duration - self._entered().age)


def not_open() -> RuntimeError:
    """Return the error of a session that was not entered."""
    return RuntimeError("the session is not open: use `async with`")


def _failed(ending: asyncio.Task[SessionLeftOpen | None]) -> bool:
    if not ending.done():
        return ending.get_loop().is_closed()  # nothing runs it any more
    return ending.cancelled() or ending.exception() is not None or ending.result() is not None
