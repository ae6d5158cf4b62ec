"""The headers of a reply that describe a file, read without I/O."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from akool_async.media.content import Digest

Headers = Mapping[str, str]

_SPAN = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(?:(\d{1,18})|\*)")
_UNSATISFIED = re.compile(r"bytes \*/(\d{1,18})")
_GZIP = {"gzip": "gzip", "x-gzip": "gzip"}
_UNREADABLE = frozenset(
    {"aes128gcm", "br", "compress", "dcb", "dcz", "deflate", "exi", "pack200-gzip", "x-compress"}
    | {"zstd"}
)
"""The registered content codings that no download decodes."""
_STRONG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')


class Span(NamedTuple):
    """The range of bytes that a reply brings."""

    first: int
    last: int
    total: int | None
    """Bytes of the whole file, if the server knows."""


def span_of(headers: Headers) -> Span | None:
    """Read `Content-Range`; return `None` if it is missing or contradicts itself."""
    found = _SPAN.fullmatch(headers.get("Content-Range", "").strip())
    if found is None:
        return None
    first, last, total = (None if text is None else int(text) for text in found.groups())
    assert first is not None
    assert last is not None
    sound = first <= last and (total is None or last < total)
    return Span(first, last, total) if sound else None


def length_from_refusal(headers: Headers) -> int | None:
    """Read the file's length from the `Content-Range` of a 416, range not satisfiable."""
    found = _UNSATISFIED.fullmatch(headers.get("Content-Range", "").strip())
    return int(found[1]) if found else None


def length_of(headers: Headers) -> int | None:
    """Read `Content-Length`; return `None` if it is missing, or the body comes in chunks."""
    text = headers.get("Content-Length", "").strip()
    chunked = "Transfer-Encoding" in headers
    return int(text) if text.isascii() and text.isdecimal() and not chunked else None


def coding_of(headers: Headers) -> str:
    """Return the content coding: `gzip`, one that cannot be decoded, or an empty text.

    Object stores replay whatever label an upload carried, such as `aws-chunked` or `UTF-8`. What
    is no registered coding says nothing about the bytes.
    """
    # `items` of aiohttp's headers brings each line of a header that comes several times.
    lines = [value for name, value in headers.items() if name.lower() == "content-encoding"]
    labels = [label.strip() for label in ",".join(lines).lower().split(",")]
    known = [_GZIP.get(label, label) for label in labels]
    return ", ".join(label for label in known if label == "gzip" or label in _UNREADABLE)


def etag_of(headers: Headers) -> str | None:
    """Read a strong `ETag`, quotes included; a weak one does not identify bytes."""
    etag = headers.get("ETag", "").strip()
    return etag if _STRONG.fullmatch(etag) else None


def validator_of(headers: Headers) -> str | None:
    """Return a value for `If-Range`, which identifies this version of the file."""
    return etag_of(headers) or _strong_date(headers)


def _strong_date(headers: Headers) -> str | None:
    """Return `Last-Modified`, unless the file may have changed again in the same second."""
    text = headers.get("Last-Modified", "").strip()
    modified, now = _moment(text), _moment(headers.get("Date", ""))
    if modified is None or (now is not None and now - modified < timedelta(seconds=1)):
        return None
    return text


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else None


def digest_of(headers: Headers) -> Digest | None:
    """Return the digest of the whole body, from a header that is certainly one.

    S3's `ETag` is not read: it often is an MD5, but nothing says when it is not, and then an
    undamaged file would be refused.
    """
    sha256 = _decoded(headers.get("x-amz-checksum-sha256", ""), 32)
    if sha256 is not None:
        return Digest("sha256", sha256)
    md5 = _decoded(headers.get("Content-MD5", ""), 16)
    return None if md5 is None else Digest("md5", md5)


def _decoded(text: str, size: int) -> bytes | None:
    try:
        value = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    return value if len(value) == size else None
