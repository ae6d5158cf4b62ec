"""The figures of a run: what a bar, a log line, a dashboard and a report show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from akool_async.protocol.value import Value

Phase: TypeAlias = Literal[
    "starting", "running", "paused", "out of credit", "no connection", "draining", "over"
]
"""What a run does. Without credit, it waits until there is some, or somebody resumes it. Without a
connection to Akool, or to the bucket for its files, it waits until there is one."""


class OperationFigures(Value):
    """The rows of one operation. The six counts always add up to `rows`."""

    rows: int = 0
    waiting: int = 0
    """Not yet sent."""
    in_flight: int = 0
    """Being created, or at Akool."""
    completed: int = 0
    failed: int = 0
    """Failed, refused, expired or abandoned."""
    in_doubt: int = 0
    """Sent, and nobody knows whether Akool made the job."""
    skipped: int = 0
    """Left out by `--limit`, `--only`, `--skip`, `--sample`, or because the run stopped early."""
    median: float | None = None
    """The median seconds from acceptance to the end, as far as is learned."""


class ErrorFigures(Value):
    """The rows that ended with one class of error."""

    error: str
    count: int
    newest: str
    """The sentence of the newest one."""


class RunFigures(Value):
    """The figures of a run at one moment."""

    phase: Phase = "starting"
    operations: Mapping[str, OperationFigures] = {}
    """By operation, in the order of the manifest."""
    done_before: int = 0
    """Rows that had completed before this process began; they count as completed."""
    saved: int = 0
    """Files on disk."""
    behind: int = 0
    """Results that wait to be saved."""
    bytes: int = 0
    """Bytes on disk."""
    per_minute: float | None = None
    """Rows that ended in the last minute."""
    credits_spent: float | None = None
    """As learned, or as given by `--price`; `None` while unknown, never 0 for it."""
    credits_left: float | None = None
    """As the account last said."""
    errors: tuple[ErrorFigures, ...] = ()
    """By class, the most frequent first."""
    concurrency: int = 0
    """The most jobs at Akool at once."""
    elapsed: float = 0.0
    """Seconds since this process began the run."""
    eta: float | None = None
    """Seconds until the last row has ended, as far as can be told."""
