"""How jobs run: one limit, one queue, and one watch per result family."""

from __future__ import annotations

from akool_async.engine.core import Engine
from akool_async.engine.credit_guard import CreditGuard
from akool_async.engine.event_names import ENDS, EventName
from akool_async.engine.operation import OperationState
from akool_async.engine.options import (
    DEFAULT,
    FAIL_FAST,
    HELD_JOB,
    NO_OPTIONS,
    ClientDefault,
    JobOptions,
)
from akool_async.engine.places import Places, Semaphore, SemaphorePlaces
from akool_async.engine.record import JobRecord
from akool_async.engine.settings import EventListener, Limits, Policies
from akool_async.engine.state import JobState
from akool_async.engine.waiters import Waiter

__all__ = [
    "DEFAULT",
    "ENDS",
    "FAIL_FAST",
    "HELD_JOB",
    "NO_OPTIONS",
    "ClientDefault",
    "CreditGuard",
    "Engine",
    "EventListener",
    "EventName",
    "JobOptions",
    "JobRecord",
    "JobState",
    "Limits",
    "OperationState",
    "Places",
    "Policies",
    "Semaphore",
    "SemaphorePlaces",
    "Waiter",
]
