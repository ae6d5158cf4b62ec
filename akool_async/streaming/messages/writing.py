"""Writes the messages to a live avatar: texts and commands. Pure, but for the dice of `new_mid`."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from akool_async.errors import InvalidInput
from akool_async.protocol.addresses import trouble_with
from akool_async.protocol.checking import is_text
from akool_async.protocol.fields import Rule, is_http_url
from akool_async.protocol.value import Input
from akool_async.streaming.messages.cutting import LONGEST_CHARACTER, cut
from akool_async.streaming.messages.limits import AGORA, Limits

VERSION: Final = 2
"""The version of Akool's protocol."""
LONGEST_TEXT: Final = 65_536
"""The most bytes of a text, in UTF-8."""

_INVISIBLE: Final = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
"""The categories of blanks, controls and marks that nobody sees or hears."""

_Words = Annotated[str, Meta(min_length=1)]
_Address = Annotated[str, Rule("must be an http or https URL", is_http_url, trouble_with)]


def new_mid() -> str:
    """Return a new id for a message; no other call returns it, in whatever process.

    It is random, from the system: a process that forks does not repeat its parent's ids.
    """
    return f"msg-{secrets.token_urlsafe(12)}"


def chat(text: str, mid: str | None = None, *, limits: Limits = AGORA) -> tuple[bytes, ...]:
    """Write the messages that let an avatar say a text, or answer it.

    The text is cut where it is longer than one message: at a blank where one is near, and never
    inside a character. The parts joined are exactly the text.

    Args:
        text: The text, at most 65,536 bytes in UTF-8.
        mid: The id of the message, which all parts carry; by default a new one.
        limits: What the carrier takes.

    Raises:
        InvalidInput: the text is blank, holds half a character, or is too long; or the `mid` leaves
            no room for text.
    """
    _check_text(text)
    mid = _checked_mid(mid)

    if len(whole := _part(mid, 0, True, text)) <= limits.largest:
        return (whole,)

    def room(number: int, last: bool) -> int:  # noqa: FBT001 - as `cut` asks
        return limits.part - len(_part(mid, number, last, ""))

    if room(LONGEST_TEXT, False) < LONGEST_CHARACTER:
        rule = f"must leave room for text in a message of at most {limits.part} bytes"
        raise InvalidInput("mid", mid, rule)
    parts = list(cut(text, room))
    last = len(parts) - 1
    return tuple(_part(mid, number, number == last, part) for number, part in enumerate(parts))


def set_params(
    *,
    vid: str | None = None,
    vurl: str | None = None,
    lang: str | None = None,
    mode: Literal[1, 2] | None = None,
    bgurl: str | None = None,
    mid: str | None = None,
    limits: Limits = AGORA,
) -> bytes:
    """Write the command that changes how an avatar speaks, and what is behind it.

    Args:
        vid: The `voice_id` of a voice.
        vurl: The http(s) address of a voice.
        lang: The `lang_code` that the avatar answers in.
        mode: 1: the avatar says what it is sent. 2: it answers.
        bgurl: The http(s) address of a picture or video behind the avatar.
        mid: The id of the command, which its reply carries; by default a new one. A repeated
            command has the `mid` of the first.
        limits: What the carrier takes.

    Raises:
        InvalidInput: no parameter is given, one breaks its rule, or the command is larger than the
            carrier's largest message.
    """
    data = SetParams(vid=vid, vurl=vurl, lang=lang, mode=mode, bgurl=bgurl).to_wire()
    payload = {"cmd": "set-params", "data": data}  # T32: `data`, as in the table, not `params`
    return _command(payload, data, mid, limits)


def interrupt(*, mid: str | None = None, limits: Limits = AGORA) -> bytes:
    """Write the command that stops what an avatar is saying.

    Args:
        mid: The id of the command, which its reply carries; by default a new one.
        limits: What the carrier takes.

    Raises:
        InvalidInput: the command is larger than the carrier's largest message.
    """
    return _command({"cmd": "interrupt"}, {}, mid, limits)


class SetParams(Input):
    """The parameters of a `set-params` command; one at least."""

    vid: _Words | None = None
    vurl: _Address | None = None
    lang: _Words | None = None
    mode: Literal[1, 2] | None = None
    bgurl: _Address | None = None

    def check(self) -> None:
        """Require a parameter."""
        names = self.__struct_fields__
        if all(getattr(self, name) is None for name in names):
            raise self.refuse(names[0], f"one of {', '.join(names)} must be given")


def is_blank(text: str) -> bool:
    """Say whether a text has nothing to say: blanks and invisible marks only."""
    return all(unicodedata.category(each) in _INVISIBLE for each in text)


def _check_text(text: Any) -> None:
    if not isinstance(text, str):
        raise InvalidInput("text", text, f"must be a text, not {type(text).__name__}")
    if not is_text(text):
        raise InvalidInput("text", text, "must not hold half a character (a lone surrogate)")
    if is_blank(text):
        raise InvalidInput("text", text, "must not be blank")
    if (size := len(text.encode())) > LONGEST_TEXT:
        rule = f"must have at most {LONGEST_TEXT} bytes in UTF-8, not {size}"
        raise InvalidInput("text", text, rule)


def _checked_mid(mid: Any) -> str:
    if mid is None:
        return new_mid()
    if not isinstance(mid, str) or not mid or not is_text(mid):
        raise InvalidInput("mid", mid, "must be a text, not empty, without half characters")
    return mid


def _part(mid: str, number: int, last: bool, text: str) -> bytes:  # noqa: FBT001 - it is data
    body = {"idx": number, "fin": last, "pld": {"text": text}}
    return msgspec.json.encode({"v": VERSION, "type": "chat", "mid": mid} | body)


def _command(
    payload: Mapping[str, Any], given: Mapping[str, Any], mid: str | None, limits: Limits
) -> bytes:
    fields = {**given, "mid": _checked_mid(mid)}
    head = {"v": VERSION, "type": "command", "mid": fields["mid"]}
    message = msgspec.json.encode(head | {"pld": payload})
    if len(message) > limits.largest:
        longest = max(fields, key=lambda name: len(str(fields[name])))
        rule = f"the command has {len(message)} bytes; it must have at most {limits.largest}"
        raise InvalidInput(longest, fields[longest], rule)
    return message
