"""Runs of many rows: a manifest in, every file on disk, a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from akool_async.batch.check import Checked, FaultGroup, check
from akool_async.batch.manifest.fault import Fault
from akool_async.batch.manifest.options import RowOptions
from akool_async.batch.manifest.rows import BatchRow, read

if TYPE_CHECKING:
    from akool_async.batch.outcomes.outcome import Outcome
    from akool_async.batch.run_options import RunOptions
    from akool_async.batch.running import load, run

__all__ = [
    "BatchRow",
    "Checked",
    "Fault",
    "FaultGroup",
    "Outcome",
    "RowOptions",
    "RunOptions",
    "check",
    "load",
    "read",
    "run",
]

_HOMES = {
    "Outcome": "outcomes.outcome",
    "RunOptions": "run_options",
    "load": "running",
    "run": "running",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Not before it is used: a run needs SQLite.
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
