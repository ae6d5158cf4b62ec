"""What a live avatar says on its data channel, as values."""

from __future__ import annotations

from typing import Literal, TypeAlias

from akool_async.protocol.value import Value


class Caption(Value):
    """A piece of text that was said: by the avatar, or by the user as Akool heard it.

    The pieces of one `mid`, put one behind the other, are the whole text.
    """

    speaker: Literal["bot", "user"]
    """Who said it: the avatar, or the user."""
    mid: str
    """The message that the text belongs to."""
    text: str
    """What is new since the last caption of the same `mid`."""
    final: bool
    """Whether it is the last caption of its `mid`."""
    gap: bool = False
    """Whether a part before this text never arrived."""


class Speaking(Value):
    """The avatar began to speak. Not every carrier says so; `Speech` then estimates."""


class Silent(Value):
    """The avatar stopped speaking. Not every carrier says so; `Speech` then estimates."""


class CommandReply(Value):
    """Akool's answer to a command."""

    mid: str
    """The `mid` of the command."""
    cmd: str
    """The command, `set-params` or `interrupt`."""
    code: int
    """1000 means that it was carried out."""
    msg: str = ""


class Unrecognized(Value):
    """A message that nobody knows how to read: it is kept, and no error."""

    data: bytes
    """The message as it came; the first 1024 bytes of it."""
    why: str
    """What is wrong with it."""


Received: TypeAlias = Caption | Speaking | Silent | CommandReply | Unrecognized
"""What a message, or several parts of one, mean."""
