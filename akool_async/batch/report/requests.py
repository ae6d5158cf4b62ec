"""What a row asked for, in one line; and the files and addresses that it began from."""

from __future__ import annotations

import mimetypes
import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

import msgspec

from akool_async.endpoints.registry import NAMESPACES
from akool_async.protocol.fields import plan_of

Kind: TypeAlias = Literal["image", "video", "audio", "file"]

_LONGEST: Final = 200
_WEB: Final = re.compile(r"https?://[^\s]+", re.IGNORECASE)
_WEBHOOK: Final = frozenset({"webhookUrl", "webhookurl"})
_MORE_TYPES: Final = {".webp": "image/webp", ".avif": "image/avif", ".m4a": "audio/mp4"}


class Source(NamedTuple):
    """Something that a request began from."""

    field: str
    """The name of its parameter."""
    kind: Kind
    href: str
    """Its address, or for a file its path relative to the report."""
    path: Path | None
    """The file, if it is on this machine; only a file is ever loaded by the page."""


def kind_of(path: str) -> Kind:
    """Return what a file holds, by its name."""
    suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122 - of a path or an address
    guessed = _MORE_TYPES.get(suffix) or mimetypes.guess_type(f"name{suffix}")[0] or ""
    kind = guessed.partition("/")[0]
    return cast("Kind", kind) if kind in {"image", "video", "audio"} else "file"


def link_to(path: str | None) -> str:
    """Return the relative address of a saved file; empty for one that is not in the folder."""
    if not path or path.startswith(("/", "\\")) or ".." in path.split("/") or ":" in path:
        return ""
    return quote(path)


def web_link(url: str | None) -> str:
    """Return an address that a page may link to; empty for what is no http or https address."""
    return url if url and _WEB.fullmatch(url) else ""


def summary_of(operation: str, request: bytes | None, longest: int = _LONGEST) -> str:
    """Return the parameters of a request in one line of text, cut off where it gets long."""
    names = _names_of(operation)
    parts = [
        f"{names.get(name, name)}: {_text_of(value)}"
        for name, value in _fields_of(request).items()
        if name not in _WEBHOOK and value is not None
    ]
    text = " · ".join(parts)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def sources_of(operation: str, request: bytes | None, place: Callable[[Path], str]) -> list[Source]:
    """Return the addresses and files that a request names.

    Args:
        operation: The name of its operation.
        request: JSON of it.
        place: Returns the address of a file on this machine, relative to the report.
    """
    names = _names_of(operation)
    found: dict[str, Source | None] = {}
    for name, value in _fields_of(request).items():
        for text in _leaves_of(value):
            if name not in _WEBHOOK and text not in found:  # two parameters may name one file
                found[text] = _source(names.get(name, name), text, place)
    return [each for each in found.values() if each is not None]


def beside(root: Path) -> Callable[[Path], str]:
    """Return what gives a file's address relative to a folder."""

    def place(path: Path) -> str:
        try:
            return quote(Path(os.path.relpath(path, root.absolute())).as_posix())
        except ValueError:  # on another drive
            return path.as_uri()

    return place


def _source(field: str, text: str, place: Callable[[Path], str]) -> Source | None:
    if text.startswith("file:"):
        path = Path(url2pathname(urlsplit(text).path))
        if not path.is_file():
            return Source(field, "file", "", None)
        return Source(field, kind_of(path.name), place(path), path)
    if not web_link(text):
        return None
    try:
        kind = kind_of(urlsplit(text).path)
    except ValueError:
        return None
    return Source(field, kind, text, None)


def _fields_of(request: bytes | None) -> dict[str, Any]:
    if not request:
        return {}
    try:
        return msgspec.json.decode(request, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}


def _text_of(value: Any) -> str:
    return " ".join(", ".join(_leaves_of(value)).split())


def _leaves_of(value: Any) -> Iterator[str]:
    """Yield all texts and numbers in a value, as texts."""
    if isinstance(value, dict):
        value = list(cast("dict[str, Any]", value).values())
    if isinstance(value, list):
        inner: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
        for each in inner:
            yield from _leaves_of(each)
    elif value is not None and value != "":
        yield value if isinstance(value, str) else msgspec.json.encode(value).decode()


@cache
def _names_of(operation: str) -> Mapping[str, str]:
    """Return Python's names of an operation's parameters, by Akool's."""
    title, _, _ = operation.partition(".")
    if title not in NAMESPACES:
        return {}
    from akool_async.endpoints import ENDPOINTS

    cls = ENDPOINTS.get(operation)
    return {} if cls is None else {plan.wire_name: plan.name for plan in plan_of(cls)}
