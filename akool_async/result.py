"""A result: a snapshot with media behind it."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, Self

import msgspec

from akool_async.endpoint import Snapshot, Status
from akool_async.errors import DownloadError
from akool_async.media import Downloader, OneDownload, target_of

LIFETIME = timedelta(days=7)
"""How long Akool keeps media."""


class Result(Snapshot):
    """What a job has become: `.id`, `.status`, `.url`, `.expires_at`, and `.save()`."""

    media_field: ClassVar[str] = ""
    """The field that holds the primary media address."""

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
        """When Akool deletes the media: 7 days after creation; `None` if that is unknown."""
        created = self.creation_time or self.__dict__.get("accepted_at")
        return None if created is None else created + LIFETIME

    def linked(self, downloader: Downloader, accepted_at: datetime | None) -> Self:
        """Return this result with a link to its client; the link is no part of its value."""
        linked = msgspec.structs.replace(self)
        vars(linked).update(downloader=downloader, accepted_at=accepted_at)
        return linked

    async def save(self, path: str | os.PathLike[str]) -> Path:
        """Download the media to a file, whole or not at all, and return its path.

        Args:
            path: A file; or a folder (it exists, or the path ends in `/`), in which the
                file is named after the job's id.

        Raises:
            DownloadError: there is no media, or it could not be fetched whole.
        """
        if not self.url:
            raise DownloadError(f"{type(self).__name__} {self.id} has no media to save")
        target = await target_of(path, self.id, self.url)
        downloader: Downloader = self.__dict__.get("downloader") or OneDownload()
        await downloader.fetch(self.url, target)
        return target


def from_milliseconds(value: int) -> datetime | None:
    """Read Akool's millisecond times (T14); 0 means unknown."""
    try:
        return datetime.fromtimestamp(value / 1000, UTC) if value > 0 else None
    except (OverflowError, OSError, ValueError):
        return None
