"""Downloads: to a file beside the target, renamed into place; to memory; or to a reader.

A download resumes where a connection broke off, if the server can say that the file is
still the same. It connects to public addresses only, on sessions that hold no secret, and
under a limit of its own.

A file that is not whole yet is called `.NAME.XXXXXXXX.part`. The end of the download removes it,
for whichever reason it ends; only a killed process leaves it behind, and then it may be deleted.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from akool_async.media.addresses import AddressGuard, is_public
    from akool_async.media.downloader import Downloader, SessionDownloader, StandaloneDownloader
    from akool_async.media.names import absolute, extension_of, safe_name
    from akool_async.media.policy import Policy, own_addresses
    from akool_async.media.progress import Progress
    from akool_async.media.source import Source
    from akool_async.media.stream import MediaStream

__all__ = [
    "AddressGuard",
    "Downloader",
    "MediaStream",
    "Policy",
    "Progress",
    "SessionDownloader",
    "Source",
    "StandaloneDownloader",
    "absolute",
    "extension_of",
    "is_public",
    "own_addresses",
    "safe_name",
]

_HOMES = {
    "Downloader": "downloader",
    "AddressGuard": "addresses",
    "StandaloneDownloader": "downloader",
    "MediaStream": "stream",
    "Policy": "policy",
    "Progress": "progress",
    "SessionDownloader": "downloader",
    "Source": "source",
    "absolute": "names",
    "extension_of": "names",
    "is_public": "addresses",
    "own_addresses": "policy",
    "safe_name": "names",
}
"""The module of each name; it is loaded on first use, because many clients save nothing."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
