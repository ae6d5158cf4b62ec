"""Strings and bytes that no log, no traceback and no pickle shows."""

from __future__ import annotations

import json
import re
from typing import Any, Final, Never, Self

from akool_async.plain import HIDDEN

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


class Confidential(Secret):
    """The value of a secret field: a pickle, and all that is written down, leave it out."""

    __slots__ = ()

    def __reduce__(self) -> Any:
        return Withheld, ()


class Withheld(Confidential):
    """Stands for a secret that was left out. A request that holds it can be looked at, not sent."""

    __slots__ = ()

    def __new__(cls) -> Self:
        """Return the stand-in: its text is `***`."""
        return super().__new__(cls, HIDDEN)


def confidential(text: str) -> str:
    """Return a text as one that hides itself; an empty one, which is none, as it is."""
    return text if isinstance(text, Confidential) or not text else Confidential(text)


def is_whole(text: str) -> bool:
    """Say whether a text is a secret, and not what stands for one that was left out."""
    return text != HIDDEN or isinstance(text, Withheld)


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


_NEEDS_NO_ESCAPE: Final = re.compile(r"[A-Za-z0-9 _.~+=:,;*-]*")


def spellings_of(secret: str) -> tuple[Hidden, ...]:
    r"""Return the texts by which a reply may repeat a secret, the longest first.

    JSON may write `/` as `\/` and `é` as `\u00e9`. A message that quotes a request in JSON is
    escaped twice on its way.
    """
    spelt = {secret}
    for _ in range(0 if _NEEDS_NO_ESCAPE.fullmatch(secret) else 2):
        for text in [*spelt]:
            for quoted in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
                spelt |= {quoted[1:-1], quoted[1:-1].replace("/", "\\/")}
    return tuple(
        Hidden(each.encode("utf-8", "replace")) for each in sorted(spelt, key=len, reverse=True)
    )
