"""One job on its way: the engine's record of it. A `Job` is the user's handle on it.

A hundred thousand of these may wait at once, so each holds as little as it can: a list only
once several listen, and what few jobs ever have in a dict that most never get.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, cast, overload

import msgspec

from akool_async.engine.failure import Failure, likeness
from akool_async.engine.step import Step, step_of
from akool_async.engine.wait import Wait
from akool_async.errors import AkoolError, JobCancelled, JobError
from akool_async.protocol.endpoint import Family, Operation
from akool_async.protocol.snapshot import Snapshot, Status
from akool_async.protocol.token import JobReference, reference_to, write
from akool_async.schedule.backoff import Backoff

if TYPE_CHECKING:
    from akool_async.job import Job
    from akool_async.journal import State
    from akool_async.schedule.learner import Learner

S = TypeVar("S", bound=Snapshot)
J = TypeVar("J", bound=JobError)
T = TypeVar("T")


class Phase(Enum):
    """How far a job has come, as the engine sees it."""

    QUEUED = "waiting for a place under the limit"
    CREATING = "being created"
    WATCHED = "accepted, and watched"
    FOLLOWING = "going as another job of its key goes"
    ENDED = "ended"


# As names of this module they are found faster than as members of the class, up to Python 3.11.
QUEUED, CREATING, WATCHED = Phase.QUEUED, Phase.CREATING, Phase.WATCHED
FOLLOWING, ENDED = Phase.FOLLOWING, Phase.ENDED
COMPLETED, FAILED = Status.COMPLETED, Status.FAILED


class Kind(Generic[S]):
    """What all jobs of one operation have in common, on one event loop."""

    __slots__ = (
        "epoch",
        "family",
        "handle",
        "in_flight",
        "learner",
        "longest",
        "loop",
        "name",
        "schedule",
        "tally",
        "timeout",
    )

    def __init__(
        self,
        name: str,
        family: Family[S],
        *,
        schedule: Backoff | Learner,
        timeout: float | None,
        epoch: float,
        handle: Callable[[Flight[Any]], Job[Any] | None] | None = None,
    ) -> None:
        self.name = name
        """The operation's dotted name."""
        self.family = family
        self.schedule = schedule
        """When its jobs are looked at."""
        self.learner = None if isinstance(schedule, Backoff) else schedule
        bounds = schedule if isinstance(schedule, Backoff) else schedule.settings
        self.longest = bounds.maximum
        """Seconds between two looks at most, jitter aside."""
        self.timeout = timeout
        """Seconds from acceptance to the terminal status; `None` for no end."""
        self.epoch = epoch
        """What turns the clock's monotonic seconds into seconds since 1970."""
        self.handle = handle
        """Makes the user's handle on one of its jobs, for errors to hold."""
        self.loop = asyncio.get_running_loop()
        self.in_flight = 0
        """How many of its jobs hold a place now."""
        self.tally: Counter[str] = Counter()
        """How many of its jobs have taken each step."""


class _Rare(Generic[T]):
    """An attribute that few jobs ever have; until one has it, it costs nothing."""

    def __init__(self, default: T) -> None:
        self._default = default
        self._name = ""

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, flight: None, owner: type) -> _Rare[T]: ...
    @overload
    def __get__(self, flight: Flight[Any], owner: type) -> T: ...
    def __get__(self, flight: Flight[Any] | None, owner: type) -> T | _Rare[T]:
        if flight is None:
            return self
        rare = flight._rare
        return self._default if rare is None else cast("T", rare.get(self._name, self._default))

    def __set__(self, flight: Flight[Any], value: T) -> None:
        if flight._rare is None:
            flight._rare = {}
        flight._rare[self._name] = value


