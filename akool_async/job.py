"""A job as a future: the user's handle on what Akool is making.

Many coroutines may await one job; it is watched once. Cancelling an awaiter leaves the
job alone.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any, Generic, TypeVar, cast

from akool_async.engine import Engine, Flight, Wait
from akool_async.errors import JobError
from akool_async.protocol.endpoint import Operation
from akool_async.protocol.snapshot import Snapshot, Status

S = TypeVar("S", bound=Snapshot)


class Job(Generic[S]):
    """One job: awaitable, observable, and resumable by its token.

    Made by the client's methods, by `akool.submit` and by `akool.job`; it runs whether
    awaited or not.
    """

    __slots__ = ("__weakref__", "_engine", "_flight")

    def __init__(self, flight: Flight[S], engine: Engine) -> None:
        self._flight = flight
        self._engine = engine

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Job):
            return NotImplemented
        return self._flight is cast("Job[Any]", other)._flight  # type: ignore[redundant-cast]

    def __hash__(self) -> int:
        return hash(self._flight)

    def __repr__(self) -> str:
        flight = self._flight
        return f"<Job {flight.name} {flight.id or 'not created'}: {flight.phase.value}>"

    @property
    def name(self) -> str:
        """The operation's dotted name, such as `reage.image`."""
        return self._flight.name

    @property
    def request(self) -> Operation[S] | None:
        """The request; `None` for a job resumed by its token."""
        return self._flight.request

    @property
    def id(self) -> str | None:
        """Akool's `_id`, which results are asked for by; `None` before creation."""
        return self._flight.id

    @property
    def job_id(self) -> str | None:
        """Akool's `job_id`, which cancelling takes; `None` where there is none (yet)."""
        return self._flight.job_id

    @property
    def receipt(self) -> S | None:
        """The create reply; `None` before creation, and for a resumed job."""
        return self._flight.receipt

    @property
    def status(self) -> Status:
        """The last known status; no request is made."""
        return self._flight.status

    @property
    def snapshot(self) -> S | None:
        """The last observation; no request is made."""
        return self._flight.snapshot

    @property
    def token(self) -> str:
        """A short URL-safe text with which any process watches this job on; holds no secret.

        Raises:
            asyncio.InvalidStateError: Akool has not accepted the job yet.
        """
        token = self._flight.token
        if token is None:
            raise asyncio.InvalidStateError(f"{self!r} has no token before it is created")
        return token

    @property
    def steps(self) -> tuple[str, ...]:
        """Tokens of the paid steps that came before, if a recipe started this job."""
        return self._flight.steps

    def __await__(self) -> Generator[Any, None, S]:
        self._check_loop()
        self._flight.looked_for = True
        return cast("Generator[Any, None, S]", Wait(self._flight))

    async def wait(self, timeout: float | None = None) -> S:  # noqa: ASYNC109 - as asyncio.wait
        """Return the result; the same as `await job`, as a coroutine.

        Args:
            timeout: Seconds after which this wait ends; the job goes on.

        Raises:
            TimeoutError: `timeout` seconds have passed.
            JobFailed: Akool reports that the job failed.
            JobTimeout: the job itself ran out of time.
            AkoolError: whatever else ended the job.
        """
        async with asyncio.timeout(timeout):
            return await self

    def _check_loop(self) -> None:
        if asyncio.get_running_loop() is not self._flight.kind.loop:
            raise RuntimeError(
                f"{self!r} belongs to another event loop; here, use akool.job(token)"
            )

    async def created(self) -> Job[S]:
        """Return this job once Akool has accepted it, so that it has an `id` and a `token`.

        Raises:
            AkoolError: the job ended without that.
        """
        self._check_loop()
        self._flight.looked_for = True
        await self._flight.accepted()
        if self._flight.id is None:
            await self
        return self

    def done(self) -> bool:
        """Say whether the job has ended."""
        return self._flight.ended

    def result(self) -> S:
        """Return the result of a job that has ended.

        Raises:
            asyncio.InvalidStateError: it has not.
            AkoolError: what ended it instead.
        """
        self._flight.looked_for = True
        return self._flight.result()

    def exception(self) -> BaseException | None:
        """Return what ended the job, or `None` if it has a result.

        Raises:
            asyncio.InvalidStateError: it has not ended.
        """
        self._flight.looked_for = True
        return self._flight.exception()

    def cancelled(self) -> bool:
        """Say whether the job ended because it was cancelled."""
        return self._flight.cancelled

    def add_done_callback(
        self,
        callback: Callable[[Job[S]], object],
        *,
        context: contextvars.Context | None = None,
    ) -> None:
        """Call back with this job, soon after it has ended."""
        self._flight.looked_for = True
        called = _Callback(self, callback, context or contextvars.copy_context())
        if self._flight.ended:
            called(self._flight)
        else:
            self._flight.wait(called)

    def remove_done_callback(self, callback: Callable[[Job[S]], object]) -> int:
        """Forget a callback; return how often it was there."""
        return self._flight.unwait(_Callback(self, callback))

    async def __aiter__(self) -> AsyncIterator[S]:
        """Yield the current snapshot, each change of status, and the terminal one."""
        self._check_loop()
        flight = self._flight
        flight.looked_for = True
        changes: asyncio.Queue[S | None] = asyncio.Queue()
        if flight.snapshot is not None:
            changes.put_nowait(flight.snapshot)
        if flight.ended:
            changes.put_nowait(None)

        def note(_flight: Flight[Any], snapshot: S | None) -> None:
            changes.put_nowait(snapshot)

        flight.listen(note)
        try:
            while (snapshot := await changes.get()) is not None:
                yield snapshot
        finally:
            flight.unlisten(note)
            flight.forgive()

    async def cancel(self) -> bool:
        """Cancel the job; return whether that is how it ended.

        A queued job is never sent. One that is being created is waited for first. One that
        Akool has accepted is cancelled there, where Akool offers it. A terminal status
        that came first wins.

        Raises:
            CancelNotSupported: Akool cannot cancel this operation; the job goes on.
            APIError: Akool refused; the job goes on.
            TransportError: no usable answer came; the job goes on.
        """
        self._check_loop()
        self._flight.looked_for = True
        try:
            return await self._engine.cancel(self._flight)
        except JobError as error:
            error.job = self
            raise
        finally:
            self._flight.forgive()

    @property
    def eta(self) -> float | None:
        """Seconds that jobs like this one still take, as a rule; `None` while nobody knows.

        Half of the jobs of its operation that have lasted as long end before that. It is
        learned from the jobs that this client has seen; where it waits for a place, or
        `backoff=` was given, there is none.
        """
        return self._engine.eta(self._flight)


class _Callback:
    """A done callback, equal to another of the same job and function."""

    __slots__ = ("callback", "context", "job")

    def __init__(
        self,
        job: Job[Any],
        callback: Callable[[Job[Any]], object],
        context: contextvars.Context | None = None,
    ) -> None:
        self.job = job
        self.callback = callback
        self.context = context

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Callback):
            return NotImplemented
        return self.job == other.job and self.callback == other.callback

    def __hash__(self) -> int:
        return hash((self.job, self.callback))

    def __call__(self, flight: Flight[Any], /) -> None:
        flight.kind.loop.call_soon(self.callback, self.job, context=self.context)
