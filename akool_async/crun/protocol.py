"""CRUN's protocol without I/O: its envelope, its codes, and its words for a status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar, cast

import msgspec
from msgspec import Raw

from akool_async.errors import (
    APIError,
    AuthenticationError,
    CodeMeaning,
    Conflict,
    InsufficientCredit,
    InvalidRequest,
    NotFound,
    ProcessingError,
    RateLimited,
)
from akool_async.protocol.reply import readable, tolerant
from akool_async.protocol.snapshot import Status
from akool_async.protocol.wire import Envelope

T = TypeVar("T")

CODES: Mapping[int, CodeMeaning] = {
    401: CodeMeaning(
        AuthenticationError, "Unauthorized - Authentication credentials are missing or invalid"
    ),
    402: CodeMeaning(
        InsufficientCredit,
        "Insufficient Credits - Account does not have enough credits to perform the operation",
    ),
    404: CodeMeaning(NotFound, "Not Found - The requested resource or endpoint does not exist"),
    422: CodeMeaning(
        InvalidRequest, "Validation Error - The request parameters failed validation checks"
    ),
    429: CodeMeaning(
        RateLimited, "Rate Limited - Request limit has been exceeded for this resource"
    ),
    # Refused before any work and bound to pass: to come again later is all there is to do.
    455: CodeMeaning(
        RateLimited, "Service Unavailable - System is currently undergoing maintenance"
    ),
    # It says nothing about the job: a create is not repeated after it, and a wait goes on.
    500: CodeMeaning(
        APIError, "Server Error - An unexpected error occurred while processing the request"
    ),
    # Not HTTP's Not Implemented: the job itself has failed.
    501: CodeMeaning(ProcessingError, "Generation Failed - Content generation task failed"),
    # Not HTTP's Version Not Supported: it may be enabled again, so a wait goes on.
    505: CodeMeaning(Conflict, "Feature Disabled - The requested feature is currently disabled"),
}
"""What the page's codes mean; they stand in the envelope, whatever HTTP says."""

_UNKNOWN = CodeMeaning(APIError, "")


def crun_error(
    code: int,
    msg: str,
    *,
    endpoint: str = "",
    http_status: int = 200,
    pages: Sequence[str] = (),  # noqa: ARG001 - all pages have the same table
) -> APIError:
    """Build the error that one of CRUN's codes stands for."""
    cls, meaning = CODES.get(code, _UNKNOWN)
    return cls(code, msg, endpoint=endpoint, http_status=http_status, meaning=meaning)


CRUN = Envelope(
    success=200,
    msg="message",
    refusal=crun_error,
    # Without an envelope, 500, 501 and 505 may be anybody's, with HTTP's own meaning.
    statuses=frozenset({401, 402, 404, 422, 429, 455}),
)
"""`{code, message, data}`, 200 for success."""

STATUSES: Mapping[str, Status] = {
    **dict.fromkeys(("starting", "pending"), Status.QUEUED),
    **dict.fromkeys(("processing", "running"), Status.PROCESSING),
    **dict.fromkeys(("succeeded", "succeed", "success"), Status.COMPLETED),
    "failed": Status.FAILED,
}
"""A detection that `succeeded` holds a result that did `succeed`, and a swap is a `success`:
the words of all three vocabularies are read alike, wherever they stand."""

_UNKNOWN_STATUS = 0
"""Status of a word that is not among them: no end."""


class Reading(Generic[T]):
    """How a reply is read: the fields of its `result` are called `result.name`."""

    def __init__(self, type: type[T], **rows: type[Any]) -> None:
        self._type = type
        self._rows = {f"result.{name}": row for name, row in rows.items()}

    def __call__(self, data: Raw, /) -> T:
        """Decode `data`. Optional fields and rows that cannot be read are left out.

        Raises:
            msgspec.ValidationError: it is no object.
        """
        fields = lifted(msgspec.json.decode(data, type=dict[str, Any]), "result")
        for name, row in self._rows.items():
            fields[name] = readable(row, _listed(fields.get(name)))
        fields |= {name: _as_text(value) for name, value in fields.items() if _is_text(name)}
        if "status" in fields:
            fields |= {"state": fields["status"], "status": _status(fields["status"])}
        return tolerant(self._type, fields)


def lifted(document: Mapping[str, Any], group: str) -> dict[str, Any]:
    """Return all fields, those inside of the one called `group` as `group.name`."""
    fields = dict(document)
    inner = fields.pop(group, None)
    if isinstance(inner, Mapping):
        known = cast("Mapping[str, Any]", inner)
        fields |= {f"{group}.{name}": value for name, value in known.items()}
    return fields


def _listed(rows: object) -> list[Any]:
    return cast("Any", rows) if isinstance(rows, list) else []


def _is_text(name: str) -> bool:
    last = name.rpartition(".")[2]
    return last in {"id", "error", "message"} or last.endswith("_id")


def _as_text(value: object) -> object:
    """Write out an id that came as a number, and an error that came as an object."""
    plain = value is None or isinstance(value, str | bool | float)
    return value if plain else msgspec.json.encode(value).decode()


def _status(word: object) -> int:
    return STATUSES.get(str(word).lower(), _UNKNOWN_STATUS)
