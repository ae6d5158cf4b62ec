"""Where results are saved: a folder, files that the user names, or a bucket.

A file is there whole or not at all.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from akool_async.client.named_files import FilesBy, NamedFiles
from akool_async.engine import JobRecord
from akool_async.media.names import type_of

if TYPE_CHECKING:
    from akool_async.engine.recorder import Recorder
    from akool_async.result import Result
    from akool_async.uploads import Bucket


class SavingPlace:
    """A folder, files that the user names, or a prefix in a bucket.

    Args:
        place: The folder, from the root on; made if it is not there. Or one of the others.
        recorder: Knows which files belong to which keys, where there is a journal.
    """

    def __init__(
        self,
        place: str | os.PathLike[str] | NamedFiles | FilesBy | Bucket,
        recorder: Recorder | None = None,
    ) -> None:
        self._bucket: Bucket | None = None
        self._named: NamedFiles | FilesBy | None = None
        self._recorder = recorder
        if isinstance(place, NamedFiles | FilesBy):
            self._named = place
        elif isinstance(place, str | os.PathLike):
            self._folder = os.path.join(os.fspath(place), "")  # noqa: PTH118 - says: a folder
        else:
            self._bucket = place

    async def save(self, record: JobRecord[Any], result: Result) -> str:
        """Save a job's media, all files of it; return where the primary one lies.

        On its way to a bucket it is a file for a while: a download that breaks off goes on where
        it was, and nothing is sent before it is whole. The primary file is sent last: where it
        lies, the others lie too.

        Raises:
            DownloadError: it could not be fetched whole.
            InvalidInput: the user's own function has named no file.
            UploadError: the bucket does not take it.
            OSError: the file cannot be written.
        """
        if isinstance(self._named, NamedFiles):
            return await self._named.save(record, result, self._recorder)
        if self._named is not None:
            return await self._named.save(record, result)
        if self._bucket is None:
            return str(await result.save(self._folder))
        with TemporaryDirectory(prefix="akool-") as folder:
            saved = ""
            for path in reversed(await result.save_all(Path(folder, ""))):
                saved = await self._bucket.save(path, type_of(path.suffix.lower()))
            return saved

    def lacks(self, saved: str) -> bool:
        """Say whether there is no file, or an empty one, where one was saved. Blocks."""
        if "://" not in saved:
            return is_gone(saved)
        return self._bucket is not None and self._bucket.lacks(saved)


def is_gone(path: str) -> bool:
    """Say whether there is no file, or an empty one, where one was saved. Blocks."""
    try:
        found = os.stat(path)  # noqa: PTH116 - called with each row
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return True
    except OSError:  # such as a folder that may not be entered: nobody can tell
        return False
    return not (stat.S_ISREG(found.st_mode) and found.st_size)
