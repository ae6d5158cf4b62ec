"""Turns JSON that strict decoders refuse, and a person can read, into strict JSON.

Servers write such JSON by accident: JavaScript cuts a text inside an emoji and leaves half of a
surrogate pair, Python writes `NaN`, a log line puts a raw control character into a message. Such a
reply may name a paid job, so it is read once more, leniently. Only a reply that the strict decoder
refused comes here.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from contextlib import suppress
from typing import Any, Final

_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",  # before UTF-16, whose mark is its beginning
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
"""Byte order marks, and the encodings that they announce."""

_FIRST_BYTES: Final = tuple(_MARKS)

_PART = re.compile(r'"(?:[^"\\]|\\.)*+"|[^"]++', re.DOTALL)
"""One string, or everything up to the next one."""
_ESCAPE = re.compile(r'\\(["\\/bfnrt]|u[0-9A-Fa-f]{4})?')
_ODD_SPACE = re.compile(r"[^!-~]")
_LAST_COMMA = re.compile(r",(?= *[}\]])")
_WORD = re.compile(r"[^\s,:{}\[\]]+")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?(e[+-]?[0-9]+)?")
_BEGIN = re.compile(r'\{\s*"')


def unmarked(body: bytes) -> bytes:
    """Return a body as UTF-8 without its byte order mark; the same body if it has none."""
    if not body.startswith(_FIRST_BYTES):
        return body
    mark = next(each for each in _MARKS if body.startswith(each))
    return body[len(mark) :].decode(_MARKS[mark], "replace").encode("utf-8", "replace")


def repaired(body: bytes) -> bytes | None:
    """Return a body as strict JSON; `None` if it is no JSON even to a lenient reader.

    U+FFFD replaces bytes that are no text, and null replaces what is no number, such as NaN.
    """
    text = unmarked(body).decode("utf-8", "replace")
    try:
        written = json.dumps(_document(text.strip()), ensure_ascii=False)
    except (ValueError, RecursionError):
        return None
    # UTF-16 is the encoding in which halves of a surrogate pair that meet become one character.
    return written.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _document(text: str) -> Any:
    with suppress(ValueError):  # most sick replies need no more than this, which is fast
        return _LENIENT.decode(text)
    with suppress(ValueError):
        return _LENIENT.decode(_PART.sub(_part, text).strip())
    # Somebody has written before or after it: a notice of PHP, the comment of a proxy.
    begin = _BEGIN.search(text)
    document, end = _LENIENT.raw_decode(text, begin.start() if begin else 0)
    if _BEGIN.search(text, end):
        raise ValueError("there are two documents, and nobody knows which one is the reply")
    return document


def _part(found: re.Match[str]) -> str:
    part = found[0]
    if part.startswith('"'):
        # A backslash that begins no escape is a backslash.
        return _ESCAPE.sub(lambda escape: escape[0] if escape[1] else r"\\", part)
    part = _WORD.sub(_word, _ODD_SPACE.sub(" ", part))
    return _LAST_COMMA.sub("", part)


def _word(found: re.Match[str]) -> str:
    # Python writes True and None; others write nan, inf, undefined, 007 and +5.
    word = found[0].lower()
    return word if word in {"true", "false"} or _NUMBER.fullmatch(word) else "null"


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _no_number(_name: str) -> None:
    """Read NaN and Infinity as null."""


_LENIENT: Any = json.JSONDecoder(strict=False, parse_float=_finite, parse_constant=_no_number)
