"""Akool's protocol without I/O: requests out of fields, replies into data.

The head of an envelope is decoded before its data: under an error code `data` may be anything,
and a decoder of both at once would hide the error. A readable envelope with a known code decides,
whatever the HTTP status is. Without one, only a few HTTP statuses say that nothing was started;
every other reply to a create means that its outcome is unknown (`ReplyError`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any, cast
from urllib.parse import quote

import msgspec
from msgspec import Raw

from akool_async.errors import (
    CODES,
    AccountError,
    APIError,
    AuthenticationError,
    DetectionError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ProcessingError,
    RateLimited,
    ReplyError,
    api_error,
)
from akool_async.protocol.fields import plain_text
from akool_async.protocol.lenient import repaired, unmarked
from akool_async.protocol.value import Value

EXCERPT_LENGTH = 200
"""Characters of an unreadable body that an error shows."""


class HttpRequest(Value):
    """One HTTP request, without host and credentials."""

    hidden_fields = frozenset({"body"})

    method: str
    path: str
    body: bytes | None = None
    """JSON; `None` for a GET."""

    def __repr__(self) -> str:
        # The exchange of an id and secret carries the secret in its body.
        return f"HttpRequest({self.method} {self.path}, {len(self.body or b'')} bytes)"


class HttpResponse(Value):
    """One HTTP response, read whole."""

    hidden_fields = frozenset({"body", "headers"})

    status: int
    headers: Mapping[str, str]
    """Names are looked up in lower case."""
    body: bytes

    def __repr__(self) -> str:
        # The reply to the same exchange holds a token.
        return f"HttpResponse({self.status}, {len(self.body)} bytes)"


def in_utf8(response: HttpResponse) -> HttpResponse:
    """Return a response in UTF-8, and without the byte order mark that said otherwise."""
    body = unmarked(response.body)
    same = body is response.body
    return response if same else msgspec.structs.replace(response, body=body)


class Opened(Value):
    """An opened envelope: code, message, and data that is not decoded yet."""

    code: int
    msg: str
    data: Raw

    @property
    def empty(self) -> bool:
        """Whether the data holds nothing."""
        return b"".join(bytes(self.data).split()) in _NOTHING


_EMPTY = (b"null", b"{}", b"[]", b'""')
_NOTHING = frozenset(
    [*_EMPTY, b"[{}]", b"[null]"]
    + [b'{"%b":%b}' % (name, empty) for name in (b"result", b"data") for empty in _EMPTY]
)
"""Data that holds nothing, without white space."""


class Envelope(Value):
    """A vendor's wrapper of replies: its field names, and the code of success."""

    success: int = 1000
    code: str = "code"
    msg: str = "msg"
    data: str | None = "data"
    """The field of the data; `None` if the data lies beside the code."""
    codes: tuple[tuple[bool | str, int], ...] = ()
    """The codes of what stands in the place of a number, such as `true`."""
    refusal: Callable[..., APIError] = api_error
    """Makes the error for a code that is not success."""
    statuses: frozenset[int] = frozenset()
    """HTTP statuses that are also codes of the vendor, and say that nothing was started."""

    def open(self, body: bytes) -> Opened:
        """Split a body into code, message and data.

        Raises:
            msgspec.DecodeError: the body is not JSON, or not an envelope.
        """
        head = _HEAD.decode(body)
        said = _value(head.get(self.code))
        code = dict(self.codes).get(said) if isinstance(said, bool | str) else None
        if code is None:
            code = msgspec.convert(said, int, strict=False)
        data = Raw(body) if self.data is None else head.get(self.data, _NULL)
        msg = _sentence(head.get(self.msg))
        if not msg and code != self.success:
            msg = next(filter(None, (_sentence(head.get(name)) for name in _SENTENCES)), "")
        return Opened(code=code, msg=msg, data=data)


_JSON = msgspec.json.Encoder(enc_hook=plain_text)
_NULL = Raw(b"null")
_SENTENCES = ("msg", "message", "error_msg", "error", "detail", "reason")
"""Fields that say why a request was refused, where the envelope's own field does not."""
_HEAD = msgspec.json.Decoder(dict[str, Raw])


def _value(raw: Raw | None) -> Any:
    return None if raw is None else msgspec.json.decode(raw)


def _sentence(raw: Raw | None) -> str:
    try:
        return str(_value(raw) or "")
    except (
        msgspec.MsgspecError,
        UnicodeDecodeError,
    ):  # an unreadable message does not change the code
        return ""


AKOOL = Envelope()
"""`{code, msg, data}`, 1000 for success: nearly every page."""

AKOOL_FLAT = Envelope(data=None)
"""`{code, ...}` with the data beside the code: getToken (T1)."""


