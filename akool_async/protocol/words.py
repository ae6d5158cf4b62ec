"""Words of messages for people."""

from __future__ import annotations


def counted(number: float, noun: str) -> str:
    """Return a number with its noun, in the plural unless the number is 1.

    >>> counted(1, "job"), counted(2, "job"), counted(0.5, "second")
    ('1 job', '2 jobs', '0.5 seconds')
    """
    shown = f"{number:g}" if isinstance(number, float) else str(number)
    return f"{shown} {noun}" if number == 1 else f"{shown} {noun}s"
