"""When to poll a job again, and how many jobs one request may hold: fixed, or learned."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from akool_async.schedule.backoff import Backoff
    from akool_async.schedule.learner import Learner, Schedule

__all__ = ["Backoff", "Learner", "Schedule"]

_HOMES = {"Backoff": "backoff"}
"""The module of each name that is not in `learner`. A client with a fixed schedule never loads
`learner`."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'learner')}"), name)
