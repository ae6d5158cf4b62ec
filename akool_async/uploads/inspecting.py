"""What a file on disk is, and whether a field takes it. Blocks; sends nothing."""

from __future__ import annotations

import hashlib
import mimetypes
import os
import stat
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from akool_async.errors import InvalidInput
from akool_async.journal.entry import fingerprint
from akool_async.media.names import HEAD, extension_in, type_of
from akool_async.protocol.endpoint import Startable
from akool_async.protocol.fields import MB, text_or_address
from akool_async.protocol.files import WantedFile, files_in
from akool_async.protocol.value import Input
from akool_async.uploads.uploader import LocalFile

_SETTLED: Final = 2.0
"""Seconds. A file that changed less long ago may change again without another time of change."""
_REMEMBERED: Final = 10_000
"""Files whose digests are kept."""
_UNKNOWN: Final = "application/octet-stream"


NO_UPLOADER: Final = (
    "is a file, and Akool reads addresses only: say where files may be uploaded to, such as"
    " Akool(uploads='s3://my-bucket/akool'), or AKOOL_UPLOADS=s3://my-bucket/akool for the"
    " command line; or give the file's address"
)


def refuse_files(request: Input) -> None:
    """Refuse a request with files, because there is no uploader.

    Raises:
        InvalidInput: it has one; the message says what to do.
    """
    for first in files_in(request):
        raise InvalidInput(first.field, str(first.path), NO_UPLOADER, owner=first.owner)


def check_files(request: Input) -> None:
    """Check the files that a request names, without reading more than the first bytes of each.

    Raises:
        InvalidInput: one is missing, empty, too large, or of a kind that its field does not take.
    """
    for wanted in files_in(request):
        _check(wanted)


def inspected(wanted: WantedFile) -> LocalFile:
    """Check a file, and read all of it for its digest.

    Raises:
        InvalidInput: it is missing, empty, too large, or of a kind that its field does not take.
    """
    path = Path(os.path.abspath(wanted.path))  # noqa: PTH100 - as `open` reads a relative path
    extension, media_type = _check(wanted)
    try:
        found = path.stat()
        digest = _digest_of(path, found)
    except OSError as error:
        problem = error.strerror or str(error)
    else:
        return LocalFile(
            path=path,
            size=found.st_size,
            sha256=digest,
            extension=extension,
            media_type=media_type,
        )
    raise _refusal(wanted, f"cannot be read: {problem}")


def contents_of(request: Input) -> dict[Path, LocalFile]:
    """Return the files that a request names, by their paths.

    Raises:
        InvalidInput: one of them cannot be used.
    """
    return {wanted.path: inspected(wanted) for wanted in files_in(request)}


def fingerprint_of(request: Startable[Any], files: Mapping[Path, LocalFile] | None = None) -> str:
    """Return what tells one request from another: its name and fields, webhook address aside.

    A file counts by its content, wherever it lies. Without `files` it reads all files of the
    request, which blocks.

    Raises:
        InvalidInput: a file cannot be used.
    """
    known = contents_of(request) if files is None else files

    def written(value: Any) -> str:
        if isinstance(value, Path):
            return f"sha256:{known[value].sha256}"
        return text_or_address(value)  # a secret is no part of it

    return fingerprint(request.label, request.unarmed_wire(written))


def _check(wanted: WantedFile) -> tuple[str, str]:
    """Check a file by its size and first bytes; return its extension and media type."""
    head = b""
    try:
        found = wanted.path.stat()
        if is_plain := stat.S_ISREG(found.st_mode):  # a pipe would be waited for
            with wanted.path.open("rb") as file:
                head = file.read(HEAD)
    except FileNotFoundError:
        problem = "must be an http or https URL, or a file; there is no such file"
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        problem = f"cannot be read: {getattr(error, 'strerror', None) or error}"
    else:
        if is_plain:
            return _checked_kind(wanted, found.st_size, head)
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "no plain file"
        problem = f"must be a file, and is {what}"
    raise _refusal(wanted, problem)


def _checked_kind(wanted: WantedFile, size: int, head: bytes) -> tuple[str, str]:
    takes, own = wanted.takes, wanted.path.suffix.lower()
    if not size:
        raise _refusal(wanted, "is an empty file")
    if takes.largest is not None and size > takes.largest:
        most = f"{takes.largest // MB} MB"
        raise _refusal(wanted, f"must be at most {most}, and is {size / MB:.1f} MB")
    # What the content is, first: one content has one name, whatever its files are called.
    extension = extension_in(head) or own
    media_type = _type_of(extension)
    kind = media_type.partition("/")[0]
    known = media_type != _UNKNOWN
    if takes.kinds and known and kind not in takes.kinds:
        raise _refusal(wanted, f"must be {_either(takes.kinds)}, and is {media_type}")
    if takes.formats and known and extension not in takes.formats:
        names = ", ".join(each.removeprefix(".") for each in takes.formats)
        raise _refusal(wanted, f"must be one of {names}, and is {extension.removeprefix('.')}")
    return extension, media_type


def _type_of(extension: str) -> str:
    known = type_of(extension)
    if known != _UNKNOWN:
        return known
    return mimetypes.guess_type(f"a{extension}")[0] or _UNKNOWN


def _either(kinds: tuple[str, ...]) -> str:
    return " or ".join({"image": "an image", "video": "a video"}.get(each, each) for each in kinds)


def _refusal(wanted: WantedFile, rule: str) -> InvalidInput:
    return InvalidInput(wanted.field, str(wanted.path), rule, owner=wanted.owner)


def _digest_of(path: Path, found: os.stat_result) -> str:
    if time.time() - found.st_mtime < _SETTLED:
        return _read_digest(path)
    marks = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return _known_digest(path, marks)


@lru_cache(_REMEMBERED)
def _known_digest(path: Path, _marks: tuple[int, ...]) -> str:
    """Return a file's digest; it is read once, as long as nothing of the file changes."""
    return _read_digest(path)


def _read_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
