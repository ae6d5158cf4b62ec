"""Words of messages for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


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
