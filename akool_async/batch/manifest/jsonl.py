"""Rows from JSON Lines: one JSON object on each line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

import msgspec

from akool_async.batch.fault import Fault
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
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if content.strip():
                sentence = _problem(content, error)
                yield Fault(kind="syntax", sentence=sentence, file=file, line=number)
            continue
        yield RawRow(number, cells)


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
