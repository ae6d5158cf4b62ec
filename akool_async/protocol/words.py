"""Words of messages for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

_LONGEST: Final = 120
"""Characters of a text that a line shows."""
_SOON: Final = 2 * 86400.0
"""Seconds: what happens within this time is named with its hour."""


def counted(number: float, noun: str) -> str:
    """Return a number with its noun, in the plural unless the number is 1.

    >>> counted(1, "job"), counted(2, "job"), counted(0.5, "second")
    ('1 job', '2 jobs', '0.5 seconds')
    """
    shown = f"{number:g}" if isinstance(number, float) else str(number)
    return f"{shown} {noun}" if number == 1 else f"{shown} {noun}s"


def joined(names: Sequence[str], word: str = "and") -> str:
    """Return names in a row.

    >>> joined(["a", "b", "c"])
    'a, b and c'
    """
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the name that is most alike; empty if none is."""
    from difflib import get_close_matches  # not before it is needed

    return next(iter(get_close_matches(name, list(known), 1)), "")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return, for the end of a sentence, which name may be meant; empty if none is alike.

    >>> did_you_mean("raege", ["reage", "voice"])
    "; did you mean 'reage'?"
    """
    near = nearest(name, known)
    return f"; did you mean {near!r}?" if near else ""


def in_line(text: str, longest: int = _LONGEST) -> str:
    r"""Return a text in one line that does no harm to a terminal, cut where it is too long.

    >>> in_line("two\nlines"), in_line("a long text", 7)
    ('two lines', 'a long…')
    """
    line = " ".join(text.split())
    if not line.isprintable():
        line = "".join(each if each.isprintable() else "�" for each in line)
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def until_when(expires_at: datetime, now: datetime | None = None) -> str:
    """Return in a few words until when media is kept, in UTC, as `expires_at` is.

    >>> until_when(datetime(2026, 12, 5, tzinfo=UTC), datetime(2026, 11, 28, tzinfo=UTC))
    'expires 5 Dec'
    """
    now = now or datetime.now(UTC)
    at = expires_at.astimezone(UTC)
    year = "" if at.year == now.year else f" {at.year}"
    near = abs((at - now).total_seconds()) < _SOON
    hour = f" {at:%H:%M} UTC" if near else ""
    return f"{'expires' if now < at else 'expired'} {at.day} {_MONTHS[at.month - 1]}{year}{hour}"


_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
"""`%b` would follow the locale of the program."""
