"""Whatever answer comes to a create or a look: a value, or an error that says what it means.

The answers are those that Akool's pages print, harmed: cut, with a byte changed, with a value
replaced, under any HTTP status and content type.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from akool_async import AkoolError, APIError, CreateOutcomeUnknown, ReplyError, Retry, Status
from akool_async.errors import CODES
from akool_async.protocol.endpoint import Endpoint
from akool_async.protocol.snapshot import Snapshot
from akool_async.protocol.wire import HttpResponse

if TYPE_CHECKING:
    from tests.faults.conftest import Documented

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=4,
)
codes = st.sampled_from([1000, 1005, 1215, 1003, 1101, "1005", "1000", 429, 503, -1]) | values
types = st.sampled_from(["application/json", "text/html", "image/png", ""])
statuses = st.sampled_from([200, 429, 503]) | st.integers(200, 599)
waits = st.none() | st.sampled_from(["0", "7", "soon", "Wed, 21 Oct 2015 07:28:00 GMT"])


def _places(document: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where the parts of a document are."""
    parts: list[tuple[Any, Any]] = []
    if isinstance(document, dict):
        parts = list(document.items())
    elif isinstance(document, list):
        parts = list(enumerate(document))
    return [place, *(each for key, part in parts for each in _places(part, (*place, key)))]


def _replaced(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    document = copy.deepcopy(document)
    within = document
    for key in place[:-1]:
        within = within[key]
    within[place[-1]] = value
    return document


@st.composite
def bodies(draw: st.DrawFn, document: Any) -> bytes:
    """Draw a body that was a good one."""
    if draw(st.booleans()):
        document = _replaced(document, ("code",), draw(codes))
    if draw(st.booleans()):
        document = _replaced(document, draw(st.sampled_from(_places(document))), draw(values))
    body = json.dumps(document).encode()
    harm = draw(st.sampled_from(["none", "cut", "changed", "followed"]))
    at = draw(st.integers(0, len(body) - 1))
    if harm == "cut":
        return body[:at]
    if harm == "changed":
        return body[:at] + draw(st.binary(min_size=1, max_size=2)) + body[at + 1 :]
    return body + b" }" if harm == "followed" else body


@st.composite
def answers(draw: st.DrawFn, documents: Sequence[Documented]) -> tuple[Endpoint[Any], HttpResponse]:
    """Draw a request, a create or a look, and an answer to it."""
    printed = draw(st.sampled_from(documents))
    look = printed.operation.family.lookup([printed.id])
    endpoint, document = draw(
        st.sampled_from([(printed.request, printed.created), (look, printed.completed)])
    )
    wait = draw(waits)
    fields = {"content-type": draw(types)} | ({} if wait is None else {"retry-after": wait})
    response = HttpResponse(status=draw(statuses), headers=fields, body=draw(bodies(document)))
    return endpoint, response


def refused_for_now(response: HttpResponse) -> bool:
    """Say, in words of its own, whether an answer asks to come again and started nothing."""
    asked = response.headers.get("retry-after", "")
    by_status = response.status == 429 or (response.status == 503 and asked not in {"", "soon"})
    try:
        # Bytes that are no UTF-8 spoil no more than the text that they are in, and text around the
        # document spoils nothing.
        text = response.body.decode("utf-8", "replace")
        document, _ = json.JSONDecoder().raw_decode(text, text.index("{"))
        code = float(document["code"])
    except (ValueError, TypeError, KeyError, IndexError, OverflowError):
        return by_status and b'"code"' not in response.body
    return code in {1005.0, 1215.0} or (by_status and code not in {1000.0, *CODES})


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_an_answer_is_a_snapshot_or_an_error_of_ours(
    all_documented: Sequence[Documented], data: st.DataObject
) -> None:
    endpoint, response = data.draw(answers(all_documented))
    try:
        reply = endpoint.decode(response)
    except (APIError, ReplyError) as error:
        assert error.__context__ is error.__cause__ is None  # noqa: PT017
        return
    for snapshot in reply if isinstance(reply, tuple) else (reply,):
        assert isinstance(snapshot, Snapshot)
        assert isinstance(snapshot.id, str)
        assert isinstance(snapshot.status, Status)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_create_is_sent_again_after_a_clear_refusal_alone(
    all_documented: Sequence[Documented], data: st.DataObject
) -> None:
    endpoint, response = data.draw(answers(all_documented))
    try:
        endpoint.decode(response)
    except AkoolError as error:
        again = Retry().delay(error, 1, repeatable=False) is not None
        assert not isinstance(error, CreateOutcomeUnknown)  # noqa: PT017 - the engine says that
    else:
        again = False
    assert not again or refused_for_now(response)
