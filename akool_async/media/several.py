"""The media of one result: mostly one file, sometimes several, each with what tells it apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from msgspec import Struct

from akool_async.media.names import KNOWN, stem_of

_KIND: Final = re.compile(r"(_(audio|image|srt|video))?_url$")
"""What the name of a field says beside which of the files it is: the extension says that, too."""


_MARKED: Final = re.compile(r"(.+)(-[0-9]+|\.[a-z0-9_]+)")
"""The name of a further file, without its extension: that of the primary one, and its mark."""


class Medium(NamedTuple):
    """One file of a result."""

    url: str
    mark: str
    """What tells it apart in the names of files: empty for the primary one, `-2` for the second,
    `.original` for that of a field `original_srt_url`."""


def media_of(primary: str, more: Iterable[tuple[str, object]]) -> tuple[Medium, ...]:
    """Return the media that a result names, the primary one first, each address once.

    Args:
        primary: The primary address; empty for none.
        more: Further fields with addresses, by name: texts, sequences of texts, or values whose
            fields are texts.
    """
    found: dict[str, Medium] = {}
    marks: set[str] = set()
    for address, mark in _all(primary, more):
        url = trimmed(address)
        if not url or url in found:
            continue
        own = (mark or f"-{len(found) + 1}") if found else ""
        found[url] = Medium(url, own if own not in marks else f"{own}-{len(found) + 1}")
        marks.add(found[url].mark)
    return tuple(found.values())


def renamed(files: Sequence[Path], primary: Path) -> list[Path]:
    """Return the paths of a result's files if its primary one had another path.

    Args:
        files: As they were saved, the primary one first.
        primary: Its new path.
    """
    before, after = len(stem_of(files[0].name)), stem_of(primary.name)
    return [primary, *(primary.with_name(after + each.name[before:]) for each in files[1:])]


def primaries_of(file: Path) -> Iterator[Path]:
    """Yield the paths of primary files that a further file of a result may stand beside."""
    found = _MARKED.fullmatch(stem_of(file.name))
    if found is not None:
        for extension in sorted(KNOWN):
            yield file.with_name(found[1] + extension)


def _all(primary: str, more: Iterable[tuple[str, object]]) -> Iterator[tuple[str, str]]:
    """Yield addresses, some of them empty, each with its own mark, if it has one."""
    yield primary, ""
    for name, value in more:
        if isinstance(value, str):
            yield value, _mark_of(name)
        elif isinstance(value, Struct):
            for inner in value.__struct_fields__:
                yield getattr(value, inner) or "", _mark_of(inner)
        else:
            for each in cast("Iterable[Any]", value or ()):
                yield each, ""


def _mark_of(name: str) -> str:
    return "." + _KIND.sub("", name)


def trimmed(address: str) -> str:
    """Return an address without what nobody sees round it: white space, U+200B, and their like."""
    start, end = 0, len(address)
    while start < end and _unseen(address[start]):
        start += 1
    while start < end and _unseen(address[end - 1]):
        end -= 1
    return address[start:end]


def _unseen(character: str) -> bool:
    return character.isspace() or not character.isprintable()
