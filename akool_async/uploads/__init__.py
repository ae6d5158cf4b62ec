"""Files on disk, uploaded to where Akool can read them.

A field that takes an address takes a `pathlib.Path`, too. The client's `uploads` brings the file
to an address: a `Bucket` of the user's own, or any other `Uploader`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from akool_async.uploads.bucket import Bucket
    from akool_async.uploads.inspecting import check_files, fingerprint_of, refuse_files
    from akool_async.uploads.uploader import LocalFile, Uploader

__all__ = ["Bucket", "LocalFile", "Uploader", "check_files", "fingerprint_of", "refuse_files"]

_HOMES = {
    "Bucket": "bucket",
    "LocalFile": "uploader",
    "Uploader": "uploader",
    "check_files": "inspecting",
    "fingerprint_of": "inspecting",
    "refuse_files": "inspecting",
}
"""The module of each name; it is loaded on first use, because many clients upload nothing."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
