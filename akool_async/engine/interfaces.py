"""What the parts of the engine ask of the engine itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from akool_async.engine.calls import Calls
from akool_async.engine.endings import Endings
from akool_async.engine.pending import PendingJobs
from akool_async.engine.record import JobRecord
from akool_async.http.exchange import Exchange
from akool_async.http.transport import Delivery
from akool_async.protocol.snapshot import Snapshot

if TYPE_CHECKING:
    from akool_async.engine.armed_creates import ArmedCreates


class JobOwner(Protocol):
    """The engine, as the part that creates jobs sees it."""

    @property
    def exchange(self) -> Exchange:
        """What sends requests."""
        ...

    @property
    def calls(self) -> Calls:
        """The calls of coroutine functions of the user."""
        ...

    @property
    def cancelling(self) -> set[JobRecord[Any]]:
        """Jobs that are being created, and are to be cancelled."""
        ...

    @property
    def pending(self) -> PendingJobs:
        """The jobs that are not in the queue yet."""
        ...

    @property
    def closing(self) -> bool:
        """Whether nothing may be sent any more."""
        ...

    @property
    def armed(self) -> ArmedCreates | None:
        """The creates whose outcome a webhook can tell; `None` without webhooks."""
        ...

    def report(self, event: str, record: JobRecord[Any], about: object = None) -> None:
        """Notify of an event, and count it."""
        ...

    def accepted(self, record: JobRecord[Any], receipt: Any, delivery: Delivery) -> None:
        """Watch a job whose create was answered with success."""
        ...

    def finish(self, record: JobRecord[Any], outcome: Snapshot | BaseException) -> None:
        """End a job, whatever the reason."""
        ...

    @property
    def endings(self) -> Endings:
        """The ends of jobs that nobody asked to end."""
        ...

    def credit_returned(self) -> None:
        """Create jobs again that wait for credit."""
        ...
