"""A saved file gets its name: by its content, and never the name of another row's file."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from akool_async.batch.files.names import FileNames, NamedRow
from akool_async.media.names import HEAD, extension_in
from akool_async.media.several import renamed


class Placed(NamedTuple):
    """A file that is in its place."""

    path: str
    """Relative to the folder for media, with `/`."""
    size: int
    sha256: str
    others: tuple[Placed, ...] = ()
    """Further files of the same result, beside it."""


class NamesInUse:
    """The names of files whose rows have no line on disk yet.

    Until a row has its line, nobody else knows that the file is its own: results that are saved
    at the same time would replace one another. It is used by many threads.
    """

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}
        """By name, in lower case as some file systems know no other, the key of its row."""
        self._lock = threading.Lock()

    def take(self, paths: Sequence[str], key: str) -> bool:
        """Take names for a row, all or none; return whether the row has them now."""
        names = [each.lower() for each in paths]
        with self._lock:
            free = all(self._keys.get(each, key) == key for each in names)
            if free:
                self._keys |= dict.fromkeys(names, key)
            return free

    def give_back(self, *paths: str) -> None:
        """Give back names that a row has."""
        with self._lock:
            for path in paths:
                self._keys.pop(path.lower(), None)


def put_in_place(
    part: Path,
    media: Path,
    names: FileNames,
    row: NamedRow,
    *,
    in_use: NamesInUse,
    is_anothers: Callable[[str], bool],
    others: Sequence[Path] = (),
) -> Placed:
    """Move a whole file to its name, and return where it is. Blocks.

    Args:
        part: The file, on the same file system.
        media: The folder for media.
        names: Makes the name.
        row: What the name is made of.
        in_use: Has the name from now on; it is to be given back once the row's line is on disk.
        is_anothers: Says whether a path in that folder is that of another row's file.
        others: Further files of the same result, which get their places beside it.
    """
    facts = [facts_of(each) for each in (part, *others)]
    extension = extension_in(facts[0].head) or part.suffix
    wanted = names.path_of(row, extension)
    for path in _names_for(row.key, wanted, extension):
        targets = renamed([part, *others], media / path)
        paths = [each.relative_to(media).as_posix() for each in targets]
        if not in_use.take(paths, row.key):
            continue
        try:
            if not any(
                target.exists() and is_anothers(each)
                for each, target in zip(paths, targets, strict=True)
            ):
                targets[0].parent.mkdir(parents=True, exist_ok=True)
                for source, target in zip([*others, part], [*targets[1:], targets[0]], strict=True):
                    source.replace(target)  # the primary one last: where it is, the others are
                first, *more = [
                    Placed(each, of.size, of.sha256) for each, of in zip(paths, facts, strict=True)
                ]
                return first._replace(others=tuple(more))
        except BaseException:
            in_use.give_back(*paths)
            raise
        in_use.give_back(*paths)
    raise FileExistsError(f"all names of the file are those of other rows, such as {wanted}")


def _names_for(key: str, path: str, extension: str) -> Iterator[str]:
    """Yield a path, and others for the case that it is that of another row's file.

    A template such as `{line}` names the file of another row, once lines were inserted.
    """
    yield path
    mark = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    for length in (8, 24):
        yield f"{path.removesuffix(extension)}-{mark[:length]}{extension}"


class Facts(NamedTuple):
    """What a file is known by."""

    size: int
    sha256: str
    """In hex."""
    head: bytes
    """Its first bytes."""


def facts_of(file: Path) -> Facts:
    """Return a file's size, its SHA-256, and its first bytes. Blocks."""
    with file.open("rb") as opened:
        head = opened.read(HEAD)
        opened.seek(0)
        digest = hashlib.file_digest(opened, "sha256")
    return Facts(file.stat().st_size, digest.hexdigest(), head)
