"""The media of results, in programs without an event loop.

Each of these functions joins the background loop for itself: a result may be saved after its
client was closed, and in another process.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from akool_async.result import READ_LIMIT, Result
from akool_async.sync.background import Background

if TYPE_CHECKING:
    from akool_async.media import MediaStream, Progress


class Chunks:
    """The content of a result's media, as it comes: a plain iterator of bytes."""

    def __init__(self, chunks: MediaStream, background: Background) -> None:
        self._chunks = chunks
        self._background = background

    @property
    def media_type(self) -> str:
        """The type for a `Content-Type`, such as `image/png`."""
        return self._chunks.media_type

    @property
    def filename(self) -> str:
        """A safe file name with the job's id and the extension, such as `65f8017f5655.png`."""
        return self._chunks.filename

    @property
    def size(self) -> int | None:
        """Bytes of the whole media, for a `Content-Length`; `None` if the server did not say."""
        return self._chunks.size

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes that have come.

        Raises:
            DownloadError: the rest could not be fetched, or what came was damaged.
        """
        return self._background.each(lambda: self._chunks)


def save_all(
    result: Result,
    path: str | os.PathLike[str],
    *,
    overwrite: bool,
    progress: Progress | None,
) -> tuple[Path, ...]:
    """Save a result as `Result.save_all` does, and wait for that."""
    with _joined() as background:
        save_all = partial(result.save_all, path, overwrite=overwrite, progress=progress)
        return background.run(save_all)


def read(result: Result, limit: int) -> bytes:
    """Read a result as `Result.read` does, and wait for that."""
    with _joined() as background:
        return background.run(partial(result.read, limit=limit))


@contextmanager
def stream(result: Result) -> Generator[Chunks, None, None]:
    """Stream a result as `Result.stream` does."""
    with _joined() as background, background.inside(result.stream()) as chunks:
        yield Chunks(chunks, background)


@contextmanager
def _joined() -> Generator[Background, None, None]:
    background = Background()
    try:
        yield background
    finally:
        background.leave()


class MediaOfResults:
    """Saves results, such as those that a lookup returns; a job saves its own."""

    def save(
        self,
        result: Result,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = True,
        progress: Progress | None = None,
    ) -> Path:
        """Download the media of a result to a file; return its path, as `Result.save` does."""
        return self.save_all(result, path, overwrite=overwrite, progress=progress)[0]

    def save_all(
        self,
        result: Result,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = True,
        progress: Progress | None = None,
    ) -> tuple[Path, ...]:
        """Do what `save` does, and return the paths of all files, in the order of `urls`."""
        return save_all(result, path, overwrite=overwrite, progress=progress)

    def read(self, result: Result, *, limit: int = READ_LIMIT) -> bytes:
        """Download the media of a result to memory, as `Result.read` does."""
        return read(result, limit)

    def stream(self, result: Result) -> AbstractContextManager[Chunks]:
        """Hand the media of a result out as it comes: `with akool.stream(result) as chunks`."""
        return stream(result)