def _detection_error(code: int, msg: str, *, pages: Sequence[str], **about: Any) -> APIError:
    return (
        api_error(code, msg, pages=pages, **about)
        if code in CODES
        else DetectionError(code, msg, **about)
    )


AKOOL_DETECTION = Envelope(
    success=0, code="error_code", msg="error_msg", data=None, refusal=_detection_error
)
"""`{error_code, error_msg, ...}` with the data beside them, 0 for success: face detection."""


def _frames_error(code: int, msg: str, *, http_status: int = 200, **about: Any) -> APIError:
    about = {**about, "http_status": http_status}
    about.pop("pages", None)
    if http_status < 500:  # noqa: PLR2004 - the server's own trouble
        return InvalidRequest(code, msg, **about)
    return ProcessingError(code, msg, **about)


AKOOL_FRAMES = Envelope(
    success=1,
    code="success",
    msg="error",
    data=None,
    codes=((True, 1), (False, 0)),
    refusal=_frames_error,
)
"""`{success: true, ...}`, or `{success: false, error}`: analyze_frames, whose HTTP status says who
is to blame (N35)."""


def encode(method: str, path: str, fields: Mapping[str, Any]) -> HttpRequest:
    """Make a request: a query string for GET, a JSON body for everything else."""
    if method == "GET":
        return HttpRequest(method=method, path=path + _query(fields))
    return HttpRequest(method=method, path=path, body=_JSON.encode(fields))


