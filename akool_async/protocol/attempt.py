"""Which create an intent, and an event about it, belong to."""

from __future__ import annotations

from typing import NamedTuple


class Attempt(NamedTuple):
    """One create. No other one of its journal, or of its client without one, has both numbers."""

    row: int
    """The number of the row in the journal, or of the job in a client without one."""
    attempt: int
    """Which of the row's creates it is, from 1."""
