"""What the vendor has said about a job: its ids, receipt, and last snapshot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeAlias, TypeVar

import msgspec

from akool_async.clock import Moment
from akool_async.engine.operation import OperationState
from akool_async.observers import shield
from akool_async.protocol.endpoint import Family
from akool_async.protocol.snapshot import Snapshot, Status
from akool_async.protocol.token import JobReference, reference_to, write

S = TypeVar("S", bound=Snapshot)

# A name of a module is found faster than a member of a class, up to Python 3.11.
COMPLETED, FAILED = Status.COMPLETED, Status.FAILED

_DAY: Final = 24 * 3600.0
_BELIEVED: Final = (_DAY, 9 * _DAY)
"""Ages of a resumed job, in seconds, that are believed. They come from its token. Clocks are wrong
by hours (a time zone), or by weeks and years (never set, as before NTP after boot). A token of less
than a day may be a second old; one of much more than the lifetime of results is hardly resumed."""

Listener: TypeAlias = Callable[[Any, Any], object]
"""Called with a record and each new snapshot of another status; with `None` at the end."""


class KnownJob(Generic[S]):
    """What is known about one job.

    Where very many jobs wait, the receipt is kept as its ids, and the snapshot as its status.
    `receipt` and `snapshot` are then built when they are asked for.
    """

    __slots__ = (
        "_receipt",
        "_seen",
        "accepted_at",
        "created",
        "id",
        "listeners",
        "operation",
        "seen_at",
        "watched_since",
    )

    def __init__(self, operation: OperationState[S]) -> None:
        self.operation = operation
        self.id: str | None = None
        self.accepted_at = 0.0
        """When the vendor accepted the job, in the clock's monotonic seconds."""
        self.created = 0.0
        """The same as a date, in seconds since 1970; 0 where nobody knows."""
        self.seen_at = 0.0
        """When a lookup last showed that the job had not ended."""
        self.watched_since: float | None = None
        """When the job's time began to run, if that is not its acceptance."""
        self.listeners: tuple[Listener, ...] = ()
        self._receipt: S | str | bytes | None = None
        self._seen: S | Status | None = None

    @property
    def name(self) -> str:
        """The operation's dotted name."""
        return self.operation.name

    @property
    def family(self) -> Family[S]:
        """The result family."""
        return self.operation.family

    @property
    def status(self) -> Status:
        """The last known status."""
        seen = self._seen
        if seen is None:
            return Status.QUEUED
        return seen if isinstance(seen, Status) else seen.status

    @property
    def seen(self) -> bool:
        """Whether the vendor has shown the job, by a create reply or a lookup."""
        return self._seen is not None

    @property
    def looked_at(self) -> bool:
        """Whether a lookup has shown that the job had not ended."""
        return self.seen_at > self.accepted_at

    @property
    def snapshot(self) -> S | None:
        """The last snapshot; ids and status only, where no more was kept."""
        seen = self._seen
        if not isinstance(seen, Status):
            return seen
        return self.family.result(id=self.id or "", job_id=self.job_id, status=seen)

    @property
    def receipt(self) -> S | None:
        """The create reply; ids only, where no more was kept."""
        kept = self._receipt
        if isinstance(kept, Snapshot):
            return kept
        if self.id is None or self.watched_since is not None:
            return None
        return self.family.result(id=self.id, job_id=self.job_id)

    @property
    def job_id(self) -> str | None:
        """The vendor's second id of the job."""
        kept = self._receipt
        if isinstance(kept, Snapshot):
            return kept.job_id
        return kept.hex() if isinstance(kept, bytes) else kept

    @property
    def created_at(self) -> datetime | None:
        """When the vendor accepted the job, in UTC; `None` where nobody knows."""
        if self.id is None or not self.created:
            return None
        return datetime.fromtimestamp(self.created, UTC)

    @property
    def token(self) -> str | None:
        """The job's token, once the vendor has accepted the job."""
        if self.id is None:
            return None
        return write(reference_to(self.name, self.id, self.job_id, self.created))

    def age(self, now: float) -> float:
        """Return the seconds since the vendor accepted the job."""
        return max(0.0, now - self.accepted_at)

    def age_for_grace(self, now: float) -> float:
        """Return the age by which it is judged whether a job "does not exist" yet, or any more.

        A resumed job has its own grace, from its resumption on, unless its token has an age that
        is easily believed.
        """
        age = self.age(now)
        if self.watched_since is None or _BELIEVED[0] < age < _BELIEVED[1]:
            return age
        return min(age, now - self.watched_since)

    def take_receipt(self, receipt: S, now: Moment, *, whole: bool) -> None:
        """Keep a create reply, or only its ids."""
        self.id = receipt.id
        self._note_id(receipt.id)
        self.accepted_at = self.seen_at = now.time
        self.created = now.date
        self._receipt = receipt if whole else _packed(receipt.job_id)
        self.observe(self.family.without_end(receipt), whole=whole)

    def take_reference(self, reference: JobReference, now: Moment) -> None:
        """Keep the ids and the creation time of a job that was accepted earlier."""
        self.id, self._receipt = reference.id, reference.job_id
        self._note_id(reference.id)
        self.created = float(reference.created)
        # A token from the future shows that the clocks differ: the job is not younger than 0.
        age = max(0.0, now.date - self.created) if self.created else 0.0
        self.accepted_at = self.seen_at = now.time - age
        self.watched_since = now.time

    def _note_id(self, id: str) -> None:
        """Keep another create from being taken for the one of this job."""
        if self.operation.creates is not None:
            self.operation.creates.add(id)

    def take_ids(self, other: KnownJob[S]) -> None:
        """Keep what another record knows of the same job."""
        self.id, self._receipt = other.id, other._receipt
        self.accepted_at, self.watched_since = other.accepted_at, other.watched_since
        self.created = other.created

    def observe(self, snapshot: S, *, whole: bool = True) -> None:
        """Keep a snapshot, or only its status; notify listeners if the status is new."""
        if not self.listeners:
            self._seen = snapshot if whole else snapshot.status
            return
        before = None if self._seen is None else self.status
        self._seen = snapshot
        if before != snapshot.status:
            self.notify(snapshot)

    def unchanged(self, snapshot: S, asked_at: float) -> bool:
        """Say whether a snapshot shows nothing new, and keep when it was asked for.

        Nearly all snapshots show nothing new, so this test comes first and is short.
        """
        seen, status = self._seen, snapshot.status
        before = seen if seen is None or isinstance(seen, Status) else seen.status
        if status is not before or status is COMPLETED or status is FAILED:
            return False
        self.seen_at = asked_at
        return True

    def completed(self, snapshot: S) -> S:
        """Return the terminal snapshot with the fields that only the receipt has."""
        kept = self._receipt
        whole = snapshot.following(kept) if isinstance(kept, Snapshot) else snapshot
        job_id = self.job_id if whole.job_id is None else None
        return whole if job_id is None else msgspec.structs.replace(whole, job_id=job_id)

    def listen(self, listener: Listener) -> None:
        """Notify of each change of status, and with `None` of the end."""
        self.listeners = (*self.listeners, listener)

    def stop_listening(self, listener: Listener) -> None:
        """Notify of changes no more."""
        self.listeners = tuple(each for each in self.listeners if each != listener)

    def notify(self, snapshot: S | None) -> None:
        """Call all listeners."""
        for listener in self.listeners:
            shield("a listener", listener, self, snapshot)


def _packed(job_id: str | None) -> str | bytes | None:
    """Return an id in as few bytes as it can be restored from."""
    if not job_id:
        return job_id
    try:
        packed = bytes.fromhex(job_id)
    except ValueError:
        return job_id
    return packed if packed.hex() == job_id else job_id
