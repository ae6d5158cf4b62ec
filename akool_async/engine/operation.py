"""What all jobs of one operation share, on one event loop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from akool_async.engine.arrivals import Arrivals
from akool_async.engine.known_creates import KnownCreates
from akool_async.protocol.endpoint import Family
from akool_async.protocol.snapshot import Snapshot
from akool_async.schedule.backoff import Backoff

if TYPE_CHECKING:
    from akool_async.schedule.learner import Learner

S = TypeVar("S", bound=Snapshot)

HELD: Final = Backoff(initial=30.0, multiplier=1.0, maximum=30.0)
"""The schedule of a held family, such as live sessions: a poll asks whether the session ended."""


class OperationState(Generic[S]):
    """What all jobs of one operation share, on one event loop.

    Args:
        name: The operation's dotted name.
        family: The result family.
        schedule: When its jobs are polled.
        timeout: Seconds from acceptance to the terminal status; `None` for no end.
        handle: Makes the user's handle on a record, for errors to hold.
        arrivals: Whether its webhooks arrive; `None` where creates are not armed.
        creates: Keeps what is known of its creates; `None` where no list shows its jobs.
    """

    __slots__ = (
        "arrivals",
        "creates",
        "events",
        "family",
        "handle",
        "in_flight",
        "learner",
        "longest",
        "loop",
        "name",
        "schedule",
        "timeout",
    )

    def __init__(
        self,
        name: str,
        family: Family[S],
        *,
        schedule: Backoff | Learner,
        timeout: float | None,
        handle: Callable[[Any], Any] = lambda _record: None,
        arrivals: Arrivals | None = None,
        creates: KnownCreates | None = None,
    ) -> None:
        self.name = name
        self.arrivals = arrivals
        self.creates = creates
        self.family = family
        self.schedule = schedule
        self.learner = None if isinstance(schedule, Backoff) else schedule
        """The schedule, if it learns."""
        bounds = schedule if isinstance(schedule, Backoff) else schedule.settings
        self.longest = bounds.maximum
        """The most seconds between two polls of a job, jitter aside."""
        self.timeout = timeout
        self.handle = handle
        self.loop = asyncio.get_running_loop()
        self.in_flight = 0
        """How many of its jobs hold a place now."""
        self.events: Counter[str] = Counter()
        """How often each event happened to its jobs."""
