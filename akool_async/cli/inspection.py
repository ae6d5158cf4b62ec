"""Is a saved file what it should be? Looks at the file, not at what was said about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

_HEAD = 64
"""Bytes at the beginning that tell what a file is."""


class Kind(NamedTuple):
    """How files of one kind begin and end."""

    head: re.Pattern[bytes]
    tail: bytes = b""


def _kind(head: bytes, tail: bytes = b"") -> Kind:
    return Kind(re.compile(head, re.DOTALL), tail)


_JPEG = _kind(rb"\xff\xd8\xff")
_MPEG4 = _kind(rb".{4}ftyp")

KINDS: Mapping[str, Kind] = {
    ".gif": _kind(rb"GIF8[79]a", b";"),
    ".jpeg": _JPEG,
    ".jpg": _JPEG,
    ".mov": _MPEG4,
    ".mp3": _kind(rb"ID3|\xff[\xe0-\xff]"),
    ".mp4": _MPEG4,
    ".png": _kind(rb"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"),
    ".wav": _kind(rb"RIFF.{4}WAVE"),
    ".webp": _kind(rb"RIFF.{4}WEBP"),
}
"""The kinds of media that Akool and its simulator make, by extension."""


def flaw_of(path: Path, job_id: str, *, simulated: bool) -> str:
    """Return what is wrong with a job's file, in words; nothing if it is right.

    Args:
        path: The file.
        job_id: The job's `id`, which the file's name must hold.
        simulated: Whether the simulator made the file. Then its content names the job too,
            and it is of a kind known here.

    Raises:
        OSError: the file cannot be read.
    """
    if job_id not in path.name:
        return "its name is not that of its job"
    flaw = _malformed(path, known=simulated)
    if not flaw and simulated and job_id.encode() not in path.read_bytes():
        return "its content is that of another job"
    return flaw


def _malformed(path: Path, *, known: bool) -> str:
    size = path.stat().st_size
    if size == 0:
        return "it is empty"
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        return f"its kind {path.suffix!r} is not known" if known else ""
    head, tail = _ends(path, size, len(kind.tail))
    if not kind.head.match(head):
        return f"its content is not that of a {path.suffix} file"
    if tail != kind.tail or _riff_size(head) not in {None, size}:
        return "it is not whole"
    return ""


def _ends(path: Path, size: int, tail: int) -> tuple[bytes, bytes]:
    with path.open("rb") as file:
        head = file.read(_HEAD)
        file.seek(max(0, size - tail))
        return head, file.read(tail)


def _riff_size(head: bytes) -> int | None:
    """Return how long a RIFF file says it is."""
    return int.from_bytes(head[4:8], "little") + 8 if head.startswith(b"RIFF") else None
