"""Saves all files of one result: each whole or not at all, and those that are there stay.

The primary file comes first. If a further one cannot be fetched, the error names the files that
are there; the next attempt to save the same result at the same place goes on with the missing ones.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from akool_async.errors import DownloadError, ResultExpired
from akool_async.media.names import absolute
from akool_async.protocol.words import counted

if TYPE_CHECKING:
    from akool_async.media.downloader import Downloader
    from akool_async.media.progress import Progress
    from akool_async.media.source import Source


class _There(NamedTuple):
    """A file that was saved, and what shows that it is still the same."""

    path: Path
    """From the root on."""
    size: int
    changed: int

    @classmethod
    def at(cls, path: Path) -> Self:
        """Return what there is about a file. Blocks for a moment."""
        found = path.stat()
        return cls(path, found.st_size, found.st_mtime_ns)

    def is_unchanged(self) -> bool:
        """Say whether the file is as it was saved. Blocks for a moment."""
        try:
            return self == _There.at(self.path)
        except OSError:
            return False


class FilesOfResult:
    """Saves the files of one result, and knows which of them an attempt that failed has left."""

    def __init__(self) -> None:
        self._left: dict[str, dict[str, _There]] = {}
        """By the path that was given, from the root on, and by the mark of each file."""

    async def save(
        self,
        downloader: Downloader,
        sources: Sequence[Source],
        path: str | os.PathLike[str],
        *,
        overwrite: bool = True,
        progress: Progress | None = None,
    ) -> tuple[Path, ...]:
        """Save all files; return their paths, the primary one first.

        Args:
            downloader: Fetches each of them.
            sources: The files; at least one.
            path: A file, the primary one; or a folder.
            overwrite: Whether files of these names may be replaced.
            progress: Called with the bytes of all files.

        Raises:
            DownloadError: a file could not be fetched whole.
            ResultExpired: the files are kept no longer.
            OSError: a file cannot be written, or is there and may not be replaced.
        """
        place = absolute(path)
        left = self._left.pop(place, {})
        there = {mark: each for mark, each in left.items() if each.is_unchanged()}
        missing = [each for each in sources if each.mark not in there]
        if not overwrite:  # before any of them is fetched
            for source in missing:
                await downloader.check(source, place)
        told = _Progress(progress, sum(each.size for each in there.values()), len(missing))
        try:
            for source in missing:
                report = None if progress is None else told.report
                saved = await downloader.save(source, place, overwrite=overwrite, progress=report)
                there[source.mark] = _There.at(saved)
                told.next_file()
        except BaseException as error:
            if there:
                self._left[place] = there
                _tell(error, [str(each.path) for each in there.values()], len(sources))
            raise
        files = [there[each.mark].path for each in sources]
        return tuple(map(partial(_as_given, Path(path), Path(place)), files))


class _Progress:
    """Adds up the bytes of several files.

    Args:
        report: Called with the bytes of all files, and with how many there will be: that is known
            once the last one has begun.
        before: Bytes that are there already.
        files: How many files follow.
    """

    def __init__(self, report: Progress | None, before: int, files: int) -> None:
        self._report = report
        self._before = before
        self._files = files
        self._now = 0

    def report(self, received: int, total: int | None) -> object:
        """Take in how far a file is."""
        assert self._report is not None
        self._now = received
        is_last = self._files == 1 and total is not None
        return self._report(
            self._before + received, self._before + (total or 0) if is_last else None
        )

    def next_file(self) -> None:
        """Take note that a file is whole."""
        self._before += self._now
        self._files -= 1
        self._now = 0


def _as_given(given: Path, place: Path, file: Path) -> Path:
    """Return the path of a file as the caller gave it: relative, if he did so."""
    return given / file.name if file.parent == place else given.with_name(file.name)


def _tell(error: BaseException, there: Sequence[str], files: int) -> None:
    """Let an error name the files of its result that are there."""
    if isinstance(error, DownloadError | ResultExpired):
        error.saved = tuple(there)
        said = f"{error.message}; {len(there)} of its {counted(files, 'file')} are there"
        error.args = (f"{said}, and stay: {', '.join(there)}",)