def with_fields_in_path(path: str, fields: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Put fields into their places in a path, such as `{id}`; return it with the other fields."""
    others = {name: value for name, value in fields.items() if f"{{{name}}}" not in path}
    for name in fields.keys() - others.keys():
        path = path.replace(f"{{{name}}}", quote(_text(fields[name]), safe=""))
    return path, others


def _query(fields: Mapping[str, Any]) -> str:
    # Commas stay as they are: in a list of ids each would grow by two bytes as %2C.
    pairs = (
        # The brackets of a repeated name, such as `types[]`, stay as the pages print them.
        f"{quote(name, safe='[]')}={_quoted(_text(each))}"
        for name, value in fields.items()
        for each in _each_of(value)
    )
    text = "&".join(pairs)
    return f"?{text}" if text else ""


def _each_of(value: Any) -> Sequence[Any]:
    return cast("Sequence[Any]", value) if isinstance(value, list | tuple) else (value,)


def _quoted(text: str) -> str:
    # Ids need no quoting, and quoting costs more than the rest of encoding a long list.
    plain = text.isascii() and text.encode().replace(b",", b"").isalnum()
    return text if plain else quote(text, safe=",")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def decode(
    response: HttpResponse, envelope: Envelope, endpoint: str, pages: Sequence[str] = ()
) -> Raw:
    """Return the data of a successful reply. A readable envelope decides, not the HTTP status.

    Raises:
        APIError: the envelope holds an error code; or there is no envelope, and the HTTP status
            is a clear refusal.
        ReplyError: there is no readable envelope.
    """
    found = _opened(response.body, envelope)
    if found is None:
        raise _without_envelope(response, envelope, endpoint)
    if found.code == envelope.success:
        return found.data
    raise _refusal(response, found, envelope, endpoint, pages)


def _refusal(
    response: HttpResponse,
    found: Opened,
    envelope: Envelope,
    endpoint: str,
    pages: Sequence[str],
) -> APIError:
    """Return the error that a code of an envelope means."""
    error = envelope.refusal(
        found.code, found.msg, endpoint=endpoint, http_status=response.status, pages=pages
    )
    if type(error) is APIError and _asks_to_wait(response):  # an unknown code
        error = RateLimited(found.code, found.msg, endpoint=endpoint, http_status=response.status)
    error.retry_after = retry_after(response.headers)
    return error


def opened(response: HttpResponse, envelope: Envelope) -> Opened | None:
    """Open the envelope of a reply, leniently if it must be; `None` if there is none."""
    found = _opened(response.body, envelope)
    body = repaired(response.body) if found is None else None
    return found if body is None else _opened(body, envelope)


def _opened(body: bytes, envelope: Envelope) -> Opened | None:
    # The check of credentials runs before every endpoint, and answers in Akool's usual envelope.
    for each in dict.fromkeys((envelope, AKOOL)):
        with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return each.open(body)
    return None


_REFUSALS: Mapping[int, type[APIError]] = {
    401: AuthenticationError,
    403: PermissionDenied,
    413: InvalidRequest,
    415: InvalidRequest,
}
"""HTTP statuses that alone say that nothing was started; 429 is another."""

_REFUSALS_OF_CREATES: Mapping[int, type[APIError]] = {
    # Not InsufficientCredit, which stops all creates: a page does not say whose bill is unpaid.
    402: AccountError,
    404: NotFound,
    405: InvalidRequest,
    407: PermissionDenied,
    410: NotFound,
    411: InvalidRequest,
    414: InvalidRequest,
    431: InvalidRequest,
    451: PermissionDenied,
}
"""Further ones, where the request was a create. To a read, a page with one of them says only that
something on the way is out of order. A 400 is none: some servers send it after they have begun."""

_UNCLEAR = frozenset({408, 425, 499})
"""HTTP statuses from 400 to 499 under which a server may have done what it was asked."""


def refuses(response: HttpResponse) -> bool:
    """Say whether, beside a code that nobody knows, the HTTP status says that nothing was started.

    It does not if the reply names a job all the same.
    """
    refused = 400 <= response.status < 500 and response.status not in _UNCLEAR  # noqa: PLR2004
    return refused and not names_a_job(response)


def refusal_of_create(response: HttpResponse, envelope: Envelope, endpoint: str) -> APIError | None:
    """Return the error of a page without envelope whose HTTP status alone refuses a create."""
    refusal = _REFUSALS_OF_CREATES.get(response.status)
    if refusal is None or _may_be_success(response, envelope):
        return None
    said = excerpt_of(response) or f"HTTP {response.status}"
    return refusal(0, said, endpoint=endpoint, http_status=response.status)


def names_a_job(response: HttpResponse) -> bool:
    """Say whether a job's id may stand in a reply."""
    return b'"_id"' in response.body or b'task_id"' in response.body


def _may_be_success(response: HttpResponse, envelope: Envelope) -> bool:
    """Say whether an unreadable reply may be a damaged envelope of success."""
    return f'"{envelope.code}"'.encode() in response.body or names_a_job(response)


def _asks_to_wait(response: HttpResponse) -> bool:
    """Say whether the HTTP status says that nothing was started, and asks for a later retry.

    It does not if the reply names a job all the same: a create is not sent again.
    """
    unavailable = response.status == 503  # noqa: PLR2004 - Service Unavailable
    with_delay = unavailable and retry_after(response.headers) is not None
    asks = response.status == 429 or with_delay  # noqa: PLR2004 - Too Many Requests
    return asks and not names_a_job(response)


def _without_envelope(
    response: HttpResponse, envelope: Envelope, endpoint: str
) -> APIError | ReplyError:
    status = response.status
    refusal = RateLimited if _asks_to_wait(response) else _REFUSALS.get(status)
    if status in envelope.statuses:
        refusal = type(envelope.refusal(status, ""))
    if _may_be_success(response, envelope):
        refusal = None
    excerpt = excerpt_of(response)
    if refusal is not None:
        error: APIError | ReplyError = refusal(
            0, excerpt or f"HTTP {status}", endpoint=endpoint, http_status=status
        )
    else:
        error = ReplyError(
            "the reply is no envelope", endpoint=endpoint, http_status=status, excerpt=excerpt
        )
    error.retry_after = retry_after(response.headers)
    return error


_ID = re.compile(
    rb"""(?ix) "( [a-z_]*id )" \s* : \s* (?: \{ \s* "\$oid" \s* : \s* )?"""
    rb"""(?: "( [!-~]{1,128}? )" | ( [0-9]{1,32} ) )"""
)
_MOST_IDS = 6


def ids_named_in(response: HttpResponse) -> str:
    """Return the ids in a reply, however damaged it is, as the end of an error's sentence.

    They let a person find a job that may run.
    """
    found = islice(_ID.finditer(unmarked(response.body)), _MOST_IDS)
    named = dict.fromkeys(f"{each[1].decode()} {(each[2] or each[3]).decode()}" for each in found)
    return f"; ids in it: {', '.join(named)}" if named else ""


_TOKEN = rb'(?i)("[^"]*(?:token|secret|key|_sig)[^"]*"\s*:\s*")[^"]*'


def excerpt_of(response: HttpResponse) -> str:
    """Return the beginning of a reply's body, for errors, without tokens and secrets."""
    shown = re.sub(_TOKEN, rb"\1***", response.body[: 8 * EXCERPT_LENGTH])
    return shown[:EXCERPT_LENGTH].decode("utf-8", "replace")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return `Retry-After` in seconds, from a number or an HTTP date; `None` if unreadable.

    A date is measured by the reply's own `Date`: this machine's clock may be another one.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    until = _http_date(text)
    if until is None:
        return None
    sent = _http_date(headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (until - sent).total_seconds())


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text.strip())
    except (TypeError, ValueError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
