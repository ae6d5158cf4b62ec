"""The messages of a live avatar's data channel, version 2 of Akool's protocol. Pure: no I/O.

`chat`, `set_params` and `interrupt` write messages, `Pace` says when they may leave, and
`Assembler` reads what arrives. `Limits` says what a carrier takes.
"""

from __future__ import annotations

from akool_async.streaming.messages.assembler import Assembler
from akool_async.streaming.messages.limits import AGORA, LIMITS, LIVEKIT, TRTC, Limits
from akool_async.streaming.messages.pace import Pace
from akool_async.streaming.messages.received import (
    Caption,
    CommandReply,
    Received,
    Silent,
    Speaking,
    Unrecognized,
)
from akool_async.streaming.messages.writing import chat, interrupt, new_mid, set_params

__all__ = [
    "AGORA",
    "LIMITS",
    "LIVEKIT",
    "TRTC",
    "Assembler",
    "Caption",
    "CommandReply",
    "Limits",
    "Pace",
    "Received",
    "Silent",
    "Speaking",
    "Unrecognized",
    "chat",
    "interrupt",
    "new_mid",
    "set_params",
]
