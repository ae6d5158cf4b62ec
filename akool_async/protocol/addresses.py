"""Web addresses that no server can have: what is wrong with one, in words. Pure.

Python's `urlsplit` takes nearly anything: it drops line breaks and leading control characters
without a word, and its host may be `${HOST}`. Such an address would fail at Akool, after the
request for it was sent, or would be paid for.
"""

from __future__ import annotations

import re
import unicodedata
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import SplitResult, urlsplit

_JOINERS = "\u200c\u200d"
"""Invisible characters that Persian words and emoji need, between two others."""

_PLACEHOLDER = re.compile(r"\$\{[^}]*\}|\{\{[^}]*\}\}")

_LABEL = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)

_BRACKETED = re.compile(r"\[(?P<address>[^\[\]]*)\](?::[0-9]+)?")

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""The hosts by which a program reaches its own machine."""

_LONGEST_HOST, _LONGEST_LABEL = 253, 63
"""Characters, by RFC 1035."""


def trouble_with(url: str) -> str:
    """Return why no server can have an http or https address, in words; an empty text if one can.

    An address of another form, such as one without a host, is not judged here.
    """
    place = re.split(r"[?#]", url, maxsplit=1)[0]
    trouble = _trouble_with_characters(url)
    if not trouble and "\\" in place:
        trouble = "it holds a backslash"
    if not trouble and (found := _PLACEHOLDER.search(place)):
        trouble = f"its placeholder {found[0]} was not filled in"
    if trouble:
        return trouble
    try:
        parts = urlsplit(url)
    except ValueError:  # such as brackets without an IPv6 address in them
        return "its host is no IPv6 address"
    return trouble_with_host(parts) if parts.netloc else ""


def _trouble_with_characters(text: str) -> str:
    if text.isascii() and text.isprintable():
        return "it holds a space" if " " in text else ""
    for before, character in zip(f" {text}", text, strict=False):
        kind = unicodedata.category(character)
        shown = f"U+{ord(character):04X}"
        if kind == "Cc":
            return f"it holds the control character {shown}"
        if character.isspace():
            return "it holds a space"
        if kind == "Cf" and (character not in _JOINERS or before.isascii()):
            return f"it holds the invisible character {shown}"
    return ""


def trouble_with_host(parts: SplitResult) -> str:
    """Return why no server can have the host and port of an address; an empty text if one can."""
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "its port is no number from 1 to 65535"
    if port == 0:
        return "its port is no number from 1 to 65535"
    place = parts.netloc.rpartition("@")[2]
    if host in {"http", "https"} or (place.endswith(":") and parts.path.startswith("//")):
        return "it names the scheme twice"
    if "[" in place or "]" in place:
        inside = _BRACKETED.fullmatch(place)
        sound = inside is not None and _is_address(IPv6Address, inside["address"])
        return "" if sound else "its host is no IPv6 address"
    return _trouble_with_name(host)


def _trouble_with_name(host: str) -> str:
    labels = host.removesuffix(".").split(".")
    if not all(labels):
        return "its host has a dot too many"
    for label in labels:
        if not _is_label(label):
            return f"{label!r} in its host is no part of a host's name"
        if len(label) > _LONGEST_LABEL:
            return f"a part of its host is longer than {_LONGEST_LABEL} characters"
    if len(host) > _LONGEST_HOST:
        return f"its host is longer than {_LONGEST_HOST} characters"
    numeric = re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1])
    if numeric and not _is_address(IPv4Address, ".".join(labels)):
        return "its host is a number, and no IPv4 address"
    return ""


def _is_label(label: str) -> bool:
    if label.isascii():
        return _LABEL.fullmatch(label) is not None
    # Which letters a registry takes is its own affair. Punctuation is in no name.
    return all(
        _LABEL.fullmatch(each) or (not each.isascii() and _may_be_in_name(each)) for each in label
    )


def _may_be_in_name(character: str) -> bool:
    emoji = "So"
    kind = unicodedata.category(character)
    named = kind[0] in "LMN" or kind in {emoji, "Sk"} or character in _JOINERS
    return character != "\N{REPLACEMENT CHARACTER}" and (named or character == "\u30fb")


def _is_address(kind: type[IPv4Address | IPv6Address], text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True
