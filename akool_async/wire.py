"""Akool's protocol without I/O: requests out of fields, replies into data.

The head of an envelope is decoded before its data: under an error code `data`
may be anything, and a decoder that wants both at once hides the error.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Raw

from akool_async.errors import (
    APIError,
    AuthenticationError,
    InvalidRequest,
    PermissionDenied,
    RateLimited,
    ReplyError,
    api_error,
)
from akool_async.value import Value

EXCERPT_LENGTH = 200
"""How many characters of an unreadable body an error shows."""


class HttpRequest(Value):
    """One HTTP request, without host and credentials."""

    method: str
    path: str
    body: bytes | None = None
    """JSON, or nothing."""


class HttpResponse(Value):
    """One HTTP response, read whole."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class Opened(Value):
    """An envelope, opened: the verdict, and data that nobody has looked at yet."""

    code: int
    msg: str
    data: Raw


class Envelope(Value):
    """How a vendor wraps its replies: the fields of the wrapper, and the code of success."""

    success: int = 1000
    code: str = "code"
    msg: str = "msg"
    data: str | None = "data"
    """Where the data is; `None` if it lies beside the code."""

    def open(self, body: bytes) -> Opened:
        """Split a body into verdict and data.

        Raises:
            msgspec.DecodeError: it is not JSON, or not an envelope.
        """
        head = _HEAD.decode(body)
        code = msgspec.convert(_value(head.get(self.code)), int, strict=False)
        data = Raw(body) if self.data is None else head.get(self.data, _NULL)
        return Opened(code=code, msg=str(_value(head.get(self.msg)) or ""), data=data)


_NULL = Raw(b"null")
_HEAD = msgspec.json.Decoder(dict[str, Raw])


def _value(raw: Raw | None) -> Any:
    return None if raw is None else msgspec.json.decode(raw)


AKOOL = Envelope()
"""`{code, msg, data}`, 1000 for success: nearly every page."""

AKOOL_FLAT = Envelope(data=None)
"""`{code, ...}` with the data beside the code: getToken (T1)."""


def encode(method: str, path: str, fields: Mapping[str, Any]) -> HttpRequest:
    """Make a request: a query string for GET, a JSON body for everything else."""
    if method == "GET":
        return HttpRequest(method=method, path=path + _query(fields))
    return HttpRequest(method=method, path=path, body=msgspec.json.encode(fields))


def _query(fields: Mapping[str, Any]) -> str:
    # Commas stay as they are: in a list of ids each would grow by two bytes as %2C.
    pairs = (
        f"{quote(name, safe='')}={quote(_text(value), safe=',')}" for name, value in fields.items()
    )
    text = "&".join(pairs)
    return f"?{text}" if text else ""


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def decode(response: HttpResponse, envelope: Envelope, endpoint: str) -> Raw:
    """Return the data of a successful reply. A readable envelope decides, whatever HTTP says.

    Raises:
        APIError: the envelope says no, or there is none and the HTTP status is a clear refusal.
        ReplyError: there is no envelope to read.
    """
    opened = _opened(response, envelope)
    if opened is None:
        raise _without_envelope(response, endpoint)
    if opened.code == envelope.success:
        return opened.data
    error = api_error(opened.code, opened.msg, endpoint=endpoint, http_status=response.status)
    error.retry_after = retry_after(response.headers)
    raise error


def _opened(response: HttpResponse, envelope: Envelope) -> Opened | None:
    try:
        return envelope.open(response.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


_REFUSALS: Mapping[int, type[APIError]] = {
    401: AuthenticationError,
    403: PermissionDenied,
    413: InvalidRequest,
    415: InvalidRequest,
    429: RateLimited,
}
"""HTTP statuses that say by themselves that nothing was started."""


def _without_envelope(response: HttpResponse, endpoint: str) -> APIError | ReplyError:
    status, wait = response.status, retry_after(response.headers)
    refusal = _REFUSALS.get(status)
    if status == 503 and wait is not None:  # noqa: PLR2004 - Service Unavailable, but come again
        refusal = RateLimited
    excerpt = response.body[:EXCERPT_LENGTH].decode("utf-8", "replace")
    if refusal is not None:
        error: APIError | ReplyError = refusal(
            0, excerpt or f"HTTP {status}", endpoint=endpoint, http_status=status
        )
    else:
        error = ReplyError(
            "the reply is no envelope", endpoint=endpoint, http_status=status, excerpt=excerpt
        )
    error.retry_after = wait
    return error


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read `Retry-After` in seconds: a number, or an HTTP date; `None` without a readable one."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
