"""Cuts a text into parts that fit into messages. Pure.

A part is measured in the bytes that it takes in JSON: a quote takes two, an emoji four.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Final

import msgspec

LONGEST_CHARACTER: Final = 6
"""Bytes: a control character is an escape such as `\\u0001`."""

_NEAR: Final = 1 / 8
"""A blank is near if it stands in this last share of the bytes of a part."""
_LONGEST_CLUSTER: Final = 64
"""What one reads as one character is looked for in so many code points."""

_ASCII: Final = tuple(len(msgspec.json.encode(chr(code))) - 2 for code in range(128))
"""The bytes of an ASCII character in JSON."""

_JOINER: Final = "\N{ZERO WIDTH JOINER}"
_VIRAMA: Final = 9
"""The combining class of the marks that join two letters of Indian scripts."""


def cut(text: str, room: Callable[[int, bool], int]) -> Iterator[str]:
    """Yield the parts of a text, which joined are exactly the text.

    A part ends at a blank where one is near, else between what one reads as two characters. Only
    if it cannot, because one of them is very long, it ends between two code points.

    Args:
        text: The text.
        room: Returns the bytes for the part of a number, given whether it is the last one. A part
            that is not the last one has room for `LONGEST_CHARACTER`.
    """
    sizes = [0, *accumulate(map(_size, text))]
    begin, number = 0, 0
    while sizes[-1] - sizes[begin] > room(number, True):
        size = room(number, False)
        last = bisect_right(sizes, sizes[begin] + size) - 1
        near = bisect_left(sizes, sizes[begin] + size * (1 - _NEAR))
        end = _place(text, begin, near, last)
        yield text[begin:end]
        begin, number = end, number + 1
    yield text[begin:]


def _size(character: str) -> int:
    """Return the bytes of a character in JSON."""
    code = ord(character)
    if code < len(_ASCII):
        return _ASCII[code]
    return 2 if code < 0x800 else 3 if code < 0x10000 else 4  # noqa: PLR2004 - UTF-8's own


def _place(text: str, begin: int, near: int, last: int) -> int:
    """Return where the part that begins at `begin` ends: at `last`, or a little before it.

    A blank is looked for down to `near`.
    """
    for end in range(last, near - 1, -1):
        blank = text[end - 1].isspace() or text[end].isspace()
        if blank and _parts(text, begin, end):
            return end
    for end in range(last, max(begin, last - _LONGEST_CLUSTER), -1):
        if _parts(text, begin, end):
            return end
    return last


def _parts(text: str, begin: int, at: int) -> bool:
    """Say whether `at` stands between what one reads as two characters.

    These are the rules of Unicode's annex 29, without the rare ones, and without its tables.
    """
    left, right = text[at - 1], text[at]
    if right.isascii():
        return left not in {"\r", _JOINER} or (left == "\r" and right != "\n")
    if left == _JOINER or unicodedata.combining(left) == _VIRAMA or _extends(right):
        return False
    if _is_flag_letter(left) and _is_flag_letter(right):
        before = at - begin - len(text[begin:at].rstrip(_FLAG_LETTERS))
        return before % 2 == 0  # two of them are one flag
    return True


_FLAG_LETTERS: Final = "".join(map(chr, range(0x1F1E6, 0x1F200)))


def _is_flag_letter(character: str) -> bool:
    return _FLAG_LETTERS[0] <= character <= _FLAG_LETTERS[-1]


def _extends(character: str) -> bool:
    """Say whether a character belongs to the one before it."""
    return (
        unicodedata.category(character) in {"Mn", "Mc", "Me"}
        or character in "\u200c\u200d\uff9e\uff9f"  # joiners, and the voice marks of kana
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # the colours of skin
        or "\U000e0020" <= character <= "\U000e007f"  # the letters of a region's flag
        or "\u1160" <= character <= "\u11ff"  # vowels and ends of a Korean syllable
    )
