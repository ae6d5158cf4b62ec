"""Results saved under names of the user's: from a template, or by a function of the user's."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from akool_async.engine import JobRecord
from akool_async.errors import InvalidInput
from akool_async.media.name_template import NameTemplate
from akool_async.media.names import HEAD, absolute, extension_in

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
        """Save a result's media; return where it lies.

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
            part = await result.save(Path(place, ""))
            extension = await asyncio.to_thread(_extension_of, part)
            target = self.folder.joinpath(*folders, name + extension)
            written = str(target).lower()
            is_anothers = written in self._at_work
            self._at_work.add(written)
            try:
                is_anothers = is_anothers or await _is_anothers(target, record, recorder)
                if is_anothers:
                    mark = hashlib.sha256(values["key"].encode("utf-8", "surrogatepass"))
                    target = target.with_name(f"{name}-{mark.hexdigest()[:8]}{extension}")
                await asyncio.to_thread(_put, part, target)
            finally:
                self._at_work.discard(written)
        return str(target)


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
        """Save a result's media; return where it lies.

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


async def _is_anothers(target: Path, record: JobRecord[Any], recorder: Recorder | None) -> bool:
    """Say whether a file is there that the result of another key was saved in."""
    if recorder is None or not await asyncio.to_thread(os.path.lexists, target):
        return False
    return await recorder.key_of_file(str(target)) not in {None, record.options.row_key}


def _extension_of(file: Path) -> str:
    with file.open("rb") as opened:
        return extension_in(opened.read(HEAD)) or file.suffix


def _put(part: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part.replace(target)
