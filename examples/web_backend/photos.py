"""Uploaded photos: checked, kept under names that nobody can guess, and served to Akool."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

LARGEST = 20 * 2**20
"""Bytes of a photo."""

_NAME = re.compile(r"[A-Za-z0-9_-]{43}\.(?:jpg|png|webp)")
_TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


class Refused(Exception):
    """An upload that is not kept.

    Attributes:
        status: The HTTP status of the answer.
        reason: What the person is told.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Photos:
    """The folder of uploaded photos."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def keep(self, chunks: AsyncIterator[bytes]) -> str:
        """Write a photo to the folder; return its new name.

        The beginning of the file decides what it is: the browser's word for it, and the name
        that it had, are not believed.

        Raises:
            Refused: it is too large, or no photo.
        """
        content = bytearray()
        async for chunk in chunks:
            content += chunk
            if len(content) > LARGEST:
                raise Refused(413, f"The photo is larger than {LARGEST // 2**20} MB.")
        name = secrets.token_urlsafe(32) + _extension_of(content)
        await asyncio.to_thread(_write, self._folder / name, content)
        return name

    def find(self, name: str) -> Path | None:
        """Return the path of a photo; `None` if there is none of that name."""
        if _NAME.fullmatch(name) is None:
            return None
        path = self._folder / name
        return path if path.is_file() else None


def _write(path: Path, content: bytearray) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.replace(path)  # a name that exists is a whole photo


def _extension_of(content: bytes | bytearray) -> str:
    if content.startswith(b"\xff\xd8\xff"):
        return ".jpg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return ".png"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return ".webp"
    raise Refused(415, "The file is no photo in JPEG, PNG or WebP.")


def media_type(path: Path) -> str:
    """Return the type that a picture is served as; nothing that a browser would run."""
    return _TYPES.get(path.suffix.lower(), "application/octet-stream")
