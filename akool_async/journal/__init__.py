"""The durable record of jobs: the creates that were about to be sent, and how each ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from akool_async.journal.entry import UNDECIDED, UNFINISHED, Entry, State, fingerprint
from akool_async.journal.job_store import (
    Change,
    Claim,
    FindsCreates,
    FindsJobs,
    HearsDecisions,
    Intent,
    JobStore,
    Outbox,
    ReadsRows,
    TakesNotes,
    TellsDecisions,
    TellsSaved,
)
from akool_async.protocol.attempt import Attempt

if TYPE_CHECKING:
    from akool_async.journal.journal import Journal

__all__ = [
    "UNDECIDED",
    "UNFINISHED",
    "Attempt",
    "Change",
    "Claim",
    "Entry",
    "FindsCreates",
    "FindsJobs",
    "HearsDecisions",
    "Intent",
    "JobStore",
    "Journal",
    "Outbox",
    "ReadsRows",
    "State",
    "TakesNotes",
    "TellsDecisions",
    "TellsSaved",
    "fingerprint",
]


def __getattr__(name: str) -> Any:
    if name != "Journal":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Not before it is needed: most clients have no journal, and need no SQLite.
    from akool_async.journal.journal import Journal

    return Journal
