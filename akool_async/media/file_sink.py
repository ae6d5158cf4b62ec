"""A download to a file: hidden beside its target until it is whole, then renamed into place."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from akool_async.media.content import Digest
from akool_async.media.failures import LocalError, disk_error
from akool_async.media.names import Destination, extension_for
from akool_async.media.part_file import PartFile
from akool_async.media.sink import Put
from akool_async.media.threads import WriteBehind, run_to_completion


class FileSink:
    """Writes a file in threads, which reading does not wait for.

    Args:
        destination: Where the file goes.
        executor: The threads.
        largest: Bytes of the largest file that is allowed.
        overwrite: Whether an existing file may be replaced.
    """

    def __init__(
        self, destination: Destination, executor: Executor, largest: int, *, overwrite: bool
    ) -> None:
        self._destination = destination
        self._executor = executor
        self._overwrite = overwrite
        self._part = PartFile(destination, largest)

    @property
    def received(self) -> int:
        """Bytes taken from the server and written."""
        return self._part.received

    @property
    def head(self) -> bytes:
        """The first bytes of the file."""
        return self._part.head

    def begin(self, *, coding: str, digest: Digest | None, content_type: str) -> None:  # noqa: ARG002
        """Begin the file, or start it over."""
        self._part.begin(coding=coding, digest=digest)

    @asynccontextmanager
    async def receiving(self) -> AsyncGenerator[Put, None]:
        """Write bytes inside; at the end all of them are written."""
        async with WriteBehind(self._executor, self._write) as behind:
            yield behind.put

    def _write(self, data: bytes) -> None:
        """Write bytes; called in a thread."""
        try:
            self._part.write(data)
        except OSError as error:
            problem = LocalError(disk_error(error, self._destination.folder))
        else:
            return
        raise problem

    async def check(self) -> None:
        """Check a file that has all its bytes."""
        await run_to_completion(self._executor, self._part.check)

    async def commit(self, url: str, content_type: str) -> Path:
        """Rename the file into place; return its path.

        Raises:
            OSError: the file cannot be written, or is there and may not be replaced.
            DownloadError: the disk is full.
        """
        target = self._destination.target(extension_for(url, content_type, self._part.head))
        commit = partial(self._part.commit, target, overwrite=self._overwrite)
        try:
            await run_to_completion(self._executor, commit)
        except OSError as error:
            problem = disk_error(error, self._destination.folder)
        else:
            return target
        raise problem

    async def discard(self) -> None:
        """Delete the file, unless it is in its place."""
        await run_to_completion(self._executor, self._part.discard)
