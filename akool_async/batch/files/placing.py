"""A saved file gets its name: by its content, and never the name of another row's file."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from akool_async.batch.files.names import FileNames, NamedRow
from akool_async.media.names import HEAD, extension_in


class Placed(NamedTuple):
    """A file that is in its place."""

    path: str
    """Relative to the folder for media, with `/`."""
    size: int
    sha256: str


class NamesInUse:
    """The names of files whose rows have no line on disk yet.

    Until a row has its line, nobody else knows that the file is its own: results that are saved
    at the same time would replace one another. It is used by many threads.
    """

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}
        """By name, in lower case as some file systems know no other, the key of its row."""
        self._lock = threading.Lock()

    def take(self, path: str, key: str) -> bool:
        """Take a name for a row; return whether the row has it now."""
        with self._lock:
            return self._keys.setdefault(path.lower(), key) == key

    def give_back(self, path: str) -> None:
        """Give back a name that a row has."""
        with self._lock:
            self._keys.pop(path.lower(), None)


def put_in_place(
    part: Path,
    media: Path,
    names: FileNames,
    row: NamedRow,
    *,
    in_use: NamesInUse,
    is_anothers: Callable[[str], bool],
) -> Placed:
    """Move a whole file to its name, and return where it is. Blocks.

    Args:
        part: The file, on the same file system.
        media: The folder for media.
        names: Makes the name.
        row: What the name is made of.
        in_use: Has the name from now on; it is to be given back once the row's line is on disk.
        is_anothers: Says whether a path in that folder is that of another row's file.
    """
    size, sha256, head = facts_of(part)
    extension = extension_in(head) or part.suffix
    wanted = names.path_of(row, extension)
    for path in _names_for(row.key, wanted, extension):
        if not in_use.take(path, row.key):
            continue
        try:
            target = media / path
            if not (target.exists() and is_anothers(path)):
                target.parent.mkdir(parents=True, exist_ok=True)
                part.replace(target)
                return Placed(path, size, sha256)
        except BaseException:
            in_use.give_back(path)
            raise
        in_use.give_back(path)
    raise FileExistsError(f"all names of the file are those of other rows, such as {wanted}")


def _names_for(key: str, path: str, extension: str) -> Iterator[str]:
    """Yield a path, and others for the case that it is that of another row's file.

    A template such as `{line}` names the file of another row, once lines were inserted.
    """
    yield path
    mark = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    for length in (8, 24):
        yield f"{path.removesuffix(extension)}-{mark[:length]}{extension}"


def facts_of(file: Path) -> tuple[int, str, bytes]:
    """Return a file's size, its SHA-256 in hex, and its first bytes. Blocks."""
    with file.open("rb") as opened:
        head = opened.read(HEAD)
        opened.seek(0)
        digest = hashlib.file_digest(opened, "sha256")
    return file.stat().st_size, digest.hexdigest(), head
