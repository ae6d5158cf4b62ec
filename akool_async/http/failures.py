"""What an exception of aiohttp, of the system or of a user's middleware means for a request.

Every one becomes a `TransportError`, with words that show no header: the repr of some of aiohttp's
errors shows those of the request.
"""

from __future__ import annotations

import errno
import re
import socket
from typing import Final

import aiohttp

from akool_async.errors import Cause, ConnectFailed, TransportError

NEVER_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientProxyConnectionError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ServerFingerprintMismatch,
    aiohttp.InvalidURL,
)
"""Errors that aiohttp raises only before a request has a connection."""

OWN_LIMITS: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL}
)
"""What the system says when this machine, or this process, has no room for one more connection."""

_THE_END: Final = re.compile(
    r"shutdown|(?:Session|Event loop) is closed|different (?:event )?loop|no running event loop"
)
"""Words of the RuntimeErrors after which nothing can be sent any more. The first is that of thread
pools, which aiohttp needs to find the address of a name."""

_LONGEST = 200
"""Characters of a foreign error's text that ours shows."""


def failure_of(error: Exception, *, sent: bool, secret: str = "") -> TransportError:
    """Return the error of this package that says what an exception means.

    Args:
        error: What was raised, by anything.
        sent: Whether a byte of the request may have left.
        secret: The credential of the request: a foreign text may repeat it.
    """
    failure = (TransportError if sent else ConnectFailed)(_in_words(error, secret))
    failure.cause = _cause_of(error)
    return failure


def _cause_of(error: Exception) -> Cause:
    refused = aiohttp.ClientConnectorCertificateError | aiohttp.ServerFingerprintMismatch
    if isinstance(error, refused):
        return "certificate"
    if isinstance(error, RuntimeError) and _THE_END.search(str(error)):
        return "client"
    return "machine" if _has_no_room(error) else "host"


def _has_no_room(error: Exception) -> bool:
    """Say whether this machine, or a limit of this process, is the reason."""
    if isinstance(error, OSError) and error.errno in OWN_LIMITS:
        return True
    # Without a free file, some systems call it a name that is not known.
    if isinstance(error, aiohttp.ClientConnectorDNSError) and _is_out_of_files():
        return True
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and "start new thread" in str(error)
    )


def _is_out_of_files() -> bool:
    try:
        socket.socket().close()
    except OSError:
        return True
    return False


def _in_words(error: Exception, secret: str) -> str:
    name = type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        flaw = getattr(error.certificate_error, "verify_message", "")
        return f"{name}: the host's certificate is refused{flaw and f', {flaw}'}"
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"{name}: the proxy answered with HTTP {error.status}"
    if isinstance(error, aiohttp.ClientResponseError):
        detail = _sentence(error.message)
    elif isinstance(error, aiohttp.ClientPayloadError):
        detail = _sentence(str(error))
    elif isinstance(error, OSError):
        detail = error.strerror or ""
    elif isinstance(error, aiohttp.ClientError):
        detail = ""
    else:  # of Python, or of the user's own middleware
        detail = str(error).replace(secret, "***") if secret else str(error)
    return f"{name}: {detail[:_LONGEST]}" if detail else name


def _sentence(text: str) -> str:
    """Return what aiohttp's parser says, without the server's bytes that it quotes."""
    told = re.split(r"b['\"]", text, maxsplit=1)[0]
    return " ".join(told.split()).rstrip(":")
