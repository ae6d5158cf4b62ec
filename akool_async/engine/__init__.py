"""How jobs run: one limit, one queue, and one watch per result family."""

from __future__ import annotations

from akool_async.engine.core import Engine, Limits, Policies, Semaphore
from akool_async.engine.flight import Flight, Kind, Phase, Waiter
from akool_async.engine.step import ENDS, Step
from akool_async.engine.treasury import Treasury
from akool_async.engine.wait import Wait
from akool_async.schedule.batch_size import BatchSize

__all__ = [
    "ENDS",
    "BatchSize",
    "Engine",
    "Flight",
    "Kind",
    "Limits",
    "Phase",
    "Policies",
    "Semaphore",
    "Step",
    "Treasury",
    "Wait",
    "Waiter",
]
