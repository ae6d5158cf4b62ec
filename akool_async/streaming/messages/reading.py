"""Reads one message of a live avatar: what it says, or the part of a text that it is. Pure.

Nothing is refused by an error: what nobody can read becomes `Unrecognized`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Literal, cast

import msgspec

from akool_async.protocol.value import Value
from akool_async.streaming.messages.received import (
    CommandReply,
    Received,
    Silent,
    Speaking,
    Unrecognized,
)
from akool_async.streaming.messages.writing import VERSION

LONGEST_MESSAGE: Final = 65_536
"""The most bytes of a message that is read; no carrier takes as many."""
LONGEST_MID: Final = 256
"""The most characters of a `mid` that is read; ids are kept."""

_KEPT: Final = 1024
"""The bytes that `Unrecognized` keeps."""
_SHOWN: Final = 40
"""The characters of a foreign value that a reason shows."""

_EVENTS: Final[Mapping[str, Speaking | Silent]] = {"audio_start": Speaking(), "audio_end": Silent()}


class _Unreadable(Exception):
    """Why nobody knows what a message says."""


class Part(Value):
    """A part of a text, as it arrived."""

    speaker: Literal["bot", "user"]
    mid: str
    """An empty text if it was missing: nobody knows then what else belongs to the part."""
    number: int | None
    """Which part it is, from 0; `None` if the message does not say so."""
    final: bool
    """Whether it is the last part."""
    text: str
    """It may begin or end with half a character, whose other half is in another part (T32)."""


def read(data: bytes) -> Part | Received:
    """Read a message."""
    if len(data) > LONGEST_MESSAGE:
        return unrecognized(data, f"it is longer than {LONGEST_MESSAGE} bytes")
    try:
        message = _decoded(data)
    except (ValueError, RecursionError):
        return unrecognized(data, "it is no JSON")
    if not isinstance(message, dict):
        return unrecognized(data, "it is no JSON object")
    try:
        return _understood(cast("dict[str, Any]", message))
    except _Unreadable as error:
        return unrecognized(data, str(error))


def unrecognized(data: bytes, why: str) -> Unrecognized:
    """Return what is kept of a message that nobody knows how to read."""
    return Unrecognized(data=bytes(data[:_KEPT]), why=why)


def whole(text: str) -> str:
    """Return a text whose halves are joined; a half without its other half is U+FFFD."""
    if text.isascii():
        return text
    # UTF-16 is the encoding in which halves that meet become one character.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _decoded(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # JavaScript cuts a text inside an emoji, and writes "\ud83c" alone (T32): msgspec refuses
        # that, and Python's decoder keeps the half.
        return json.loads(data.decode("utf-8-sig", "replace"), strict=False)


def _understood(message: dict[str, Any]) -> Part | Received:
    """Return what a message says.

    Raises:
        _Unreadable: nobody knows; with the reason.
    """
    version = message.get("v")
    # Samples omit it (T32).
    if version is not None and (isinstance(version, bool) or version != VERSION):
        raise _Unreadable(f"its version is {_shown(version)}, not {VERSION}")
    kind, payload = message.get("type"), message.get("pld")
    if kind not in ("chat", "command", "event"):
        raise _Unreadable(f"its type is {_shown(kind)}")
    if not isinstance(payload, dict):
        raise _Unreadable(f"its `pld` is {_shown(payload)}, no object")
    mid = _text(message, "mid", "")
    if len(mid) > LONGEST_MID:
        raise _Unreadable(f"its `mid` has more than {LONGEST_MID} characters")
    if kind == "chat":
        return _part(message, cast("dict[str, Any]", payload), whole(mid))
    if kind == "command":
        return _reply(cast("dict[str, Any]", payload), whole(mid))
    return _event(cast("dict[str, Any]", payload))


def _part(message: dict[str, Any], payload: dict[str, Any], mid: str) -> Part:
    speaker = payload.get("from")
    if speaker not in ("bot", "user"):
        raise _Unreadable(f"its `pld.from` is {_shown(speaker)}, not bot or user")
    # The page's sample reads `fin` in `pld`, its table shows it at the top (T32).
    number, final = (
        payload.get(name) if message.get(name) is None else message[name] for name in ("idx", "fin")
    )
    if number is not None and (type(number) is not int or number < 0):
        raise _Unreadable(f"its `idx` is {_shown(number)}, no number from 0")
    if final is None:
        final = not number  # a message that does not say that it is a part is whole
    if not isinstance(final, bool):
        raise _Unreadable(f"its `fin` is {_shown(final)}, not true or false")
    # The page's sample takes no text from the last part, so it may have none.
    text = _text(payload, "text", "" if final else None)
    return Part(speaker=speaker, mid=mid, number=number, final=final, text=text)


def _reply(payload: dict[str, Any], mid: str) -> CommandReply:
    code, words = payload.get("code"), payload.get("msg")
    if type(code) is not int:
        raise _Unreadable(f"its `pld.code` is {_shown(code)}, no number")
    msg = whole(words) if isinstance(words, str) else ""
    return CommandReply(mid=mid, cmd=whole(_text(payload, "cmd")), code=code, msg=msg)


def _event(payload: dict[str, Any]) -> Speaking | Silent:
    name = payload.get("event")
    found = _EVENTS.get(name) if isinstance(name, str) else None
    if found is None:
        raise _Unreadable(f"its event is {_shown(name)}")
    return found


def _text(fields: dict[str, Any], name: str, default: str | None = None) -> str:
    given = fields.get(name)
    text = default if given is None else given
    if not isinstance(text, str):
        raise _Unreadable(f"its `{name}` is {_shown(text)}, no text")
    return text


def _shown(value: object) -> str:
    """Return a foreign value as a few characters."""
    if isinstance(value, dict | list):  # it may be too deep for `repr`
        return "an object" if isinstance(value, dict) else "an array"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
