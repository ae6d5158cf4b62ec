"""Downloads: streamed to a hidden file beside the target, checked, renamed into place.

A download goes on where a connection broke off, as long as the server can tell that the
file is still the same. It connects to public addresses only, on sessions that hold no
secret, and in a lane of its own.

While it runs, a file is called `.NAME.XXXXXXXX.part`. Whatever ends the download removes it;
only a process that is killed leaves it behind, and then it may be deleted.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from akool_async.media.download import Progress, Wanted
    from akool_async.media.downloader import Downloader, OneDownload, SessionDownloader
    from akool_async.media.guard import Guard, is_public
    from akool_async.media.names import extension_of, safe_name
    from akool_async.media.policy import Policy, own_addresses

__all__ = [
    "Downloader",
    "Guard",
    "OneDownload",
    "Policy",
    "Progress",
    "SessionDownloader",
    "Wanted",
    "extension_of",
    "is_public",
    "own_addresses",
    "safe_name",
]

_HOMES = {
    "Downloader": "downloader",
    "Guard": "guard",
    "OneDownload": "downloader",
    "Policy": "policy",
    "Progress": "download",
    "SessionDownloader": "downloader",
    "Wanted": "download",
    "extension_of": "names",
    "is_public": "guard",
    "own_addresses": "policy",
    "safe_name": "names",
}
"""Where each name lives; touching it loads that, for a client that saves nothing needs little."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
