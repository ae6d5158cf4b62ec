"""The durable record of jobs: what was about to be created, what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from akool_async.journal.entry import Entry, State, fingerprint

if TYPE_CHECKING:
    from akool_async.journal.store import Journal

__all__ = ["Entry", "Journal", "State", "fingerprint"]


def __getattr__(name: str) -> Any:
    if name != "Journal":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Not before it is needed: most clients have no journal, and need no SQLite.
    from akool_async.journal.store import Journal

    return Journal
