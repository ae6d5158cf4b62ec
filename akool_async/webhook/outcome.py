"""What a client makes of an event."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What became of an event."""

    WOKEN = "woken"
    """Its job is asked about now."""
    ADOPTED = "adopted"
    """It brought the id of a create whose reply was lost. The job is watched now."""
    MOVED = "moved"
    """It says that its job is being processed. Nothing is asked."""
    UNKNOWN = "unknown"
    """No job of that id is watched here. The id is kept for a minute."""
    REPEATED = "repeated"
    """It was taken in before."""
    FOREIGN = "foreign"
    """Its job belongs to another client, such as that of another worker."""
