"""Results saved under names of the user's: from a template, or by a function of the user's."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from akool_async.engine import JobRecord
from akool_async.errors import InvalidInput
from akool_async.media.name_template import NameTemplate
from akool_async.media.names import HEAD, absolute, extension_in
from akool_async.media.several import primaries_of, renamed

if TYPE_CHECKING:
    from akool_async.engine.recorder import Recorder
    from akool_async.result import Result


class NamedFiles:
    """A folder in which files are named by a template.

    Args:
        text: The folder and the template, such as `out/{operation}/{key}{ext}`. The folder ends
            before the first part with a field.

    Raises:
        InvalidInput: the template could lead outside the folder, or name two files alike.
        OSError: the folder is relative, and the working directory is gone.
    """

    def __init__(self, text: str) -> None:
        parts = text.replace(os.sep, "/").split("/")
        first = next(number for number, part in enumerate(parts) if "{" in part)
        above = "/".join([*parts[:first], ""]) if first else "."
        self.folder = Path(absolute(above))
        self._template = NameTemplate("/".join(parts[first:]), ("key", "id"), "save_to")
        self._at_work: set[str] = set()
        """Files that are about to be written, in lower case: some file systems know no other."""

    async def save(self, record: JobRecord[Any], result: Result, recorder: Recorder | None) -> str:
        """Save a result's media, all files of it; return where the primary one lies.

        A file of the same name is replaced, unless another key's result was saved there: two keys
        may differ in case only, and be one name to the file system. Then a hash tells them apart.

        Raises:
            DownloadError: it could not be fetched whole.
            OSError: the file cannot be written.
        """
        key = record.options.key
        values = {"key": key or result.id, "operation": record.name, "id": result.id}
        folders, name = self._template.filled(values, datetime.now(UTC))
        await asyncio.to_thread(self.folder.mkdir, parents=True, exist_ok=True)
        # On the same disk, so that the whole file is renamed into its place.
        with TemporaryDirectory(prefix=".akool-", dir=self.folder) as place:
            parts = await result.save_all(Path(place, ""))
            extension = await asyncio.to_thread(_extension_of, parts[0])
            target = self.folder.joinpath(*folders, name + extension)
            targets = renamed(parts, target)
            names = {str(each).lower() for each in targets}
            free = names - self._at_work
            self._at_work |= free
            try:
                if free != names or await _are_anothers(targets, record, recorder):
                    mark = hashlib.sha256(values["key"].encode("utf-8", "surrogatepass"))
                    other = f"{name}-{mark.hexdigest()[:8]}{extension}"
                    targets = renamed(parts, target.with_name(other))
                await asyncio.to_thread(_put, parts, targets)
            finally:
                self._at_work -= free
        return str(targets[0])


class FilesBy:
    """Files where a function of the user's says.

    Args:
        function: Called with each job; returns the path of a file, or of a folder.

    Raises:
        OSError: the working directory is gone.
    """

    def __init__(self, function: Callable[[Any], str | os.PathLike[str]]) -> None:
        self._function = function
        self._here = absolute("")

    async def save(self, record: JobRecord[Any], result: Result) -> str:
        """Save a result's media, all files of it; return where the primary one lies.

        Raises:
            InvalidInput: the function raised, or returned no path.
            DownloadError: it could not be fetched whole.
            OSError: the file cannot be written.
        """
        returned: object = None
        try:
            returned = self._function(record.operation.handle(record))
            path = os.path.join(self._here, os.fsdecode(os.fspath(returned)))  # noqa: PTH118
        except Exception as error:  # noqa: BLE001 - it is the user's own
            problem = f"{type(error).__name__}: {error}"
        else:
            return str(await result.save(path))
        raise InvalidInput("save_to", returned, f"must return a path for each job ({problem})")


async def _are_anothers(
    targets: Sequence[Path], record: JobRecord[Any], recorder: Recorder | None
) -> bool:
    """Say whether a file is there that the result of another key was saved in."""
    if recorder is None:
        return False
    mine = {None, record.options.row_key}
    for path in await asyncio.to_thread(_known_files, targets):
        if await recorder.key_of_file(str(path)) not in mine:
            return True
    return False


def _known_files(targets: Sequence[Path]) -> list[Path]:
    """Return those that are there, and the primary files that they may belong to. Blocks."""
    there = [each for each in targets if os.path.lexists(each)]
    return there + [each for path in there for each in primaries_of(path) if os.path.lexists(each)]


def _extension_of(file: Path) -> str:
    with file.open("rb") as opened:
        return extension_in(opened.read(HEAD)) or file.suffix


def _put(parts: Sequence[Path], targets: Sequence[Path]) -> None:
    """Move files into their places, the primary one last: where it lies, the others lie too."""
    targets[0].parent.mkdir(parents=True, exist_ok=True)
    for part, target in reversed([*zip(parts, targets, strict=True)]):
        part.replace(target)
