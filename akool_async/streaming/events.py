"""What a live session tells its program: `async for event in session`."""

from __future__ import annotations

from typing import TypeAlias

from akool_async.protocol.value import Value
from akool_async.streaming.messages.received import Caption, Silent, Speaking, Unrecognized


class Joined(Value):
    """The page, or whoever carries the messages, has joined the channel."""


class Left(Value):
    """The page, or whoever carries the messages, has left the channel; it may come back."""

    reason: str = ""


class Warned(Value):
    """Something ends soon: the time to join the channel, or the session itself."""

    seconds: float
    """Seconds until then."""
    what: str = "session"
    """`session`, or `token` for the time to join."""


class Missed(Value):
    """This iterator was too slow: the oldest events that waited for it were dropped."""

    count: int
    """How many were dropped."""


class Ended(Value):
    """The session is over. It is the last event."""

    reason: str
    """Why: `closed`, `expired`, `failed`, `ended at Akool`, or what the backend gave."""


SessionEvent: TypeAlias = (
    Caption | Speaking | Silent | Warned | Joined | Left | Missed | Unrecognized | Ended
)
"""What `async for event in session` yields."""

__all__ = [
    "Caption",
    "Ended",
    "Joined",
    "Left",
    "Missed",
    "SessionEvent",
    "Silent",
    "Speaking",
    "Unrecognized",
    "Warned",
]
