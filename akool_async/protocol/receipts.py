"""What the reply to a create names: the jobs that run now, or why there is none.

One request asks for one job. Newer endpoints can start several, and answer with rows (N8, N9, N11):
`data` is a list, or holds one as `successList` or `list`, with refusals beside it; a translation
puts all of its jobs into `all_results`. So a success may name one job, several, or none.

A refusal invites its reader to send again. So it is believed only where nothing in the reply could
be a job, whatever its form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import msgspec

from akool_async.errors import (
    CODES,
    APIError,
    AuthenticationError,
    InvalidRequest,
    ProcessingError,
    RateLimited,
    api_error,
)
from akool_async.protocol.lenient import repaired
from akool_async.protocol.reasons import reason_in
from akool_async.protocol.reply import fields_of
from akool_async.protocol.wire import Envelope, HttpResponse

_ALL_RESULTS: Final = "all_results"
_REFUSALS: Final = ("errorList", "errors")
_ID: Final = "_id"
_NO_JOBS: Final = frozenset({"uid", "userid", "user_id", "team_id", "batch_id"})
"""Ids that stand in replies, and are those of no job."""


def jobs_in(response: HttpResponse, envelope: Envelope) -> tuple[str, ...]:
    """Return the jobs that a reply names, if it may name several; else nothing.

    Of each its id; an empty text for one whose id does not stand there.
    """
    if response.body.count(b"{") <= 2:  # noqa: PLR2004 - the envelope's, and that of one job
        return ()
    document = _document(response)
    rows = [*_rows(document.get("data"))]
    rows += [
        row
        for each in _items(document.get(_ALL_RESULTS))
        for row in _rows([fields_of(each).get("data")])
        if row.get(_ID) or not _is_refusal(each, envelope)
    ]
    ids = [_text_of_id(row.get(_ID)) for row in rows]
    return (*dict.fromkeys(filter(None, ids)), *(each for each in ids if not each))


def refusal_in(response: HttpResponse, envelope: Envelope, endpoint: str) -> APIError | None:
    """Return the refusal that stands inside a success that names no job; `None` if none does."""
    document = _document(response)
    if str(document.get(envelope.code)) != str(envelope.success):
        return None
    data, parts = document.get("data"), _items(document.get(_ALL_RESULTS))
    if _may_be_job(data) or any(_may_be_job(fields_of(each).get("data")) for each in parts):
        return None
    if not all(_is_refusal(each, envelope) for each in parts):
        return None
    refusals = [each for name in _REFUSALS for each in _items(fields_of(data).get(name))] + parts
    if not refusals:
        return None
    code = _code_in(refusals[0], envelope)
    msg = reason_in(refusals) or _words_of(refusals[0])
    about: dict[str, Any] = {"endpoint": endpoint, "http_status": response.status}
    # No page says what an item looks like. That no job runs is sure, whatever its code means.
    error = api_error(code, msg, **about) if code in CODES else InvalidRequest(code, msg, **about)
    if isinstance(error, RateLimited | AuthenticationError):
        # After one of these the client sends a request again by itself. But this one was taken,
        # and something in it refused: that is for the user to repeat.
        error = ProcessingError(code, msg, meaning=error.meaning, **about)
    return error


def _document(response: HttpResponse) -> Mapping[str, Any]:
    try:
        return fields_of(msgspec.json.decode(response.body))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    body = repaired(response.body)
    return {} if body is None else fields_of(msgspec.json.decode(body))


def _rows(place: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the objects with an id, the outermost ones: what lies inside of a job is its part.

    What stands in a list beside one with an id is a job, too.
    """
    if isinstance(place, list):
        objects = [fields_of(each) for each in _items(place)]
        named = [[*_rows(each)] for each in objects]
        for each, rows in zip(objects, named, strict=True):
            yield from rows or ([each] if any(named) else [])
        return
    fields = fields_of(place)
    if fields.get(_ID):
        yield fields
        return
    for name, inner in fields.items():
        if name not in _REFUSALS:
            yield from _rows(inner)


def _may_be_job(place: Any) -> bool:
    """Say whether anything in a place, other than its refusals, may be a job or name one."""
    if isinstance(place, list):
        return bool(_items(place))
    return any(
        _may_be_job(value) if isinstance(value, dict | list) else _is_id(name) and bool(value)
        for name, value in fields_of(place).items()
        if name not in _REFUSALS
    )


def _is_id(name: str) -> bool:
    return name.lower().endswith("id") and name.lower() not in _NO_JOBS


def _is_refusal(part: Any, envelope: Envelope) -> bool:
    """Say whether one of `all_results` is a refusal: each has a code of its own."""
    return fields_of(part).get(envelope.code) not in {None, envelope.success, str(envelope.success)}


def _text_of_id(id: Any) -> str:
    found = fields_of(id).get("$oid", id)  # as MongoDB writes it
    return str(found) if isinstance(found, str | int) and found else ""


def _items(place: Any) -> list[Any]:
    """Return what stands in a field, without what is empty; one alone may be without a list."""
    items: list[Any] = cast("Any", place) if isinstance(place, list) else [place]
    return [each for each in items if each]


def _code_in(refusal: Any, envelope: Envelope) -> int:
    fields = fields_of(refusal)
    for name in (envelope.code, "error_code"):
        if isinstance(fields.get(name), int):
            return int(fields[name])
    return 0


def _words_of(refusal: Any) -> str:
    return refusal if isinstance(refusal, str) else "Akool refused it, and gave no reason"
