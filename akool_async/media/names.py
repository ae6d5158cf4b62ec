"""The names of downloaded files: plain, and inside their folder, whatever the job's id is."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_REFUSED = frozenset('<>:"/\\|?*')
"""Characters that Windows refuses in a name, beside those that nobody sees."""
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[\d¹²³])\s*(\..*)?", re.IGNORECASE
)
"""Names that Windows takes for devices, with any extension."""
_LONGEST_BYTES = 120
"""Bytes of a readable name. File systems allow 255, some that encrypt 143; a hash and an extension
may follow."""

_BY_TYPE = {
    "application/mp4": ".mp4",
    "application/ogg": ".ogg",
    "audio/aac": ".aac",
    "audio/aiff": ".aiff",
    "audio/flac": ".flac",
    "audio/mp3": ".mp3",
    "audio/mp4": ".m4a",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "audio/opus": ".opus",
    "audio/vnd.wave": ".wav",
    "audio/wav": ".wav",
    "audio/wave": ".wav",
    "audio/webm": ".weba",
    "audio/x-aiff": ".aiff",
    "audio/x-flac": ".flac",
    "audio/x-m4a": ".m4a",
    "audio/x-wav": ".wav",
    "image/apng": ".apng",
    "image/avif": ".avif",
    "image/bmp": ".bmp",
    "image/gif": ".gif",
    "image/heic": ".heic",
    "image/jpeg": ".jpg",
    "image/jpg": ".jpg",
    "image/png": ".png",
    "image/svg+xml": ".svg",
    "image/tiff": ".tiff",
    "image/webp": ".webp",
    "video/3gpp": ".3gp",
    "video/matroska": ".mkv",
    "video/mp2t": ".ts",
    "video/mp4": ".mp4",
    "video/mpeg": ".mpg",
    "video/ogg": ".ogv",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
    "video/x-m4v": ".m4v",
    "video/x-matroska": ".mkv",
    "video/x-msvideo": ".avi",
}

_TYPE_OF = {extension: kind for kind, extension in _BY_TYPE.items()} | {
    ".aiff": "audio/aiff",
    ".flac": "audio/flac",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".m4a": "audio/mp4",
    ".mpeg": "video/mpeg",
    ".tif": "image/tiff",
    ".wav": "audio/wav",
}
"""The usual type of each extension; several types share one."""
del _TYPE_OF[".svg"]  # it can hold scripts, which a browser would run in the name of a site

_TEXT_TYPES = {
    "application/x-subrip": ".srt",
    "text/srt": ".srt",
    "text/vtt": ".vtt",
}
"""Types of subtitles, which browsers are not told of: a text is never shown as media."""

_ALSO = {".aif", ".flv", ".heif", ".jpeg", ".m4b", ".mka", ".mpeg", ".oga", ".tif", ".wma", ".wmv"}
_SUBTITLES = {".ass", ".srt", ".vtt"}
KNOWN = frozenset(_BY_TYPE.values()) | _ALSO | _SUBTITLES
"""The extensions of media. What an address ends in may be anything else, such as `.php`, or the
`.5` of a version."""

_BY_CONTENT = tuple(
    (re.compile(magic, re.DOTALL), extension)
    for magic, extension in (
        (rb"\x89PNG\r\n\x1a\n", ".png"),
        (rb"\xff\xd8\xff", ".jpg"),
        (rb"GIF8[79]a", ".gif"),
        (rb"RIFF....WEBP", ".webp"),
        (rb"RIFF....WAVE", ".wav"),
        (rb"RIFF....AVI ", ".avi"),
        (rb"FORM....AIF[FC]", ".aiff"),
        (rb"....ftypqt", ".mov"),
        (rb"....ftypM4A", ".m4a"),
        (rb"....ftypM4V", ".m4v"),
        (rb"....ftypavi[fs]", ".avif"),
        (rb"....ftyp(hei[cx]|mif1)", ".heic"),
        (rb"....ftyp3g", ".3gp"),
        (rb"....ftyp", ".mp4"),
        (rb"\0...(moov|mdat|free|wide)", ".mov"),
        (rb"\x1aE\xdf\xa3.*?matroska", ".mkv"),
        (rb"\x1aE\xdf\xa3", ".webm"),
        (rb"OggS", ".ogg"),
        (rb"fLaC", ".flac"),
        (rb"FLV\x01", ".flv"),
        (rb"II\*\0|MM\0\*", ".tiff"),
        (rb"BM....\0\0\0\0", ".bmp"),
        (rb"\0\0\x01[\xb3\xba]", ".mpg"),
        (rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*(<!DOCTYPE svg[^>]*>\s*)?<svg[\s>]", ".svg"),
        (rb"\xff[\xf0\xf1\xf8\xf9]", ".aac"),
        (rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]", ".mp3"),
        (rb"(\xef\xbb\xbf)?\s*(\d+\s+)?\d+:\d\d:\d\d[,.]\d+\s*-->", ".srt"),
        (rb"(\xef\xbb\xbf)?WEBVTT\b", ".vtt"),
        (rb"(\xef\xbb\xbf)?\[Script Info\]", ".ass"),
    )
)
HEAD = 512
"""The number of first bytes that show a file's type, or that it is a page."""


