"""Undoes what a proxy may have done to the body of a webhook, for its diagnosis. Pure."""

from __future__ import annotations

import base64
import html
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias, cast
from urllib.parse import parse_qs, unquote

import msgspec

from akool_async.webhook.signed import LARGEST, SignedBody

Parts: TypeAlias = Mapping[str, Any]
"""The four parts of a body under their wire names, not checked."""

NAMES: Final = tuple(each.encode_name for each in msgspec.structs.fields(SignedBody))
"""The names of the four parts."""
_NONCE_LENGTHS: Final = range(2, 9)
"""Digits to which a nonce that lost its zeros is filled up."""


def undone_body(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield what may have happened to a body that cannot be read, and the body without it."""
    for what, undo in _BODY:
        try:
            candidate = undo(body)
        except (ValueError, TypeError, msgspec.MsgspecError, zlib.error, RecursionError):
            continue
        if candidate is not None and candidate != body:
            yield what, candidate


def undone_parts(parts: Parts) -> Iterator[tuple[str, Parts]]:
    """Yield what may have happened to the parts of a body, and the parts without it."""
    for what, name, undo in _PARTS:
        part = str(parts[name])
        if (candidate := undo(part)) != part:
            yield what, {**parts, name: candidate}
    for length in _NONCE_LENGTHS:
        nonce = str(parts["nonce"])
        if len(nonce) < length:
            yield "the nonce lost its zeros in front", {**parts, "nonce": nonce.zfill(length)}


def _without_mark(body: bytes) -> bytes:
    return body.removeprefix(b"\xef\xbb\xbf")


def _decoded_from_utf_16(body: bytes) -> bytes | None:
    return body.decode("utf-16").encode() if body[:2] in {b"\xff\xfe", b"\xfe\xff"} else None


def _unzipped(body: bytes) -> bytes:
    # `wbits`: gzip or zlib, whichever the head says. A bomb is cut at the limit.
    return zlib.decompressobj(wbits=47).decompress(body, LARGEST)


def _from_form(body: bytes) -> bytes | None:
    fields = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    if fields.keys() >= set(NAMES):
        # A form turns the signs `+` of base64 into blanks.
        fields["dataEncrypt"] = fields["dataEncrypt"].replace(" ", "+")
        return msgspec.json.encode(fields)
    return next(iter(fields.values())).encode() if len(fields) == 1 else None


def _from_text(body: bytes) -> bytes | None:
    document = msgspec.json.decode(body)
    return document.encode() if isinstance(document, str) else None


def _from_base64(body: bytes) -> bytes:
    return base64.b64decode(body, validate=True)


def _unwrapped(body: bytes) -> bytes | None:
    document = msgspec.json.decode(body)
    for value in cast("dict[str, Any]", document).values() if isinstance(document, dict) else ():
        text = value.encode() if isinstance(value, str) else msgspec.json.encode(value)
        for candidate in (text, _maybe_base64(text)):
            if candidate.lstrip()[:1] == b"{" and b"dataEncrypt" in candidate:
                return candidate
    return None


def _maybe_base64(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def _renamed(body: bytes) -> bytes | None:
    right = {name.lower(): name for name in NAMES}
    document = msgspec.json.decode(body)
    if not isinstance(document, dict):
        return None
    fields = cast("dict[str, Any]", document)
    plain = {re.sub(r"[-_]", "", name).lower(): value for name, value in fields.items()}
    if not plain.keys() >= right.keys():
        return None
    return msgspec.json.encode({right[name]: plain[name] for name in right})


def _with_whole_numbers(body: bytes) -> bytes | None:
    document = msgspec.json.decode(body)
    if not isinstance(document, dict):
        return None
    fields = cast("dict[str, Any]", document)
    return msgspec.json.encode(
        {
            name: int(value) if isinstance(value, float) and value.is_integer() else value
            for name, value in fields.items()
        }
    )


def _standard(ciphertext: str) -> str:
    return ciphertext.replace("-", "+").replace("_", "/")


def _padded(ciphertext: str) -> str:
    return ciphertext + "=" * (-len(ciphertext) % 4)


def _without_breaks(ciphertext: str) -> str:
    return re.sub(r"\s", "", ciphertext)


def _with_plus(ciphertext: str) -> str:
    return ciphertext.replace(" ", "+")


_BODY: Final[tuple[tuple[str, Callable[[bytes], bytes | None]], ...]] = (
    ("it put a byte order mark in front", _without_mark),
    ("it encoded the text as UTF-16", _decoded_from_utf_16),
    ("it compressed it", _unzipped),
    ("it re-encoded the JSON as a form", _from_form),
    ("it re-encoded the JSON as a text within JSON", _from_text),
    ("it wrapped the JSON into other JSON, as gateways do", _unwrapped),
    ("it encoded the whole body as base64", _from_base64),
    ("it renamed the fields", _renamed),
    ("it re-encoded the JSON, and the timestamp became a fraction", _with_whole_numbers),
)

_PARTS: Final[tuple[tuple[str, str, Callable[[str], str]], ...]] = (
    ("it re-encoded `dataEncrypt`: `+` became a blank", "dataEncrypt", _with_plus),
    ("it re-encoded `dataEncrypt` as in an address, with `%`", "dataEncrypt", unquote),
    ("it re-encoded `dataEncrypt` as in HTML, with `&`", "dataEncrypt", html.unescape),
    ("it broke `dataEncrypt` into lines, or put blanks into it", "dataEncrypt", _without_breaks),
    ("it re-encoded `dataEncrypt` in URL-safe base64", "dataEncrypt", _standard),
    ("it cut the signs `=` off the end of `dataEncrypt`", "dataEncrypt", _padded),
    ("it wrote the signature in capitals", "signature", str.lower),
    ("it put blanks around the signature", "signature", str.strip),
    ("it put blanks around the nonce", "nonce", str.strip),
    ("it put blanks around the timestamp", "timestamp", str.strip),
)
