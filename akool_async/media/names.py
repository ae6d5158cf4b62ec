"""The names of downloaded files: plain, and inside their folder, whatever the job's id is."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that Windows takes for devices, with any extension."""
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,8}")

_BY_TYPE = {
    "audio/aac": ".aac",
    "audio/flac": ".flac",
    "audio/mp4": ".m4a",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "audio/vnd.wave": ".wav",
    "audio/wav": ".wav",
    "audio/wave": ".wav",
    "audio/x-m4a": ".m4a",
    "audio/x-wav": ".wav",
    "image/gif": ".gif",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
}

_BY_CONTENT = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), ".png"),
    (re.compile(rb"\xff\xd8\xff"), ".jpg"),
    (re.compile(rb"GIF8[79]a"), ".gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), ".webp"),
    (re.compile(rb"RIFF....WAVE", re.DOTALL), ".wav"),
    (re.compile(rb"....ftypqt", re.DOTALL), ".mov"),
    (re.compile(rb"....ftypM4A", re.DOTALL), ".m4a"),
    (re.compile(rb"....ftyp", re.DOTALL), ".mp4"),
    (re.compile(rb"\x1aE\xdf\xa3"), ".webm"),
    (re.compile(rb"OggS"), ".ogg"),
    (re.compile(rb"fLaC"), ".flac"),
    (re.compile(rb"\xff[\xf0\xf1\xf8\xf9]"), ".aac"),
    (re.compile(rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]"), ".mp3"),
)
HEAD = 16
"""The number of first bytes that show a file's type."""


class Destination(NamedTuple):
    """Where a file goes."""

    folder: Path
    name: str
    has_extension: bool
    """Whether the name is complete, as the caller gave it; else an extension is added."""

    @property
    def part(self) -> str:
        """The middle of the name that the file has while it is not whole."""
        return safe_name(self.name)[:40]

    def target(self, extension: str) -> Path:
        """Return the file to write."""
        return self.folder / (self.name if self.has_extension else self.name + extension)


def destination_of(path: str | os.PathLike[str], name: str) -> Destination:
    """Return where to write: the path itself, or, for a folder, a safe name inside it.

    A path is a folder if it exists as one, or ends in a separator. Blocks.
    """
    text = os.fspath(path)
    given = Path(text)
    if text.endswith(("/", os.sep)) or given.is_dir():
        return Destination(given, safe_name(name), has_extension=False)
    return Destination(given.parent, given.name, has_extension=True)


def safe_name(name: str) -> str:
    """Return a file name that stays in its folder, whatever the given name is.

    A name that has to be changed gets a hash of the given one, so that two names stay different.
    """
    safe = _UNSAFE.sub("-", name).strip(".-")[:90].rstrip(".-")
    if _RESERVED.fullmatch(safe):
        safe = ""
    if safe and safe == name:
        return safe
    suffix = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{safe or 'result'}-{suffix}"


def extension_of(url: str) -> str:
    """Return the extension of a URL's path, with its dot, or an empty string."""
    try:
        suffix = Path(urlsplit(url).path).suffix
    except ValueError:  # not a URL: the download reports that
        return ""
    return suffix.lower() if _EXTENSION.fullmatch(suffix) else ""


def extension_for(url: str, content_type: str, head: bytes) -> str:
    """Return a file's extension: the URL's, else that of its type, else that of its content."""
    named = extension_of(url) or _BY_TYPE.get(content_type.partition(";")[0].strip().lower(), "")
    return named or next((ending for magic, ending in _BY_CONTENT if magic.match(head)), "")
