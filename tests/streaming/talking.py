"""A conversation over a transport in memory, and an avatar that answers commands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from akool_async.clock import Clock, ManualClock
from akool_async.streaming import (
    AGORA,
    Limits,
    MemoryAvatar,
    Speech,
    Transport,
    transport_pair,
)
from akool_async.streaming.conversation import Conversation


def read(message: bytes) -> dict[str, Any]:
    """Return a message as plain data."""
    return msgspec.json.decode(message, type=dict[str, Any])


def is_command(message: dict[str, Any], cmd: str) -> bool:
    """Say whether a message is this command."""
    return bool(message["type"] == "command" and message["pld"]["cmd"] == cmd)


def flags(speech: Speech) -> set[str]:
    """Return what is true of a speech: sent, started, cut_off, estimated."""
    names = ("sent", "started", "cut_off", "estimated")
    return {name for name in names if getattr(speech, name)}


def reply(command: dict[str, Any], code: int = 1000, msg: str = "OK") -> bytes:
    """Return Akool's answer to a command."""
    payload = {"cmd": command["pld"]["cmd"], "code": code, "msg": msg}
    return msgspec.json.encode({"v": 2, "type": "command", "mid": command["mid"], "pld": payload})


def caption(
    text: str, *, mid: str = "bot-1", idx: int = 0, fin: bool = True, speaker: str = "bot"
) -> bytes:
    """Return a part of what the avatar says."""
    payload = {"from": speaker, "text": text}
    return msgspec.json.encode(
        {"v": 2, "type": "chat", "mid": mid, "idx": idx, "fin": fin, "pld": payload}
    )


def voice(event: str) -> bytes:
    """Return the news that the avatar's voice begins or ends: audio_start, audio_end."""
    return msgspec.json.encode({"v": 2, "type": "event", "mid": "evt-1", "pld": {"event": event}})


class Talk:
    """A conversation, and the avatar at the other end of its transport."""

    def __init__(
        self, conversation: Conversation, avatar: MemoryAvatar, clock: ManualClock
    ) -> None:
        self.conversation = conversation
        self.avatar = avatar
        self.clock = clock

    async def heard(self) -> list[dict[str, Any]]:
        """Return what the avatar has heard since it was asked last."""
        await self.clock.settle()
        return [read(each) for each in self.avatar.received()]

    async def answered(self, cmd: str, **how: Any) -> dict[str, Any]:
        """Answer the one command that the avatar hears now."""
        found = [each for each in await self.heard() if is_command(each, cmd)]
        assert len(found) == 1
        await self.avatar.send(reply(found[0], **how))
        await self.clock.settle()
        return found[0]


@asynccontextmanager
async def talk(
    clock: ManualClock, *, limits: Limits = AGORA, joined: bool = True, mode: Any = None
) -> AsyncIterator[Talk]:
    """Begin a conversation, and end it."""
    transport, avatar = transport_pair(limits, joined=joined)
    async with begun(transport, clock, mode=mode) as conversation:
        yield Talk(conversation, avatar, clock)


@asynccontextmanager
async def begun(
    transport: Transport | None, clock: Clock, *, mode: Any = None
) -> AsyncIterator[Conversation]:
    """Begin a conversation over a transport, and end it."""
    conversation = Conversation(transport, clock, mode=mode)
    conversation.begin()
    try:
        yield conversation
    finally:
        await conversation.end("closed")
