"""What brings a file to an address: one coroutine."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

from akool_async.protocol.value import Value

TASK_NAME: Final = "akool_async"
"""The name of the engine's own tasks: they do not keep a program from ending."""


class LocalFile(Value):
    """A file on disk, and what is known of its content."""

    path: Path
    """From the root on."""
    size: int
    """Bytes; at least 1."""
    sha256: str
    """The SHA-256 of its content, in hex."""
    extension: str
    """What its content is, or its own extension, with the dot; empty if nobody can tell."""
    media_type: str
    """Its media type, such as `image/jpeg`."""

    @property
    def name(self) -> str:
        """A name that only this content has, such as `9f86….jpg`."""
        return self.sha256 + self.extension


class Uploader(Protocol):
    """Brings files to addresses that Akool can read. `Akool(uploads=...)` takes one."""

    async def upload(self, file: LocalFile, /) -> str:
        """Upload a file, unless it is there already; return its http(s) address.

        The client calls it for one content at most once an hour, however many jobs use it. So the
        address has to work for an hour longer than the longest job may wait and take.

        An `UploadError` with `final` set ends the jobs that need the file; after any other error
        the client tries again, up to five times.
        """
        ...
