"""Strings and bytes that no log, no traceback and no pickle shows."""

from __future__ import annotations

from typing import Never, Self

STAYS = (
    "a secret stays in its process: pickle the settings, not the client; and let what records"
    " requests leave x-api-key and Authorization out"
)


class Secret(str):
    """A string whose repr is `***`, so that no log and no traceback with locals shows it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        # What records a session, such as vcrpy, copies the headers of each request.
        return self

    def __reduce__(self) -> Never:
        raise TypeError(STAYS)


class Hidden(bytes):
    """The same as bytes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "b'***'"

    __str__ = __repr__

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def __reduce__(self) -> Never:
        raise TypeError(STAYS)


def hidden(text: str | None) -> str | None:
    """Return a text as a `Secret`. A value of another type is returned as it is, to be refused."""
    return Secret(text) if isinstance(text, str) else text
