"""How fast an avatar speaks, as estimated: the time of a text, and the words of a time."""

from __future__ import annotations

import unicodedata
from typing import Final

from akool_async.streaming.sentences import joined

_NARROW: Final = 1 / 14
_WIDE: Final = 1 / 4.5
_SHORTEST: Final = 0.5


def seconds_of(text: str) -> float:
    """Estimate how long it takes to say a text.

    14 letters a second, and 4.5 where each is a syllable or a word: Chinese, Japanese, Korean.
    """
    return max(_SHORTEST, sum(map(_seconds_of_one, text)))


def part_said(text: str, seconds: float) -> str:
    """Estimate which words of a text are said to their ends in some seconds, from its start."""
    end, spent, before = 0, 0.0, " "
    for at, character in enumerate(text):
        between = character.isspace() or _is_wide(before) or _is_wide(character)
        if between and not joined(before, character):
            end = at
        spent += _seconds_of_one(character)
        if spent > seconds:
            return text[:end].rstrip()
        before = character
    return text


def _seconds_of_one(character: str) -> float:
    return _WIDE if _is_wide(character) else _NARROW


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"
