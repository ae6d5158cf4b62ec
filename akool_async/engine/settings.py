"""What the client decides about its jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from akool_async.engine.known_creates import KnownCreates
from akool_async.engine.places import Places
from akool_async.engine.record import JobRecord
from akool_async.engine.room import Room
from akool_async.protocol.endpoint import Family, Startable
from akool_async.protocol.value import Input, Value
from akool_async.schedule.backoff import Backoff
from akool_async.schedule.batch_size import BatchSize

if TYPE_CHECKING:
    from akool_async.schedule.learner import Learner


class Limits(Input):
    """How many HTTP requests may be under way at once, and how large the largest are."""

    shows_defaults = True

    creates: int = 48
    """Create requests at once."""
    polls: int = 16
    """Lookups of one id at once, all families together."""
    batch_polls: int = 8
    """Lookups of many ids at once, all families together."""
    batch: int | None = None
    """The most ids in one lookup, where the endpoint takes many. Akool publishes no limit, so by
    default the client learns it, from 100 ids on. A number given here is never exceeded."""
    downloads: int = 8
    """Downloads of results at once."""
    uploads: int = 4
    """Uploads of files at once. Each holds at most 10 MiB in memory."""
    operations: Mapping[str, int] = {}
    """The most jobs in flight by a pattern of operation names, such as `{"video.*": 20}`, beside
    the one limit on all jobs."""

    def check(self) -> None:
        """Refuse limits under which nothing would ever happen."""
        for name in ("creates", "polls", "batch_polls", "batch", "downloads", "uploads"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise self.refuse(name, "must be at least 1")
        if any(each < 1 for each in self.operations.values()):
            raise self.refuse("operations", "must be at least 1 for each pattern")


class EventListener(Protocol):
    """Is notified of the events in the lives of jobs."""

    @property
    def listening(self) -> bool:
        """Whether anybody wants to know; asked when a job begins, not for each event."""
        ...

    def __call__(self, event: str, record: JobRecord[Any], about: object = None) -> object:
        """Take note of one event."""
        ...


class Policies(Value):
    """What the client decides about its jobs."""

    room: Room
    """How many jobs may be in flight, as it is now."""
    limits: Limits
    timeout: Callable[[str], float | None]
    """Returns the seconds that an operation's jobs may take, by its name."""
    schedule: Callable[[Startable[Any] | type[Startable[Any]], str], Backoff | Learner]
    """Returns when an operation's jobs are polled, by the operation and its name."""
    batch_size: Callable[[Family[Any]], BatchSize]
    """Returns how many of a family's ids one lookup may hold."""
    finish_result: Callable[[JobRecord[Any], Any], Any]
    """Makes the last snapshot of a completed job its result."""
    handle: Callable[[JobRecord[Any]], object]
    """Makes the user's handle on a record."""
    creates: KnownCreates | None = None
    """Keeps what is known of creates whose jobs a list shows."""
    arms: bool = False
    """Whether creates get webhook addresses of their own."""
    patience: float = 900.0
    """Seconds for which a create without a reply waits for a webhook."""
    places: Places | None = None
    """Places that are shared with other clients, beside the client's own limit."""
    waits_for_host: bool = False
    """Whether jobs that were not sent wait while the host cannot be reached."""
    deliver: Callable[[JobRecord[Any]], object] | None = None
    """Called with each job that has ended, where ends are delivered."""
    listener: EventListener | None = None
    """Notified of each event of each job."""
