"""The operations whose jobs run on one event loop, and new records of their jobs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from akool_async.engine.arrivals import Arrivals
from akool_async.engine.operation import HELD, OperationState
from akool_async.engine.options import NO_OPTIONS, JobOptions
from akool_async.engine.record import JobRecord
from akool_async.engine.settings import Policies
from akool_async.protocol.endpoint import Endpoint, Family, Operation, Startable
from akool_async.protocol.snapshot import Snapshot

_NAME: Final = re.compile(r"[a-z0-9_]{1,40}(\.[a-z0-9_]{1,40}){0,2}")
"""What may be shown as the name of an operation that does not exist."""


def _look_nowhere(_ids: Sequence[str]) -> Endpoint[Any]:
    raise LookupError("a job of no known operation is never looked up")


_NONE: Final[Family[Any]] = Family(name="", result=Snapshot, lookup=_look_nowhere)
"""The family of jobs of no known operation."""


class Operations(dict[str, OperationState[Any]]):
    """What the jobs of each operation, or recipe, share; by name, made at the first use.

    Args:
        policies: What the client decides.
    """

    def __init__(self, policies: Policies) -> None:
        super().__init__()
        self._policies = policies

    def of(
        self, startable: Startable[Any] | type[Startable[Any]], name: str
    ) -> OperationState[Any]:
        """Return what all jobs of an operation, or recipe, share."""
        known = self.get(name)
        if known is None:
            family: Family[Any] = startable.family
            held = (
                family.watch == "held"
            )  # its jobs are sessions: they last as long as they are used
            known = self[name] = OperationState(
                name,
                family,
                schedule=HELD if held else self._policies.schedule(startable, name),
                timeout=None if held else self._policies.timeout(name),
                handle=self._policies.handle,
                arrivals=Arrivals() if self._policies.arms else None,
                creates=None if startable.listed is None else self._policies.creates,
            )
        return known

    def unknown(self, name: str) -> OperationState[Any]:
        """Return what a job of no known operation has: it ends unsent, and is counted nowhere."""
        return OperationState(
            name if _NAME.fullmatch(name) else "unknown",
            _NONE,
            schedule=HELD,
            timeout=None,
            handle=self._policies.handle,
        )

    def record(
        self,
        startable: Startable[Any] | type[Operation[Any]],
        name: str,
        request: Operation[Any] | None = None,
        options: JobOptions = NO_OPTIONS,
    ) -> JobRecord[Any]:
        """Return the record of a new job."""
        return JobRecord(self.of(startable, name), request, options)
