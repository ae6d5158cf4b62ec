"""Sessions that Akool bills until they are closed: each is closed, however its block is left.

How this works
--------------
`ClosingSession` opens by `submit`, as every job does: the create is sent at most once, and a lost
reply is `CreateOutcomeUnknown`. It ends in a task of its own, so that no cancel of the user's task
cuts that short: a create that was not sent is dropped, one that is on its way is waited for, and
a session that runs is closed, again and again until Akool answers or `grace` is over. Whoever
leaves the block waits for that task, and learns of his own cancel afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Generic, Protocol, Self, TypeVar

from akool_async.clock import Clock
from akool_async.errors import (
    AkoolError,
    APIError,
    Conflict,
    CreateOutcomeUnknown,
    InvalidInput,
    InvalidRequest,
    NotFound,
    SessionLeftOpen,
    TransportError,
)
from akool_async.http.retry import RequestOutcome, outcome_of
from akool_async.job import Job
from akool_async.observers import logger
from akool_async.protocol.cells import checked_number
from akool_async.protocol.endpoint import Command, Endpoint, Startable
from akool_async.protocol.snapshot import Snapshot

S = TypeVar("S", bound=Snapshot)
T = TypeVar("T")

GRACE: Final = 10.0
"""Seconds in which a close is repeated, unless the session is told another number."""
_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 2.0


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

    def submit(self, request: Startable[S], /) -> Job[S]:
        """Start a job."""
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
    ) -> None:
        self._client = client
        self._create = create
        self._close_by = close
        rule = "must be a number of seconds, more than 0"
        self._grace = checked_number("grace", grace, rule)
        if not self._grace > 0:
            raise InvalidInput("grace", grace, rule)
        self._job: Job[S] | None = None
        self._ending: asyncio.Task[SessionLeftOpen | None] | None = None
        self._lost = False
        """Whether a close was sent whose answer was lost."""

    @property
    def job(self) -> Job[S]:
        """The job that opened the session.

        Raises:
            RuntimeError: the session was not entered.
        """
        if self._job is None:
            raise RuntimeError("the session is not open: use `async with`")
        return self._job

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
            raise RuntimeError("the session is not open: use `async with`")
        return receipt

    @property
    def closed(self) -> bool:
        """Whether the session was closed, or is being closed."""
        return self._ending is not None

    async def __aenter__(self) -> Self:
        if self._job is not None:
            raise RuntimeError("a session is entered once; open another one")
        self._job = self._client.submit(self._create)
        self._client.open_sessions.add(self)
        try:
            await self._job.created()
        except BaseException as error:
            # The error says that none runs, that nobody knows its id, or the ids of several.
            several = isinstance(error, CreateOutcomeUnknown) and error.ids
            if several or not isinstance(error, Exception):
                await self._wait_for_end()
            self._client.open_sessions.discard(self)
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        left_open = await self._wait_for_end()
        if left_open is not None and exc is None:
            raise left_open

    async def close(self) -> None:
        """Close the session now; leaving the block then sends nothing.

        Raises:
            SessionLeftOpen: it could not be closed. Leaving the block tries once more.
        """
        left_open = await self._wait_for_end()
        if left_open is not None:
            raise left_open

    async def _wait_for_end(self) -> SessionLeftOpen | None:
        return await lasting(self.end())

    def end(self) -> asyncio.Task[SessionLeftOpen | None]:
        """Begin to end the session; return the task that does it, which may have done so."""
        ending = self._ending
        if ending is None or (ending.done() and _failed(ending)):
            ending = self._ending = asyncio.get_running_loop().create_task(self._end())
        return ending

    async def _end(self) -> SessionLeftOpen | None:
        try:
            job = self.job
            # What was not sent is dropped, what was is waited for. The loop's end cancels tasks.
            with suppress(AkoolError, asyncio.CancelledError):
                await job.cancel()
            if job.id is not None:
                return None if job.cancelled() else await self._close(job.id)
            unknown = job.exception() if job.done() else None
            if isinstance(unknown, CreateOutcomeUnknown) and unknown.ids:
                for each in unknown.ids:  # opened for one request: nobody is told of them but here
                    await self._close(each)
            elif isinstance(unknown, CreateOutcomeUnknown):
                logger.error("%s; its block was left, so nobody can close it", unknown)
            return None
        finally:
            self._client.open_sessions.discard(self)

    async def _close(self, id: str) -> SessionLeftOpen | None:
        """Close the session by its id, whatever its job's status says."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._grace
        reason = f"no answer came within {self._grace:g} s"
        while True:
            try:
                async with asyncio.timeout_at(end):
                    await self._close_until_answered(id)
            except asyncio.CancelledError:  # the loop ends all tasks; this one has `end` for that
                continue
            except TimeoutError:
                pass
            except (AkoolError, RuntimeError) as error:  # the latter from a client that is closed
                reason = str(error)
            else:
                return None
            break
        left_open = SessionLeftOpen(self.job.name, id, reason)
        logger.error("%s", left_open)
        return left_open

    async def _close_until_answered(self, id: str) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._client.call(self._close_by(id))
            except AkoolError as error:
                if self._says_closed(error):
                    return
                if outcome_of(error) is RequestOutcome.REFUSED and _is_final(error):
                    raise
            else:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _says_closed(self, error: AkoolError) -> bool:
        """Say whether a refusal comes because an earlier close, whose answer was lost, worked."""
        if isinstance(error, InvalidRequest | NotFound | Conflict):
            return self._lost or error.attempts > 1
        self._lost = self._lost or outcome_of(error) is RequestOutcome.UNKNOWN
        return False


def _failed(ending: asyncio.Task[SessionLeftOpen | None]) -> bool:
    return ending.cancelled() or ending.exception() is not None or ending.result() is not None


def _is_final(error: AkoolError) -> bool:
    """Say whether the same refusal would come again."""
    if isinstance(error, TransportError):
        return error.cause in {"certificate", "client"}
    return isinstance(error, APIError) and error.http_status < 500  # noqa: PLR2004


class OpenSessions:
    """The sessions of a client that were opened, and not closed yet."""

    def __init__(self) -> None:
        self._sessions: dict[ClosingSession[Any], asyncio.AbstractEventLoop] = {}

    def add(self, session: ClosingSession[Any]) -> None:
        """Keep a session of the running loop."""
        self._sessions[session] = asyncio.get_running_loop()

    def discard(self, session: ClosingSession[Any]) -> None:
        """Forget a session that is closed."""
        self._sessions.pop(session, None)

    async def close(self) -> None:
        """Close the sessions of the running loop. Those that could not be are in the log."""
        here = asyncio.get_running_loop()
        endings = [each.end() for each, loop in tuple(self._sessions.items()) if loop is here]
        for ending in endings:
            await lasting(ending)


async def lasting(task: asyncio.Task[T]) -> T:
    """Return what a task returns; wait for it to the end, also while this task is cancelled.

    Raises:
        asyncio.CancelledError: it was cancelled, and the task has ended meanwhile.
    """
    import anyio

    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):  # a scope of anyio cancels in each turn of the loop
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:
                cancelled = error
    if cancelled is not None:
        raise cancelled
    return task.result()
