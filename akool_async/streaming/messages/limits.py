"""What each carrier of a data channel takes. Facts from the vendors' pages, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from akool_async.protocol.value import Value


class Limits(Value):
    """What the data channel of a carrier takes."""

    carrier: str
    """The carrier: `agora`, `livekit` or `trtc`, as in a session's `stream_type`."""
    largest: int
    """The most bytes of one message."""
    bytes_per_second: int | None = None
    """The most bytes in any second; `None` for no limit."""
    messages_per_second: int | None = None
    """The most messages in any second; `None` for no limit."""
    ordered: bool = False
    """Whether messages arrive in the order in which they were sent."""


AGORA: Final = Limits(carrier="agora", largest=1024, bytes_per_second=6000, messages_per_second=30)
"""Agora's data stream."""
LIVEKIT: Final = Limits(carrier="livekit", largest=15_360, ordered=True)
"""LiveKit's reliable data packets."""
TRTC: Final = Limits(carrier="trtc", largest=1024, bytes_per_second=8000, messages_per_second=30)
"""TRTC's custom messages; Akool's are those with `cmdId` 1."""

LIMITS: Final[Mapping[str, Limits]] = {each.carrier: each for each in (AGORA, LIVEKIT, TRTC)}
"""The limits by carrier."""
