"""The content codings of replies: told by the bytes, not by the label. Pure.

Proxies and object stores label bodies wrongly: with `x-gzip`, with a coding that they have undone
already, or not at all. aiohttp refuses some, and leaves others as they are.
"""

from __future__ import annotations

import zlib
from typing import Final, NamedTuple

GZIP: Final = b"\x1f\x8b"
"""How a gzip file begins. JSON does not."""

_MOST_LAYERS: Final = 4
"""Codings on top of each other that are undone."""

_PIECE: Final = 2**18
"""Bytes that are unpacked at once."""

_GZIP_BITS, _RAW_BITS = 31, -15
"""What zlib calls the two formats."""


def decoded(body: bytes, label: str, most: int) -> bytes | None:
    """Return a body without its codings; `None` if it is larger than `most` bytes.

    Raises:
        ValueError: The body is compressed, and cut or damaged.
    """
    for _ in range(_MOST_LAYERS):
        if not body.startswith(GZIP):
            break
        plain = _gunzipped(body, most)
        if plain is None:
            return None
        body = plain
    if "deflate" not in label.lower():
        return body
    for bits in (zlib.MAX_WBITS, _RAW_BITS):  # RFC 9110 says the first, some servers send the other
        unpacked = _unpacked(bits, body, most)
        if unpacked is None or unpacked.whole:
            return None if unpacked is None else unpacked.content
    return body  # as it is: somebody on the way has unpacked it


def _gunzipped(body: bytes, most: int) -> bytes | None:
    members: list[bytes] = []
    while body.startswith(GZIP):  # a gzip file may have several
        member = _unpacked(_GZIP_BITS, body, most)
        if member is None:
            return None
        if not member.whole:
            raise ValueError("the compressed reply is cut or damaged")
        members.append(member.content)
        most -= len(member.content)
        body = member.rest
    return members[0] if len(members) == 1 else b"".join(members)


class _Unpacked(NamedTuple):
    content: bytes
    whole: bool
    """Whether the compressed bytes have an end, and are sound up to there."""
    rest: bytes
    """What follows."""


def _unpacked(bits: int, body: bytes, most: int) -> _Unpacked | None:
    """Unpack a body piece by piece; return `None` as soon as it is too large."""
    stream = zlib.decompressobj(bits)
    parts: list[bytes] = []
    while body and not stream.eof:
        try:
            parts.append(stream.decompress(body, min(_PIECE, most + 1)))
        except zlib.error:
            return _Unpacked(b"", whole=False, rest=b"")
        most -= len(parts[-1])
        if most < 0:
            return None
        body = stream.unconsumed_tail
    content = parts[0] if len(parts) == 1 else b"".join(parts)
    return _Unpacked(content, stream.eof, stream.unused_data)
