"""The text frames between a page and its backend. Pure: JSON in, values out, and back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta, Struct

from akool_async.streaming.events import Caption, SessionEvent, Silent, Speaking, Warned

LARGEST: Final = 16_384
"""Bytes of the largest frame of a page: LiveKit's messages have up to 15 360."""


class PageJoined(Struct, tag="joined"):
    """The page has joined the channel."""


class PageLeft(Struct, tag="left"):
    """The page has left the channel."""

    reason: Annotated[str, Meta(max_length=200)] = ""


class Say(Struct, tag="say"):
    """The user typed a text."""

    text: str


class Interrupt(Struct, tag="interrupt"):
    """The user wants the avatar to stop."""


class End(Struct, tag="end"):
    """The user wants to end the session."""


class Pong(Struct, tag="pong"):
    """The page is there."""


FromPage: TypeAlias = PageJoined | PageLeft | Say | Interrupt | End | Pong
"""What a page says."""

_decoder: Final = msgspec.json.Decoder[FromPage](FromPage)


def read(text: str) -> FromPage | None:
    """Return what a text frame says; `None` if nobody understands it."""
    try:
        said: FromPage = _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError):
        return None
    return said


def written(type: str, **fields: Any) -> str:
    """Return a text frame for the page."""
    return msgspec.json.encode({"type": type, **fields}).decode()


PING: Final = written("ping")


def session(remaining: float | None, ends_at: datetime | None, join_before: datetime) -> str:
    """Return the first frame, which says how long there is."""
    return written("session", remaining=remaining, ends_at=ends_at, join_before=join_before)


def refused(message: str) -> str:
    """Return the frame for what the user wanted and did not get."""
    return written("refused", message=message)


def of_event(event: SessionEvent) -> str | None:
    """Return the frame for an event; `None` for one that is nothing to a page."""
    if isinstance(event, Caption):
        return written(
            "caption",
            speaker=event.speaker,
            mid=event.mid,
            text=event.text,
            final=event.final,
            gap=event.gap,
        )
    if isinstance(event, Speaking):
        return written("speaking")
    if isinstance(event, Silent):
        return written("silent")
    if isinstance(event, Warned):
        return written("warned", what=event.what, seconds=event.seconds)
    return None
