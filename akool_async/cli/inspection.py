"""Checks of saved files: by their content, not by what the client reports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

_HEAD = 64
"""Bytes read from the beginning of a file to recognise its format."""


_BOX_HEAD = 16
"""Bytes at the beginning of a box that hold its length, in either form."""


class FileFormat(NamedTuple):
    """The first and last bytes of a file format."""

    head: re.Pattern[bytes]
    tail: bytes = b""


def _format(head: bytes, tail: bytes = b"") -> FileFormat:
    return FileFormat(re.compile(head, re.DOTALL), tail)


_JPEG = _format(rb"\xff\xd8\xff")
_MPEG4 = _format(rb".{4}ftyp")

FORMATS: Mapping[str, FileFormat] = {
    ".gif": _format(rb"GIF8[79]a", b";"),
    ".jpeg": _JPEG,
    ".jpg": _JPEG,
    ".mov": _MPEG4,
    ".mp3": _format(rb"ID3|\xff[\xe0-\xff]"),
    ".mp4": _MPEG4,
    ".png": _format(rb"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"),
    ".wav": _format(rb"RIFF.{4}WAVE"),
    ".webp": _format(rb"RIFF.{4}WEBP"),
}
"""The formats of media that Akool and its simulator make, by extension."""


def flaw_of(path: Path, job_id: str, *, simulated: bool) -> str:
    """Return a description of what is wrong with a job's file; an empty text if nothing is.

    Args:
        path: The file.
        job_id: The job's `id`, which the file's name must contain.
        simulated: Whether the simulator made the file. Then the content must contain the id
            too, and the format must be one of `FORMATS`.

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
    expected = FORMATS.get(path.suffix.lower())
    if expected is None:
        return f"its format {path.suffix!r} is not known" if known else ""
    head, tail = _ends(path, size, len(expected.tail))
    if not expected.head.match(head):
        return f"its content is not that of a {path.suffix} file"
    whole = _boxes_are_whole(path, size) if expected is _MPEG4 else True
    if not whole or tail != expected.tail or _riff_size(head) not in {None, size}:
        return "it is not complete"
    return ""


def _boxes_are_whole(path: Path, size: int) -> bool:
    """Say whether the boxes of an MPEG-4 file end where it ends."""
    at = 0
    with path.open("rb") as file:
        while at < size:
            file.seek(at)
            head = file.read(_BOX_HEAD)
            length = int.from_bytes(head[:4], "big")
            if length == 1:  # the length is a large number, and stands behind the name
                length = int.from_bytes(head[8:], "big")
            if length == 0:  # it lasts until the end of the file
                return True
            at += max(length, _BOX_HEAD // 2)
    return at == size


def _ends(path: Path, size: int, tail: int) -> tuple[bytes, bytes]:
    with path.open("rb") as file:
        head = file.read(_HEAD)
        file.seek(max(0, size - tail))
        return head, file.read(tail)


def _riff_size(head: bytes) -> int | None:
    """Return the size that the header of a RIFF file states; `None` for other files."""
    return int.from_bytes(head[4:8], "little") + 8 if head.startswith(b"RIFF") else None
