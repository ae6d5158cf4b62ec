"""A result: a snapshot with media behind it."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, Final, Self

import msgspec

from akool_async.endpoint import Snapshot, Status
from akool_async.errors import DownloadError, ResultExpired
from akool_async.media import Downloader, OneDownload, Progress, Wanted

LIFETIME: Final = timedelta(days=7)
"""How long Akool keeps media."""

_END_OF_TIME: Final = 2**33 * 1000
"""Milliseconds since 1970, in the year 2242: no later time is taken for one."""


class Result(Snapshot):
    """What a job has become: `.id`, `.status`, `.url`, `.expires_at`, and `.save()`."""

    media_field: ClassVar[str] = ""
    """The field that holds the primary media address."""
    lifetime: ClassVar[timedelta] = LIFETIME
    """How long the media is kept."""

    @property
    def media_url(self) -> str:
        """The primary media address, as the wire has it at this moment."""
        return getattr(self, self.media_field) if self.media_field else ""

    @property
    def url(self) -> str:
        """The primary media address; empty until COMPLETED.

        Akool often names it earlier (T25), when nothing is there yet.
        """
        return self.media_url if self.status is Status.COMPLETED else ""

    @property
    def creation_time(self) -> datetime | None:
        """When Akool says that the job was created."""
        return None

    @property
    def expires_at(self) -> datetime | None:
        """When the media is deleted: 7 days after creation at Akool; `None` if unknown."""
        created = self.creation_time or self.__dict__.get("accepted_at")
        return None if created is None else created + self.lifetime

    def linked(
        self,
        downloader: Downloader,
        accepted_at: datetime | None,
        *,
        operation: str = "",
        token: str | None = None,
    ) -> Self:
        """Return this result with a link to its client and job; it is no part of the value."""
        linked = msgspec.structs.replace(self)
        vars(linked).update(
            downloader=downloader, accepted_at=accepted_at, operation=operation, token=token
        )
        return linked

    async def save(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = True,
        progress: Progress | None = None,
    ) -> Path:
        """Download the media to a file, whole or not at all, and return its path.

        Failures that pass are tried again, from where they broke off if the server can tell
        that the media is still the same. Cancelled, or given up, it leaves no file.

        Args:
            path: A file; or a folder (it exists, or the path ends in `/`), in which the
                file is named after the job's id.
            overwrite: Whether a file of that name may be replaced.
            progress: Called with the bytes received so far, and with how many there are, or
                `None`; a function or a coroutine function.

        Raises:
            DownloadError: there is no media, it could not be fetched whole, or the disk is full.
            ResultExpired: the media is kept no longer.
            OSError: the file cannot be written, or is there and may not be replaced.
        """
        link = vars(self)
        if not self.url:
            raise DownloadError(f"{type(self).__name__} {self.id} has no media to save")
        downloader: Downloader = link.get("downloader") or OneDownload()
        wanted = Wanted(
            self.url, self.id, link.get("operation", ""), link.get("token"), self.expires_at
        )
        try:
            return await downloader.save(wanted, path, overwrite=overwrite, progress=progress)
        except ResultExpired as error:
            error.snapshot = self
            raise


def from_milliseconds(value: int) -> datetime | None:
    """Read Akool's millisecond times (T14); `None` for 0, and for what is no time of ours."""
    return datetime.fromtimestamp(value / 1000, UTC) if 0 < value < _END_OF_TIME else None
