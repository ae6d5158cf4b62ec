"""CRUN's protocol without I/O: envelope, codes, and words for a status."""

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
        AuthenticationError,
        "Unauthorized - Authentication credentials are missing or invalid",
        advice="Check the key, or make a new one in your account at crun.ai.",
    ),
    402: CodeMeaning(
        InsufficientCredit,
        "Insufficient Credits - Account does not have enough credits to perform the operation",
        advice="Buy credits at crun.ai.",
    ),
    404: CodeMeaning(
        NotFound,
        "Not Found - The requested resource or endpoint does not exist",
        advice="Check the id: results are kept for some time only.",
    ),
    422: CodeMeaning(
        InvalidRequest,
        "Validation Error - The request parameters failed validation checks",
        advice="Compare the parameters with the operation's page.",
    ),
    429: CodeMeaning(
        RateLimited,
        "Rate Limited - Request limit has been exceeded for this resource",
        advice="Send fewer at once: lower `max_concurrency`.",
    ),
    # CRUN refuses this before any work, and maintenance ends: retry later, as for a rate limit.
    455: CodeMeaning(
        RateLimited,
        "Service Unavailable - System is currently undergoing maintenance",
        advice="Send it again later, when the maintenance is over.",
    ),
    # It says nothing about the job: a create is not repeated, and a wait continues.
    500: CodeMeaning(
        APIError,
        "Server Error - An unexpected error occurred while processing the request",
        advice="Look before you send it again: a job may run all the same.",
    ),
    # Not HTTP's Not Implemented: the job itself has failed.
    501: CodeMeaning(
        ProcessingError,
        "Generation Failed - Content generation task failed",
        advice="Send it again, or try other media.",
    ),
    # Not HTTP's Version Not Supported: CRUN may enable the feature again, so a wait continues.
    505: CodeMeaning(
        Conflict,
        "Feature Disabled - The requested feature is currently disabled",
        advice="Send it again later, when the feature is back.",
    ),
}
"""The codes of CRUN's page. The envelope holds the code; the HTTP status may differ."""

_UNKNOWN = CodeMeaning(APIError, "")


def crun_error(
    code: int,
    msg: str,
    *,
    endpoint: str = "",
    http_status: int = 200,
    pages: Sequence[str] = (),  # noqa: ARG001 - all pages have the same table
) -> APIError:
    """Build the error of one of CRUN's codes; an `APIError` if the page does not list it."""
    meaning = CODES.get(code, _UNKNOWN)
    about = {"endpoint": endpoint, "meaning": meaning.sentence}
    error = meaning.error(code, msg, http_status=http_status, **about)
    error.advice = meaning.advice
    return error


CRUN = Envelope(
    success=200,
    msg="message",
    refusal=crun_error,
    # Without an envelope, 500, 501 and 505 may come from a proxy, with HTTP's own meaning.
    statuses=frozenset({401, 402, 404, 422, 429, 455}),
)
"""`{code, message, data}`, 200 for success."""

STATUSES: Mapping[str, Status] = {
    **dict.fromkeys(("starting", "pending"), Status.QUEUED),
    **dict.fromkeys(("processing", "running"), Status.PROCESSING),
    **dict.fromkeys(("succeeded", "succeed", "success"), Status.COMPLETED),
    "failed": Status.FAILED,
}
"""CRUN's words for a status. They differ by place: `succeeded` for a detection, `succeed` for the
result in it, `success` for a swap. All words are accepted in all places."""

_UNKNOWN_STATUS = 0
"""Status of any other word: not terminal."""


class Reading(Generic[T]):
    """A parser of replies; the fields of the inner object `result` are named `result.name`.

    Args:
        type: Type of the parsed reply.
        rows: Types of the rows in the lists inside of `result`, by the list's name.
    """

    def __init__(self, type: type[T], **rows: type[Any]) -> None:
        self._type = type
        self._rows = {f"result.{name}": row for name, row in rows.items()}

    def __call__(self, data: Raw, /) -> T:
        """Decode `data`; leave out optional fields and rows that cannot be read.

        Raises:
            msgspec.ValidationError: `data` is no JSON object.
        """
        fields = lifted(msgspec.json.decode(data, type=dict[str, Any]), "result")
        for name, row in self._rows.items():
            fields[name] = readable(row, _listed(fields.get(name)))
        if "status" in fields:
            fields |= {"state": fields["status"], "status": _status(fields["status"])}
        return tolerant(self._type, fields)


def lifted(document: Mapping[str, Any], group: str) -> dict[str, Any]:
    """Return all fields, with those inside the object `group` as `group.name`."""
    fields = dict(document)
    inner = fields.pop(group, None)
    if isinstance(inner, Mapping):
        known = cast("Mapping[str, Any]", inner)
        fields |= {f"{group}.{name}": value for name, value in known.items()}
    return fields


def _listed(rows: object) -> list[Any]:
    return cast("Any", rows) if isinstance(rows, list) else []


def _status(word: object) -> int:
    return STATUSES.get(str(word).lower(), _UNKNOWN_STATUS)
