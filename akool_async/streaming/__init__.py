"""Live avatars: sessions that always end, what is said in them, and the backend of a page.

`akool.streaming.open(...)` returns a `LiveSession`. What it yields and takes can be imported from
here; `akool_async.streaming.messages` is the protocol of the data channel.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from akool_async.streaming.backend.rules import PageRequest
    from akool_async.streaming.events import (
        Caption,
        Ended,
        Joined,
        Left,
        Missed,
        SessionEvent,
        Silent,
        Speaking,
        Unrecognized,
        Warned,
    )
    from akool_async.streaming.live_session import LiveSession
    from akool_async.streaming.memory import MemoryAvatar, MemoryTransport, transport_pair
    from akool_async.streaming.messages.limits import AGORA, LIVEKIT, TRTC, Limits
    from akool_async.streaming.messages.received import CommandReply
    from akool_async.streaming.reaping import Reaped
    from akool_async.streaming.relay import RelayTransport
    from akool_async.streaming.session import Session, SessionCredentials
    from akool_async.streaming.speaking import Spoken
    from akool_async.streaming.speech import Speech
    from akool_async.streaming.transport import Arrival, JoinsLater, Transport

__all__ = [
    "AGORA",
    "LIVEKIT",
    "TRTC",
    "Arrival",
    "Caption",
    "CommandReply",
    "Ended",
    "Joined",
    "JoinsLater",
    "Left",
    "Limits",
    "LiveSession",
    "MemoryAvatar",
    "MemoryTransport",
    "Missed",
    "PageRequest",
    "Reaped",
    "RelayTransport",
    "Session",
    "SessionCredentials",
    "SessionEvent",
    "Silent",
    "Speaking",
    "Speech",
    "Spoken",
    "Transport",
    "Unrecognized",
    "Warned",
    "transport_pair",
]

_HOMES = {
    "AGORA": "messages.limits",
    "LIVEKIT": "messages.limits",
    "TRTC": "messages.limits",
    "Arrival": "transport",
    "CommandReply": "messages.received",
    "JoinsLater": "transport",
    "Limits": "messages.limits",
    "LiveSession": "live_session",
    "MemoryAvatar": "memory",
    "MemoryTransport": "memory",
    "PageRequest": "backend.rules",
    "Reaped": "reaping",
    "RelayTransport": "relay",
    "Session": "session",
    "SessionCredentials": "session",
    "Speech": "speech",
    "Spoken": "speaking",
    "Transport": "transport",
    "transport_pair": "memory",
}
"""The module of each name; those that are not here are events. Each is loaded on first use, because
many clients have no live sessions."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'events')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
