"""What the reply to a create names: the jobs that run now, or why there is none.

One request asks for one job. Newer endpoints can start several, and answer with rows (N8, N9, N11):
`data` is a list, or holds one as `successList` or `list`, with refusals beside it; a translation
puts all of its jobs into `all_results`. So a success may name one job, several, or none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import msgspec

from akool_async.errors import CODES, APIError, InvalidRequest, api_error
from akool_async.protocol.lenient import repaired
from akool_async.protocol.reasons import reason_in
from akool_async.protocol.wire import Envelope, HttpResponse

_ALL_RESULTS: Final = "all_results"
_REFUSALS: Final = ("errorList", "errors")
_ID: Final = "_id"
_ID_ON_WIRE: Final = b'"_id"'


def jobs_in(response: HttpResponse) -> tuple[str, ...]:
    """Return the ids of the jobs that a reply names, if it may name several; else nothing."""
    if response.body.count(_ID_ON_WIRE) < 2:  # noqa: PLR2004 - two ids, two jobs
        return ()
    document = _document(response)
    rows = (*_rows(document.get("data")), *_rows(document.get(_ALL_RESULTS)))
    return tuple(dict.fromkeys(str(row[_ID]) for row in rows if isinstance(row[_ID], str | int)))


def refusal_in(response: HttpResponse, envelope: Envelope, endpoint: str) -> APIError | None:
    """Return the refusal that stands inside a success that names no job; `None` if none does."""
    document = _document(response)
    if document.get(envelope.code) != envelope.success:
        return None
    data = _fields(document.get("data"))
    refusals = [each for name in _REFUSALS for each in _items(data.get(name))]
    refusals += [
        each
        for each in map(_fields, _items(document.get(_ALL_RESULTS)))
        if each.get(envelope.code) not in {None, envelope.success}
    ]
    if not refusals:
        return None
    code = _code_in(refusals[0], envelope)
    msg = reason_in(refusals) or _text_of(refusals[0])
    about: dict[str, Any] = {"endpoint": endpoint, "http_status": response.status}
    # No page says what an item looks like. That no job runs is sure, whatever its code means.
    return api_error(code, msg, **about) if code in CODES else InvalidRequest(code, msg, **about)


def _document(response: HttpResponse) -> Mapping[str, Any]:
    try:
        return _fields(msgspec.json.decode(response.body))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    body = repaired(response.body)
    return {} if body is None else _fields(msgspec.json.decode(body))


def _rows(place: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the objects with an id, the outermost ones: what lies inside of a job is its part."""
    if isinstance(place, list):
        for row in _items(place):
            yield from _rows(row)
        return
    fields = _fields(place)
    if fields.get(_ID):
        yield fields
        return
    for inner in fields.values():
        yield from _rows(inner)


def _items(place: Any) -> list[Any]:
    """Return the refusals in a field; one alone may stand there without a list."""
    items: list[Any] = cast("Any", place) if isinstance(place, list) else [place]
    return [each for each in items if each]


def _fields(place: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", place) if isinstance(place, dict) else {}


def _code_in(refusal: Any, envelope: Envelope) -> int:
    fields = _fields(refusal)
    for name in (envelope.code, "error_code"):
        if isinstance(fields.get(name), int):
            return int(fields[name])
    return 0


def _text_of(refusal: Any) -> str:
    return refusal if isinstance(refusal, str) else "Akool refused it, and gave no reason"