class Flight(msgspec.Struct, Generic[S], eq=False, gc=False):
    """A job's state and, once it has ended, its outcome.

    The garbage collector does not look into it, for that would stop all else for long where there
    are many. So, once it has ended, it must not be part of a ring of references.
    """

    kind: Kind[S]
    request: Operation[S] | None
    phase: Phase = QUEUED
    looked_for: bool = False
    """Whether anybody has asked for its outcome."""
    id: str | None = None
    accepted_at: float = 0.0
    """When it was accepted, in the clock's monotonic seconds."""
    seen_at: float = 0.0
    """When it was last seen not to have ended."""
    _receipt: S | str | bytes | None = None
    _seen: S | Status | None = None
    _fate: Any = None
    """Who is told of the end, until then; from then on the outcome."""
    _rare: dict[str, Any] | None = None

    key = _Rare[str | None](None)
    payloads = _Rare[dict[str, str] | None](None)
    """By each key that it is known under: what tells its request from others."""
    entry = _Rare[int | None](None)
    """The number of its row in the journal, if there is one."""
    row_state = _Rare(cast("State | None", None))
    """The state in which it has left that row, once it has ended."""
    steps = _Rare[tuple[str, ...]](())
    """Tokens of the paid steps that came before, if it is a recipe's."""
    preparing = _Rare[asyncio.Task[None] | None](None)
    """What takes those steps, while they are being taken."""
    holds_semaphore = _Rare(False)
    """Whether a place of the user's own semaphore is its."""
    doubts = _Rare(0)
    """How many looks in a row were refused."""
    unwanted = _Rare(False)
    """Whether it shall be cancelled: then it is not sent once more."""
    cancelled = _Rare(False)
    """Whether that is how it ended; reading it is no look at the outcome."""
    own_timeout = _Rare[float | None](-1.0)
    """Its timeout, where that is not its kind's."""
    watched_since = _Rare[float | None](None)
    """When its time began to run, in the clock's seconds, where that is not its acceptance."""
    spared = _Rare(False)
    """Whether its result is on disk since an earlier process."""
    noted = _Rare[dict[object, Any] | None](None)
    """What hooks keep of it, by hook."""
    _accepting = _Rare[asyncio.Future[None] | None](None)
    _listeners = _Rare["tuple[Listener, ...]"](())
    """Who is told of each change of status."""

    def __repr__(self) -> str:  # a request may hold what is nobody's business
        return f"<Flight {self.name} {self.id}: {self.phase.value}>"

    @property
    def name(self) -> str:
        """The operation's dotted name."""
        return self.kind.name

    @property
    def family(self) -> Family[S]:
        """The jobs that it is asked about with."""
        return self.kind.family

    @property
    def timeout(self) -> float | None:
        """Seconds from acceptance to the terminal status; `None` for no end."""
        if self._rare is None:
            return self.kind.timeout
        own = self.own_timeout
        return self.kind.timeout if own is not None and own < 0 else own

    @property
    def ended(self) -> bool:
        """Whether there is an outcome."""
        return self.phase is ENDED

    @property
    def status(self) -> Status:
        """The last known status."""
        seen = self._seen
        if seen is None:
            return Status.QUEUED
        return seen if isinstance(seen, Status) else seen.status

    @property
    def snapshot(self) -> S | None:
        """The last observation; of a job in a crowd, no more of it than ids and status."""
        seen = self._seen
        if not isinstance(seen, Status):
            return seen
        return self.family.result(id=self.id or "", job_id=self.job_id, status=seen)

    @property
    def receipt(self) -> S | None:
        """The create reply; of a job in a crowd, no more of it than its ids."""
        kept = self._receipt
        if isinstance(kept, Snapshot):
            return kept
        if self.id is None or self.resumed:
            return None
        return self.family.result(id=self.id, job_id=self.job_id)

    @property
    def resumed(self) -> bool:
        """Whether it was accepted elsewhere, and is watched on here."""
        return self.watched_since is not None

    @property
    def job_id(self) -> str | None:
        """The vendor's second id of the job."""
        kept = self._receipt
        if isinstance(kept, Snapshot):
            return kept.job_id
        return kept.hex() if isinstance(kept, bytes) else kept

    @property
    def created_at(self) -> datetime | None:
        """When it was accepted, in UTC."""
        if self.id is None:
            return None
        return datetime.fromtimestamp(self.kind.epoch + self.accepted_at, UTC)

    @property
    def deadline(self) -> float:
        """When it runs out of time, in the clock's seconds."""
        timeout = self.timeout
        if timeout is None:
            return float("inf")
        since = self.watched_since
        return (self.accepted_at if since is None else since) + timeout

    @property
    def token(self) -> str | None:
        """The job's token, once it has been accepted."""
        if self.id is None:
            return None
        created = self.kind.epoch + self.accepted_at
        return write(reference_to(self.name, self.id, self.job_id, created))

    def accept(self, receipt: S, now: float, *, crowded: bool = False) -> None:
        """Take in the create reply.

        Args:
            receipt: The reply.
            now: The clock's time.
            crowded: Whether so many wait that only the ids of the receipt are kept.
        """
        self.id = receipt.id
        self.accepted_at = self.seen_at = now
        self._receipt = _packed(receipt.job_id) if crowded else receipt
        self.phase = WATCHED
        self.observe(receipt, crowded=crowded)
        if self._rare is not None:
            self._tell_accepted()

    def known_as(self, reference: JobReference, now: float) -> None:
        """Take over a job that was accepted earlier, perhaps in another process."""
        self.id, self._receipt = reference.id, reference.job_id
        self.accepted_at = self.seen_at = reference.created - self.kind.epoch
        self.watched_since = now

    def watch(self) -> None:
        """Be watched from here on."""
        self.phase = WATCHED
        self._tell_accepted()

    def observe(self, snapshot: S, *, crowded: bool = False) -> None:
        """Take in what a look, or a webhook, has shown; in a crowd, no more than the status."""
        if self._rare is None or not self._listeners:
            self._seen = snapshot.status if crowded else snapshot
            return
        before = None if self._seen is None else self.status
        self._seen = snapshot
        if before != snapshot.status:
            self._tell(snapshot)

    def glance(self, snapshot: S, asked_at: float) -> bool:
        """Say whether a look has shown nothing new, as nearly all do; note when that was."""
        seen, status = self._seen, snapshot.status
        before = seen if seen is None or isinstance(seen, Status) else seen.status
        if status is not before or status is COMPLETED:
            return False
        if self._rare is not None and (self._listeners or self.doubts):
            return False
        self.seen_at = asked_at
        return True

    def completed(self, snapshot: S) -> S:
        """Return the terminal snapshot with what only the receipt, or the token, said."""
        kept = self._receipt
        whole = snapshot.following(kept) if isinstance(kept, Snapshot) else snapshot
        job_id = self.job_id if whole.job_id is None else None
        return whole if job_id is None else msgspec.structs.replace(whole, job_id=job_id)

    def follow(self, leader: Flight[S], step: Stepped) -> None:
        """Go, from here on, as another job of the same key goes; `step` is told of each step."""

        def advance(_leader: Flight[S], snapshot: S | None) -> None:
            if not self.ended:
                self._advance(leader, snapshot, step)

        leader.looked_for = True
        if not leader.ended:
            leader.listen(advance)
        advance(leader, leader.snapshot)

    def _advance(self, leader: Flight[S], snapshot: S | None, step: Stepped) -> None:
        if leader.id is not None and self.phase is not FOLLOWING:
            self.id, self._receipt = leader.id, leader._receipt
            self.accepted_at, self.watched_since = leader.accepted_at, leader.watched_since
            self.phase = FOLLOWING
            self._tell_accepted()
            step(Step.RESUMED, self, None)
        if snapshot is not None:
            changed = snapshot.status is not self.status
            self.observe(snapshot)
            if changed:
                step(Step.STATUS, self, snapshot.status)
        if leader.ended:
            self._end_as(leader, step)

    def _end_as(self, leader: Flight[S], step: Stepped) -> None:
        error = leader.exception()
        outcome: Any = leader.result() if error is None else likeness(error)
        if error is None:
            self.succeed(outcome)
        else:
            self.fail(outcome)
        step(step_of(outcome), self, self.outcome)

    def succeed(self, result: S) -> None:
        """End with a result."""
        self._end(result)

    def fail(self, error: BaseException) -> None:
        """End with an error, which gets the token if it has none."""
        if isinstance(error, AkoolError):
            error.token = error.token or self.token
            error.steps = error.steps or self.steps
        if isinstance(error, JobCancelled):
            self.cancelled = True
        self._end(Failure(error, self.kind.loop))

    @property
    def outcome(self) -> S | BaseException:
        """The result, or what ended the job instead; looked at by nobody yet."""
        if not self.ended:
            raise asyncio.InvalidStateError("the job has not ended")
        fate: S | Failure = self._fate
        return fate.error(self) if isinstance(fate, Failure) else fate

    def result(self) -> S:
        """Return the result, or raise what ended the job instead."""
        outcome = self.outcome
        if isinstance(outcome, BaseException):
            self.forgive()
            try:
                raise outcome.with_traceback(None)
            finally:
                del outcome  # or the error would hold this frame, and this frame the error
        return outcome

    def exception(self) -> BaseException | None:
        """Return what ended the job, or `None` if it has a result."""
        outcome = self.outcome
        self.forgive()
        return outcome if isinstance(outcome, BaseException) else None

    def forgive(self) -> None:
        """Let an error that nobody looked at go unmentioned."""
        if isinstance(self._fate, Failure):
            self._fate.seen()

    def error(self, cls: type[J], message: str) -> J:
        """Build an error about this job."""
        return cls(
            message,
            name=self.name,
            token=self.token,
            snapshot=self.snapshot,
            request=self.request,
        )

    async def accepted(self) -> None:
        """Wait until the vendor has accepted the job, or it has ended without that."""
        if self.phase not in (QUEUED, CREATING):
            return
        if self._accepting is None:
            self._accepting = self.kind.loop.create_future()
        await asyncio.shield(self._accepting)

    def _tell_accepted(self) -> None:
        accepting = self._accepting
        if accepting is not None and not accepting.done():
            accepting.set_result(None)

    def wait(self, waiter: Waiter) -> None:
        """Tell of the end."""
        waiting: Waiter | _Several | None = self._fate
        if waiting is None:
            self._fate = waiter
        elif isinstance(waiting, _Several):
            waiting.add(waiter)
        else:
            self._fate = _Several([waiting, waiter])

    def unwait(self, waiter: Waiter) -> int:
        """Tell of the end no more; return how often the waiter was there."""
        others = [each for each in self.waiters if each != waiter]
        removed = len(self.waiters) - len(others)
        if removed:
            self._fate = _Several(others) if others else None
        return removed

    @property
    def waiters(self) -> Sequence[Waiter]:
        """Who is told of the end, in the order in which they came."""
        waiting: Waiter | _Several | None = None if self.ended else self._fate
        if waiting is None:
            return ()
        return waiting if isinstance(waiting, _Several) else (waiting,)

    def listen(self, listener: Listener) -> None:
        """Tell of each change of status, and with `None` of the end."""
        self._listeners = (*self._listeners, listener)

    def unlisten(self, listener: Listener) -> None:
        """Tell of changes no more."""
        self._listeners = tuple(each for each in self._listeners if each != listener)

    def age(self, now: float) -> float:
        """Return the seconds since the vendor accepted the job."""
        return max(0.0, now - self.accepted_at)

    @property
    def seen_age(self) -> float:
        """The seconds after which it was last seen not to have ended."""
        return max(0.0, self.seen_at - self.accepted_at)

    def _end(self, outcome: S | Failure) -> None:
        waiters = self.waiters
        self.phase, self._fate = ENDED, outcome
        if self._rare is not None:
            self._tell_accepted()
            self._tell(None)
            self._listeners = ()
        for waiter in waiters:
            waiter(self)

    def _tell(self, snapshot: S | None) -> None:
        for listener in self._listeners:
            listener(self, snapshot)


class KeptFlight(Flight[S], Generic[S], gc=True, weakref=True):
    """A job that a journal points at, weakly; the garbage collector looks into it."""


Waiter: TypeAlias = Callable[[Flight[Any]], object]
"""Who is told of a job's end."""


class _Several(list[Waiter]):
    """More than one of them; those that gave up waiting go now and then."""

    limit = 64

    def add(self, waiter: Waiter) -> None:
        """Take one more in."""
        if len(self) >= self.limit:
            self[:] = [each for each in self if not (isinstance(each, Wait) and each.done())]
            self.limit = 64 + 2 * len(self)
        self.append(waiter)


Listener: TypeAlias = Callable[[Flight[Any], Any], object]
"""Who is told of each new status of a job, and with `None` of its end."""

Stepped: TypeAlias = Callable[[str, Flight[Any], object], object]
"""Who is told of each step of a job, and of what belongs to it: a status, or the outcome."""


def _packed(job_id: str | None) -> str | bytes | None:
    """Return an id in as few bytes as it can be restored from."""
    if not job_id:
        return job_id
    try:
        packed = bytes.fromhex(job_id)
    except ValueError:
        return job_id
    return packed if packed.hex() == job_id else job_id
