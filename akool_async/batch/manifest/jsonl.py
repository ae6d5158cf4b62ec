"""Rows from JSON Lines: one JSON object on each line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import IO, Any, cast

import msgspec

from akool_async.batch.manifest.fault import Fault, shown
from akool_async.batch.manifest.row import RawRow
from akool_async.batch.manifest.streams import NOT_UTF_8, lines_of

_DECODER = msgspec.json.Decoder(dict[str, Any])


def read(stream: IO[bytes], file: str) -> Iterator[RawRow | Fault]:
    """Yield the rows of a stream, each as soon as its line is there."""
    decode = _DECODER.decode
    for line in lines_of(stream, file):
        if isinstance(line, Fault):
            yield line
            continue
        number, content = line
        try:
            cells = decode(content)
            # Without a text that looks like a name, there are as many names as colons after quotes.
            twice = content.count(b'":') != len(cells) and _name_twice_in(content, cells)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if content.strip():
                sentence = _problem(content, error)
                yield Fault(kind="syntax", sentence=sentence, file=file, line=number)
            continue
        if twice:
            sentence = f"this line names {shown(twice)} twice in one object: leave one out"
            yield Fault(kind="syntax", sentence=sentence, file=file, line=number)
            continue
        yield RawRow(number, cells)


class _NameTwice(Exception):
    """A name stands twice in one object: the last value would silently win."""


def _name_twice_in(content: bytes, cells: dict[str, Any]) -> str:
    """Return a name that stands twice in an object of a line; an empty text if none does."""
    if content.count(b'":') == _names_in(cells):
        return ""
    try:
        _CAREFUL.decode(content.decode())
    except _NameTwice as found:
        return str(found)
    except ValueError:  # such as a number of too many digits
        pass
    return ""


def _names_in(value: dict[str, Any] | list[Any]) -> int:
    """Return how many names the objects in a value have."""
    inner, count = (value.values(), len(value)) if isinstance(value, dict) else (value, 0)
    for each in inner:
        if type(each) is dict or type(each) is list:
            count += _names_in(cast("dict[str, Any] | list[Any]", each))
    return count


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _NameTwice(Counter(name for name, _ in pairs).most_common(1)[0][0])
    return found


_CAREFUL = json.JSONDecoder(object_pairs_hook=_object_of)


def _problem(content: bytes, error: Exception) -> str:
    try:
        content.decode()
    except UnicodeDecodeError:
        return f"this line {NOT_UTF_8}"
    start = content.lstrip()[:1]
    if start == b"[":
        return (
            "each line must be a JSON object of its own, and this one begins a list:"
            " `jq -c '.[]'` makes lines of one"
        )
    if isinstance(error, msgspec.ValidationError) or start not in {b"{", b"}"}:
        return 'each line must be a JSON object of its own, as in {"operation": "audio.tts"}'
    if content.strip() == b"{":
        return "each line must be a whole JSON object, and this one only begins it"
    return f"this line is no valid JSON: {error}"
