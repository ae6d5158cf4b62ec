"""The ways in which a request for media fails, and what each means for the download."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final

import aiohttp

from akool_async.errors import DownloadError
from akool_async.http.failures import OWN_LIMITS, reason_of

_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class AttemptFailed(Exception):
    """A request ended, and the file is not whole.

    Args:
        reason: The cause, in words; no part of a URL's query.
        status: The HTTP status, if that is the cause.
        wait: Seconds that the server asked to wait.
        final: Whether another request cannot help.
        here: Whether this machine failed, and not the host.
        no_progress: Whether it counts as no progress, even if bytes came.
    """

    def __init__(
        self,
        reason: str,
        *,
        status: int = 0,
        wait: float | None = None,
        final: bool = False,
        here: bool = False,
        no_progress: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.wait = wait or 0.0
        self.final = final
        self.here = here
        self.no_progress = no_progress


class LocalError(Exception):
    """Carries an error that is not the server's past the handlers of network errors.

    An `OSError` of the disk would otherwise look like an `OSError` of the connection, and an
    error of the caller's progress callback like one of aiohttp.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class ForbiddenAddress(OSError):
    """A connection was about to go to an address that the policy forbids."""

    def __init__(self) -> None:
        # One text for all addresses: when aiohttp tries several and all fail alike, it raises
        # the error itself; else it raises an OSError that joins their texts.
        super().__init__("the address is not public")


_PROXY_REFUSES: Final = frozenset({401, 403, 407})
"""HTTP statuses of a proxy that does not let the client through."""

_MEANINGS: Final = (
    (aiohttp.ClientConnectorCertificateError, "its host's certificate is not valid", True),
    (aiohttp.InvalidURL, "that is no http or https address", True),
    (aiohttp.ServerTimeoutError, "the server did not answer in time", False),
)
"""The reasons for some of aiohttp's errors, and whether they are final."""


def failure_of(error: Exception) -> AttemptFailed:
    """Return what an error of a connection means; aiohttp's own texts may show headers."""
    for cls, reason, final in _MEANINGS:
        if isinstance(error, cls):
            return AttemptFailed(reason, final=final)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        final = error.status in _PROXY_REFUSES
        return AttemptFailed(f"the proxy answered with HTTP {error.status}", final=final)
    if isinstance(error, RuntimeError) and "shutdown" in str(error):
        reason = "the program is ending: no thread can be started to look up its host"
        return AttemptFailed(reason, final=True)
    if isinstance(error, aiohttp.ClientConnectorError):
        return _not_connected(error)
    if isinstance(error, TimeoutError):
        return AttemptFailed("it took too long", no_progress=True)
    reason = reason_of(error)
    return AttemptFailed(f"the connection broke ({reason})" if reason else "the connection broke")


def forbidden() -> AttemptFailed:
    """Return the failure of a request to a host that the policy forbids."""
    hint = "allow_private_downloads=True allows that"
    return AttemptFailed(f"its host is not on the public internet; {hint}", final=True)


def _not_connected(failed: aiohttp.ClientConnectorError) -> AttemptFailed:
    error, reason = failed.os_error, reason_of(failed)
    if isinstance(error, ForbiddenAddress):
        return forbidden()
    if error.errno in OWN_LIMITS:
        why = f"this machine has no room for a connection: {reason}"
        return AttemptFailed(why, here=True)
    to = " to the proxy" if isinstance(failed, aiohttp.ClientProxyConnectionError) else ""
    return AttemptFailed(f"no connection{to}{reason and f': {reason}'}")


def disk_error(error: OSError, folder: Path) -> Exception:
    """Return an error of the disk as a new one, without traceback, that says what to do."""
    if error.errno in _DISK_FULL:
        full = DownloadError(
            f"there is no room for the file in {folder} ({error.strerror}); nothing was"
            " left there, and it can be fetched again"
        )
        full.disk_full = True
        return full
    return OSError(*(error.args if error.filename is None else (*error.args[:2], error.filename)))
