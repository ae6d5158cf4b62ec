"""One job on its way: the engine's record of it. A `Job` is the user's handle on it."""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import Generic, TypeVar

import msgspec

from akool_async.endpoint import Family, Operation, Snapshot, Status
from akool_async.errors import AkoolError, JobCancelled, JobError
from akool_async.journal import State
from akool_async.token import JobReference, is_id, write

S = TypeVar("S", bound=Snapshot)
J = TypeVar("J", bound=JobError)


class Phase(Enum):
    """How far a job has come, as the engine sees it."""

    QUEUED = "waiting for a place under the limit"
    CREATING = "being created"
    WATCHED = "accepted, and watched"
    ENDED = "ended"


class Flight(Generic[S]):
    """A job's state, and the future of its result."""

    __slots__ = (
        "__weakref__",
        "_accepted",
        "_listeners",
        "accepted_at",
        "cancelled",
        "created_at",
        "deadline",
        "doubts",
        "entry",
        "family",
        "future",
        "id",
        "job_id",
        "key",
        "looked_for",
        "name",
        "payloads",
        "phase",
        "placed",
        "preparing",
        "receipt",
        "request",
        "row_state",
        "snapshot",
        "steps",
        "timeout",
    )

    def __init__(
        self,
        name: str,
        family: Family[S],
        request: Operation[S] | None,
        *,
        timeout: float | None,
        key: str | None = None,
    ) -> None:
        self.name = name
        self.family = family
        self.request = request
        self.timeout = timeout
        """Seconds from acceptance to the terminal status; `None` for no end."""
        self.key = key
        self.payloads: dict[str, str] | None = None
        """By each key that it is known under: what tells its request from others."""
        self.entry: int | None = None
        """The number of its row in the journal, if there is one."""
        self.row_state: State | None = None
        """The state in which it has left that row, once it has ended."""
        self.steps: tuple[str, ...] = ()
        """Tokens of the paid steps that came before, if it is a recipe's."""
        self.preparing: asyncio.Task[None] | None = None
        """What takes those steps, while they are being taken."""
        self.future: asyncio.Future[S] = asyncio.get_running_loop().create_future()
        self.phase = Phase.QUEUED
        self.placed = False
        """Whether it counts against the limit."""
        self.cancelled = False
        """Whether that is how it ended; reading it is no look at the outcome."""
        self.looked_for = False
        """Whether anybody has asked for its outcome."""
        self.id: str | None = None
        self.job_id: str | None = None
        self.created_at: datetime | None = None
        self.accepted_at = 0.0
        """When Akool accepted it, in the clock's monotonic seconds."""
        self.deadline = float("inf")
        self.doubts = 0
        """How many looks in a row were refused."""
        self.receipt: S | None = None
        self.snapshot: S | None = None
        self._accepted: asyncio.Future[None] | None = None
        self._listeners: list[Callable[[S | None], None]] | None = None

    @property
    def ended(self) -> bool:
        """Whether there is an outcome."""
        return self.phase is Phase.ENDED

    @property
    def status(self) -> Status:
        """The last known status."""
        return Status.QUEUED if self.snapshot is None else self.snapshot.status

    @property
    def token(self) -> str | None:
        """The job's token, once Akool has accepted it."""
        if self.id is None or self.created_at is None:
            return None
        created = int(self.created_at.timestamp())
        # A token is read strictly; without a strange job_id it still finds the result.
        job_id = self.job_id if self.job_id and is_id(self.job_id) else None
        return write(JobReference(name=self.name, id=self.id, job_id=job_id, created=created))

    def accept(self, receipt: S, now: datetime) -> None:
        """Take in the create reply."""
        self.id, self.job_id = receipt.id, receipt.job_id
        self.created_at = now
        self.receipt = receipt
        self.phase = Phase.WATCHED
        self.observe(receipt)
        self._tell_accepted()

    def resume(self, reference: JobReference) -> None:
        """Take over a job that was accepted earlier, perhaps in another process."""
        self.id, self.job_id = reference.id, reference.job_id
        self.created_at = reference.created_at
        self.phase = Phase.WATCHED
        self._tell_accepted()

    def observe(self, snapshot: S) -> None:
        """Take in what a look, or a webhook, has shown."""
        before, self.snapshot = self.snapshot, snapshot
        if before is None or before.status != snapshot.status:
            self._tell(snapshot)

    def completed(self, snapshot: S) -> S:
        """Return the terminal snapshot with what only the receipt, or the token, said."""
        whole = snapshot.following(self.receipt)
        if whole.job_id is None and self.job_id is not None:
            return msgspec.structs.replace(whole, job_id=self.job_id)
        return whole

    def follow(self, leader: Flight[S]) -> None:
        """Go, from here on, as another job of the same key goes."""
        leader.looked_for = True

        def advance(snapshot: S | None) -> None:
            self.id, self.job_id, self.created_at = leader.id, leader.job_id, leader.created_at
            if self.id is not None and not self.ended:
                self.phase = Phase.WATCHED
                self._tell_accepted()
            if snapshot is not None:
                self.observe(snapshot)

        def end(future: asyncio.Future[S]) -> None:
            error = future.exception()
            if self.ended:
                return
            if error is None:
                self.succeed(future.result())
            else:
                self.fail(copy.copy(error))

        advance(leader.snapshot)
        leader.listen(advance)
        leader.future.add_done_callback(end)

    def _tell_accepted(self) -> None:
        if self._accepted is not None and not self._accepted.done():
            self._accepted.set_result(None)

    def succeed(self, result: S) -> None:
        """End with a result."""
        self._end()
        if not self.future.done():
            self.future.set_result(result)

    def fail(self, error: BaseException) -> None:
        """End with an error, which gets the token if it has none."""
        if isinstance(error, AkoolError):
            error.token = error.token or self.token
            error.steps = error.steps or self.steps
        self.cancelled = isinstance(error, JobCancelled)
        self._end()
        if not self.future.done():
            self.future.set_exception(error)

    def error(self, cls: type[J], message: str) -> J:
        """Build an error about this job."""
        return cls(
            message,
            name=self.name,
            token=self.token,
            snapshot=self.snapshot,
            request=self.request,
        )

    def forgive(self) -> None:
        """Let an error that nobody looked at go unmentioned."""
        if self.future.done() and not self.future.cancelled():
            self.future.exception()

    async def accepted(self) -> None:
        """Wait until Akool has accepted the job, or it has ended without that."""
        if self.phase in {Phase.WATCHED, Phase.ENDED}:
            return
        if self._accepted is None:
            self._accepted = self.future.get_loop().create_future()
        await asyncio.shield(self._accepted)

    def listen(self, listener: Callable[[S | None], None]) -> Callable[[], None]:
        """Call back at each change of status, and with `None` at the end; returns the undo."""
        if self._listeners is None:
            self._listeners = []
        self._listeners.append(listener)

        def undo() -> None:
            with contextlib.suppress(ValueError):
                (self._listeners or []).remove(listener)

        return undo

    def age(self, now: float) -> float:
        """Return the seconds since Akool accepted the job."""
        return now - self.accepted_at

    def age_by_date(self, now: datetime) -> float:
        """Return the seconds since Akool accepted the job, across processes."""
        return 0.0 if self.created_at is None else (now - self.created_at).total_seconds()

    def _end(self) -> None:
        self.phase = Phase.ENDED
        self._tell_accepted()
        self._tell(None)
        self._listeners = None

    def _tell(self, snapshot: S | None) -> None:
        for listener in tuple(self._listeners or ()):
            listener(snapshot)
