"""The durable record of jobs: what was about to be created, what became of it."""

from __future__ import annotations

from akool_async.journal.entry import Entry, State, fingerprint
from akool_async.journal.store import Journal

__all__ = ["Entry", "Journal", "State", "fingerprint"]
