"""A saved file gets its name: by its content, and never the name of another row's file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from akool_async.batch.names import FileNames, NamedRow
from akool_async.media.names import HEAD, extension_in


class Placed(NamedTuple):
    """A file that is in its place."""

    path: str
    """Relative to the folder for media, with `/`."""
    size: int
    sha256: str


def put_in_place(
    part: Path,
    media: Path,
    names: FileNames,
    row: NamedRow,
    *,
    is_anothers: Callable[[str], bool],
) -> Placed:
    """Move a whole file to its name, and return where it is. Blocks.

    Args:
        part: The file, on the same file system.
        media: The folder for media.
        names: Makes the name.
        row: What the name is made of.
        is_anothers: Says whether the result of another job was saved in a file.
    """
    size, sha256, head = facts_of(part)
    extension = extension_in(head) or part.suffix
    path = names.path_of(row, extension)
    target = media / path
    # A template such as `{line}` names the file of another row, once lines were inserted.
    if target.exists() and is_anothers(str(target)):
        path = path.removesuffix(extension) + f"-{sha256[:8]}{extension}"
        target = media / path
    target.parent.mkdir(parents=True, exist_ok=True)
    part.replace(target)
    return Placed(path, size, sha256)


def facts_of(file: Path) -> tuple[int, str, bytes]:
    """Return a file's size, its SHA-256 in hex, and its first bytes. Blocks."""
    with file.open("rb") as opened:
        head = opened.read(HEAD)
        opened.seek(0)
        digest = hashlib.file_digest(opened, "sha256")
    return file.stat().st_size, digest.hexdigest(), head
