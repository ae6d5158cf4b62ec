"""When to look at a job again, and about how many jobs at once: fixed, or learned."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from akool_async.schedule.backoff import Backoff
    from akool_async.schedule.learner import Learner, Schedule

__all__ = ["Backoff", "Learner", "Schedule"]

_HOMES = {"Backoff": "backoff"}
"""Where each name lives, if not in `learner`; a client with a fixed schedule loads no other."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'learner')}"), name)
