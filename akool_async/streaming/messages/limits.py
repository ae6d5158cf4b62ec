"""What each carrier of a data channel takes. Facts from the vendors' pages, as data."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Annotated, Final

from msgspec import Meta

from akool_async.protocol.value import Input

Count = Annotated[int, Meta(ge=1)]


class Limits(Input):
    """What the data channel of a carrier takes.

    Raises:
        InvalidInput: a number is below 1, or the largest message could never leave.
    """

    carrier: str
    """The carrier: `agora`, `livekit` or `trtc`, as in a session's `stream_type`."""
    largest: Count
    """The most bytes of one message."""
    bytes_per_second: Count | None = None
    """The most bytes in any second; `None` for no limit."""
    messages_per_second: Count | None = None
    """The most messages in any second; `None` for no limit."""
    ordered: bool = False
    """Whether messages arrive in the order in which they were sent."""

    @property
    def for_chat(self) -> int | None:
        """The bytes of each second that chat may use: one largest message is kept for commands."""
        return None if self.bytes_per_second is None else self.bytes_per_second - self.largest

    @property
    def part(self) -> int:
        """The most bytes of a part of a text: whole parts fill the bytes that chat may use."""
        room = self.for_chat
        if room is None or room < self.largest:
            return self.largest
        return room // ceil(room / self.largest)

    def check(self) -> None:
        """Require that the largest message may leave."""
        if self.bytes_per_second is not None and self.bytes_per_second < self.largest:
            raise self.refuse("bytes_per_second", "must be at least `largest`")


AGORA: Final = Limits(carrier="agora", largest=1024, bytes_per_second=6000, messages_per_second=30)
"""Agora's data stream."""
LIVEKIT: Final = Limits(carrier="livekit", largest=15_360, ordered=True)
"""LiveKit's reliable data packets."""
TRTC: Final = Limits(carrier="trtc", largest=1024, bytes_per_second=8000, messages_per_second=30)
"""TRTC's custom messages; Akool's are those with `cmdId` 1."""

LIMITS: Final[Mapping[str, Limits]] = {each.carrier: each for each in (AGORA, LIVEKIT, TRTC)}
"""The limits by carrier."""