class Destination(NamedTuple):
    """Where a file goes."""

    folder: Path
    """Absolute: the working directory may change while the file comes."""
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


def absolute(path: str | os.PathLike[str]) -> str:
    """Return a path from the root on, in the working directory of now; keep a separator at its end.

    Raises:
        OSError: the path is relative, and the working directory is gone.
    """
    text = os.fspath(path)
    return text if os.path.isabs(text) else os.path.join(os.getcwd(), text)  # noqa: PTH109, PTH117, PTH118


def destination_of(text: str, name: str, mark: str = "") -> Destination:
    """Return where to write: the path itself, or, for a folder, a safe name inside it.

    A path is a folder if it exists as one, or ends in a separator. Blocks.

    Args:
        text: An absolute path.
        name: What the file is named after in a folder.
        mark: What follows that name, for a further file of the same result; empty for the first.
    """
    given = Path(text)
    if text.endswith(("/", os.sep)) or given.is_dir():
        return Destination(given, safe_name(name) + mark, has_extension=False)
    if mark:
        return Destination(given.parent, stem_of(given.name) + mark, has_extension=False)
    return Destination(given.parent, given.name, has_extension=True)


def stem_of(name: str) -> str:
    """Return the name of a file without its extension, if that is one of media."""
    stem, _, extension = name.rpartition(".")
    return stem if stem and f".{extension.lower()}" in KNOWN else name


def safe_name(name: str) -> str:
    """Return a file name that stays in its folder, whatever the given name is.

    A name that has to be changed gets a hash of the given one, so that two names stay different.
    """
    safe = _UNSAFE.sub("-", name).strip(".-")[:90].rstrip(".-")
    return _marked("" if is_reserved(safe) else safe, name)


def readable_name(name: str) -> str:
    """Return such a name that keeps letters of any script: only what file systems refuse goes.

    For a file, and for no header of HTTP.
    """
    # Some file systems take both forms of an "é" for one name.
    seen = unicodedata.normalize("NFC", name)
    safe = "".join(c if c.isprintable() and c not in _REFUSED else "-" for c in seen).strip(" .-")
    safe = safe.encode()[:_LONGEST_BYTES].decode(errors="ignore").rstrip(" .-")
    return _marked("" if is_reserved(safe) else safe, name)


def is_reserved(name: str) -> bool:
    """Say whether Windows takes a name for a device."""
    return _RESERVED.fullmatch(name) is not None


def _marked(safe: str, name: str) -> str:
    """Return what was made of a name, with a hash of the name if it was changed."""
    if safe and safe == name:
        return safe
    suffix = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{safe or 'result'}-{suffix}"


def extension_of(url: str) -> str:
    """Return the extension of a URL's path, with its dot; an empty string if it is no medium's."""
    try:
        suffix = Path(urlsplit(url).path).suffix.lower()
    except ValueError:  # not a URL: the download reports that
        return ""
    return suffix if suffix in KNOWN else ""


def extension_in(head: bytes) -> str:
    """Return the extension that a file's first bytes show; an empty string if they show none."""
    return next((extension for magic, extension in _BY_CONTENT if magic.match(head)), "")


def extension_for(url: str, content_type: str, head: bytes) -> str:
    """Return a file's extension: the URL's, else that of its type, else that of its content."""
    kind = main_type(content_type)
    named = extension_of(url) or _BY_TYPE.get(kind) or _TEXT_TYPES.get(kind)
    return named or extension_in(head)


def type_of(extension: str) -> str:
    """Return the media type of an extension, for a reply to a browser; never that of a page."""
    return _TYPE_OF.get(extension, "application/octet-stream")


def main_type(content_type: str) -> str:
    """Return a media type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()
