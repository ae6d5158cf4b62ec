"""What an exception of aiohttp, of the system or of a user's middleware means for a request.

Every one becomes a `TransportError`, with words that show no header: the repr of some of aiohttp's
errors shows those of the request.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Final

import aiohttp

from akool_async.advice import CAUSES
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


def failure_of(
    error: Exception, *, sent: bool, place: str = "the host", secret: str = ""
) -> TransportError:
    """Return the error of this package that says what an exception means.

    Args:
        error: What was raised, by anything.
        sent: Whether a byte of the request may have left.
        place: The base address of the host.
        secret: The credential of the request: a foreign text may repeat it.
    """
    told = in_words(error, place, sent=sent)
    if not told:  # of Python, or of the user's own middleware
        detail = str(error).replace(secret, "***") if secret else str(error)
        told = ": ".join(filter(None, (_name_of(error), detail[:_LONGEST])))
    return failed(told, sent=sent, cause=_cause_of(error))


def failed(told: str, *, sent: bool, cause: Cause = "host") -> TransportError:
    """Return the error of a request that got no answer.

    Args:
        told: What happened.
        sent: Whether a byte of the request may have left.
        cause: What kept it from its answer.
    """
    failure = TransportError(told) if sent else ConnectFailed(f"{told}; nothing was sent")
    failure.cause = cause
    failure.advice = CAUSES[cause]
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


def in_words(error: Exception, place: str, *, sent: bool) -> str:
    """Return what an error of a connection means, without a name of a class and without a query.

    Empty for an error that is none of a connection.
    """
    if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"no answer from {place} in time" if sent else f"no connection to {place} in time"
    for cls, told, detail_of in _WORDS:
        if isinstance(error, cls):
            detail = detail_of(error)
            return told.format(place) + (f" ({detail})" if detail else "")
    return ""


def reason_of(error: BaseException) -> str:
    """Return what the system says about a failed connection, in lower case; empty if nothing."""
    system = getattr(error, "os_error", error)
    if isinstance(error, TimeoutError) or isinstance(system, TimeoutError):
        return "it took too long"
    told = getattr(system, "reason", None) or getattr(system, "strerror", None) or ""
    if isinstance(system, socket.gaierror | ssl.SSLError):
        return _lower(str(told).replace("_", " "))
    number = getattr(system, "errno", None)
    # For several addresses of one name, asyncio joins the texts of several errors.
    numbers = [number] if number else map(int, re.findall(r"\[Errno (\d+)\]", str(system)))
    return ", ".join(dict.fromkeys(_lower(os.strerror(each)) for each in numbers)) or _lower(told)


def _lower(text: str) -> str:
    return text.lower() if text.isupper() else text[:1].lower() + text[1:]


def _flaw(error: Any) -> str:
    return getattr(error.certificate_error, "verify_message", "")


def _name_of(error: Exception) -> str:
    """Return the name of a class that is of Python's, or of the user's."""
    module = type(error).__module__.partition(".")[0]
    return "" if module in {"aiohttp", "asyncio", "ssl", "socket"} else type(error).__name__


def _sentence(text: str) -> str:
    """Return what aiohttp's parser says, without names of classes and without a server's bytes."""
    told = re.split(r"b['\"]", text, maxsplit=1)[0]
    told = re.sub(r"<\w+: \d+, message=['\"]?(.*?)['\"]?>|<\w+[^>]*>", r"\1", told)
    return _lower(" ".join(told.split()).rstrip(":. "))[:_LONGEST]


_WORDS: Final[Sequence[tuple[type[Exception], str, Callable[[Any], str]]]] = (
    (
        aiohttp.ClientHttpProxyError,
        "the proxy before {} refuses the connection",
        lambda error: f"HTTP {error.status}",
    ),
    (aiohttp.ClientProxyConnectionError, "no connection to the proxy before {}", reason_of),
    (aiohttp.ClientConnectorCertificateError, "the certificate of {} is refused", _flaw),
    (
        aiohttp.ServerFingerprintMismatch,
        "the certificate of {} is not the expected one",
        lambda _: "",
    ),
    (aiohttp.ClientSSLError, "no TLS connection to {}", reason_of),
    (aiohttp.InvalidURL, "{} is no http or https address", lambda _: ""),
    (aiohttp.ClientConnectorError, "no connection to {}", reason_of),
    (aiohttp.ConnectionTimeoutError, "no connection to {} in time", lambda _: ""),
    (
        aiohttp.ClientResponseError,
        "the answer of {} cannot be read",
        lambda error: _sentence(error.message),
    ),
    (
        aiohttp.ClientPayloadError,
        "the answer of {} broke off",
        lambda error: _sentence(str(error)),
    ),
    (aiohttp.ServerDisconnectedError, "{} closed the connection without an answer", lambda _: ""),
    (aiohttp.ClientError, "the connection to {} broke", reason_of),
    (OSError, "the connection to {} broke", reason_of),
)
"""What errors of a connection say, the more special ones first, and where the rest comes from."""
