"""The operations whose jobs run on one event loop, and new records of their jobs."""

from __future__ import annotations

from typing import Any

from akool_async.engine.arrivals import Arrivals
from akool_async.engine.operation import HELD, OperationState
from akool_async.engine.options import NO_OPTIONS, JobOptions
from akool_async.engine.record import JobRecord
from akool_async.engine.settings import Policies
from akool_async.protocol.endpoint import Family, Operation, Startable


class Operations(dict[str, OperationState[Any]]):
    """What the jobs of each operation, or recipe, share; by name, made at the first use.

    Args:
        policies: What the client decides.
        epoch: What turns the clock's monotonic seconds into seconds since 1970.
    """

    def __init__(self, policies: Policies, epoch: float) -> None:
        super().__init__()
        self._policies = policies
        self._epoch = epoch

    def of(
        self, startable: Startable[Any] | type[Operation[Any]], name: str
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
                epoch=self._epoch,
                handle=self._policies.handle,
                arrivals=Arrivals() if self._policies.arms else None,
            )
        return known

    def record(
        self,
        startable: Startable[Any] | type[Operation[Any]],
        name: str,
        request: Operation[Any] | None = None,
        options: JobOptions = NO_OPTIONS,
    ) -> JobRecord[Any]:
        """Return the record of a new job."""
        return JobRecord(self.of(startable, name), request, options)
