"""Replies that are not as documented: a typed error or a result, and never anything else.

Every documented reply is spoilt in many ways: fields dropped, retyped, moved and added; lists
grown and emptied; numbers that no type holds; text that is no JSON. The same ones each time.
"""

from __future__ import annotations

import copy
import itertools
import json
import random
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from akool_async import APIError, ReplyError, Status
from akool_async.endpoints import (
    ENDPOINTS,
    Detection,
    GetFaceswaps,
    GetImage,
    GetSession,
    ListSessions,
)
from akool_async.endpoints.paging import Page
from akool_async.protocol.endpoint import Endpoint, Operation
from akool_async.protocol.snapshot import Snapshot
from akool_async.protocol.wire import HttpResponse
from akool_async.result import Result
from tests.printed import typed

FIXTURES = Path(__file__).parents[1] / "fixtures"
ROUNDS = 500
"""Spoilt replies for each endpoint."""

DEEP, LONG = "deep-nesting-goes-here", "long-number-goes-here"
PLACEHOLDERS = {DEEP: "[" * 3000 + "]" * 3000, LONG: "9" * 6000}
"""What Python's own encoder would not write, by the text that stands for it."""

JUNK: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 3, 4, 99, 2**31, 2**63, 2**64, -(2**70), 10**30, 10**400),
    *(0.0, 0.5, -1.5, 1e308, float("nan"), float("inf"), float("-inf")),
    *("", " ", "3", "1000", "NaN", "abc", "x,y", "0,0:", "http://", "https://a.example/b.png"),
    *(
        "2024-01-01T00:00:00",
        "9999-12-31T23:59:59Z",
        253402300799000,
        "0001-01-01T00:00:00+14:00",
        "2024-13-01",
        "\x00",
        "e" * 3000,
    ),
    *(DEEP, LONG, "\ud800"),
    *([], {}, [None], [[]], [{}], {"": None}, [1, "2", None], {"result": None}, {"0": {}}),
    *({"_id": None}, [{"_id": 5}], {"count": "many"}, [[["a"]]], {"0": {"region": [[1]]}}),
)


class Reply(NamedTuple):
    """One documented reply, and the request that it answers."""

    label: str
    endpoint: Endpoint[Any]
    document: Any


def _replies() -> Iterator[Reply]:
    for cls in dict.fromkeys(ENDPOINTS.values()):
        namespace, _, verb = cls.name.partition(".")
        for path in sorted((FIXTURES / namespace).glob(f"{verb}*.json")):
            if path.name.split(".")[0] == verb:
                yield from _replies_in(path, cls)


def _replies_in(path: Path, cls: type[Endpoint[Any]]) -> Iterator[Reply]:
    printed = json.loads(path.read_text(encoding="utf-8"))
    label = f"{path.parent.name}/{path.stem}"
    endpoint = _request(cls, printed)
    if not isinstance(endpoint, Operation):
        yield Reply(label, endpoint, printed["reply"])
        return
    lookup = endpoint.family.lookup(["65d3"])
    yield Reply(f"{label}-created", endpoint, printed["created"])
    yield Reply(f"{label}-pending", lookup, printed["pending"])
    yield Reply(f"{label}-completed", lookup, printed["completed"])


def _request(cls: type[Endpoint[Any]], printed: Mapping[str, Any]) -> Endpoint[Any]:
    fields = printed["body"] if "body" in printed else typed(printed["query"])
    fields |= printed.get("stand_in", {})
    # Two pages print an empty text where the ids go.
    ids = {name: "65d3" for name in fields if name.endswith("ids") and not fields[name]}
    return cls.from_wire({name: value for name, value in fields.items() if value is not None} | ids)


REPLIES: dict[str, list[Reply]] = {}
for _reply in _replies():
    REPLIES.setdefault(_reply.endpoint.label, []).append(_reply)


class Spoiler:
    """Spoils documents: the same way each time, for the same seed."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def spoilt(self, document: Any) -> bytes:
        """Return a spoilt copy of a reply, as a body."""
        draw = self._random.random()
        changed = copy.deepcopy(document)
        for _ in range(self._random.choice((1, 1, 1, 2, 4))):
            changed = self._changed(changed)
        body = self._encoded(changed)
        if draw < 0.05:
            return body[: self._random.randrange(len(body) + 1)]
        if draw < 0.1:
            return self._with_odd_byte(body)
        return body

    def _changed(self, document: Any) -> Any:
        places = [*_places(document)]
        if not places or self._random.random() < 0.02:
            return self._junk()
        holder, key = self._random.choice(places)
        change = self._random.choice(
            (self._drop, self._retype, self._retype, self._add, self._wrap)
        )
        change(holder, key)
        return document

    def _junk(self) -> Any:
        return copy.deepcopy(self._random.choice(JUNK))

    def _drop(self, holder: Any, key: Any) -> None:
        del holder[key]

    def _retype(self, holder: Any, key: Any) -> None:
        holder[key] = self._junk()

    def _add(self, holder: Any, key: Any) -> None:
        if isinstance(holder, list):
            holder.insert(key, self._junk())
        else:
            name = self._random.choice(
                ("brand_new", "data", "faces_obj", "result", "token", "code")
            )
            holder[name] = self._junk()

    def _wrap(self, holder: Any, key: Any) -> None:
        value = holder[key]
        opened = value[0] if isinstance(value, list) and value else {"result": value}
        holder[key] = self._random.choice(([value], {"data": value}, opened, str(value)))

    def _encoded(self, document: Any) -> bytes:
        text = json.dumps(document)
        for placeholder, instead in PLACEHOLDERS.items():
            text = text.replace(f'"{placeholder}"', instead)
        return text.encode()

    def _with_odd_byte(self, body: bytes) -> bytes:
        where = self._random.randrange(len(body))
        return body[:where] + bytes([self._random.randrange(256)]) + body[where + 1 :]


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place in a document, as what holds it and its key there."""
    if not isinstance(document, dict | list):
        return
    keys = list(document) if isinstance(document, dict) else range(len(document))
    for key in keys:
        yield document, key
        yield from _places(document[key])


def outcome(endpoint: Endpoint[Any], body: bytes, status: int) -> Any:
    """Return what a body means; a typed error is a meaning too."""
    try:
        return endpoint.decode(HttpResponse(status=status, headers={}, body=body))
    except (APIError, ReplyError) as error:
        return error


def look_at(meaning: Any) -> None:
    """Use a meaning in all the ways that a user would."""
    repr(meaning)
    str(meaning)
    for each in meaning if isinstance(meaning, tuple | Page) else (meaning,):
        repr(each)
        if isinstance(each, Snapshot):
            look_at_snapshot(each)
        if isinstance(each, Detection):
            assert all(str(face.path).startswith("http") for face in each.faces)


def look_at_snapshot(snapshot: Snapshot) -> None:
    assert isinstance(snapshot.id, str)
    assert isinstance(snapshot.reason, str)
    assert isinstance(snapshot.status, Status)
    assert isinstance(snapshot.status.terminal, bool)
    assert snapshot.following(snapshot) == snapshot
    if isinstance(snapshot, Result):
        assert isinstance(snapshot.url, str)
        assert bool(snapshot.url) <= (snapshot.status is Status.COMPLETED)
        expires: datetime | None = snapshot.expires_at
        assert expires is None or expires.utcoffset() is not None
    getattr(snapshot, "compliant", None)


@pytest.mark.parametrize("name", REPLIES)
def test_a_spoilt_reply_is_a_result_or_a_typed_error(name: str) -> None:
    spoiler = Spoiler(name)
    outcomes = set()
    for number, reply in zip(range(ROUNDS), itertools.cycle(REPLIES[name]), strict=False):
        body = spoiler.spoilt(reply.document)
        status = (200, 200, 200, 201, 400, 404, 500)[number % 7]
        try:
            meaning = outcome(reply.endpoint, body, status)
            look_at(meaning)
        except Exception as error:  # noqa: BLE001 - that there is none is the point
            pytest.fail(f"{error!r}, from {body[:1000]!r}")
        outcomes.add(isinstance(meaning, Exception))
    assert outcomes == {True, False}  # both roads were taken


def test_every_endpoint_s_decoder_was_fed() -> None:
    assert {*REPLIES} == {cls.name for cls in ENDPOINTS.values()}


def test_a_spoiler_spoils_the_same_way_each_time() -> None:
    one, other = Spoiler("seed"), Spoiler("seed")
    document = REPLIES["video.get"][0].document
    bodies = [one.spoilt(document) for _ in range(50)]
    assert bodies == [other.spoilt(document) for _ in range(50)]
    assert len(set(bodies)) > 40


# Some of them, by name


def answered(document: object) -> HttpResponse:
    return HttpResponse(status=200, headers={}, body=json.dumps(document).encode())


def test_a_number_without_end_is_an_unreadable_reply() -> None:
    for place in ('{"code":9}', '{"code":1000,"data":{"_id":"a","image_status":9}}'):
        body = place.replace("9", "9" * 6000).encode()
        with pytest.raises(ReplyError):
            GetImage(id="65d3").decode(HttpResponse(status=200, headers={}, body=body))


def test_endless_nesting_is_an_unreadable_reply() -> None:
    for body in (b"[" * 100_000, b'{"code":1000,"data":' + b'{"a":' * 100_000):
        with pytest.raises(ReplyError):
            GetImage(id="65d3").decode(HttpResponse(status=200, headers={}, body=body))


def test_one_sick_row_leaves_the_others() -> None:
    rows: list[Any] = [{"_id": "a", "faceswap_status": 3}, 5, None, {"_id": ["b"]}, {"_id": "c"}]
    found = GetFaceswaps(ids=["a"]).decode(answered({"code": 1000, "data": {"result": rows}}))
    assert [row.id for row in found] == ["a", "", "c"]


def test_a_sick_optional_field_leaves_the_others() -> None:
    sick = {"_id": "a", "image_status": 3, "image": "https://a.example/b", "buttons": [None, 5]}
    image = GetImage(id="a").decode(answered({"code": 1000, "data": sick}))
    assert (image.id, image.url, image.buttons) == ("a", "https://a.example/b", ())


def test_a_sick_field_inside_a_field_leaves_its_neighbours() -> None:
    credentials = {"agora_uid": "100000", "agora_app_id": None, "agora_token": "the-token"}
    data = {"_id": "a", "status": 1, "credentials": credentials}
    session = GetSession(id="a").decode(answered({"code": 1000, "data": data}))
    assert session.credentials.agora_token == "the-token"
    assert session.credentials.agora_uid == 100000
    assert session.credentials.agora_app_id == ""


def test_a_time_without_a_zone_is_universal_time() -> None:
    rows = [{"_id": "a", "faceswap_status": 3, "createdAt": "2024-01-01T00:00:00"}]
    (row,) = GetFaceswaps(ids=["a"]).decode(answered({"code": 1000, "data": {"result": rows}}))
    assert row.expires_at is not None
    assert row.expires_at.isoformat() == "2024-01-08T00:00:00+00:00"


@pytest.mark.parametrize(
    "data",
    [
        {"count": 2, "result": [{"_id": "a"}, {"_id": "b"}]},
        {"count": 2, "data": [{"_id": "a"}, {"_id": "b"}]},
        {"result": [{"_id": "a"}, {"_id": "b"}], "count": "2"},
        [{"_id": "a"}, {"_id": "b"}],
    ],
)
def test_rows_are_found_wherever_a_page_puts_them(data: Any) -> None:
    found = ListSessions().decode(answered({"code": 1000, "data": data}))
    assert [session.id for session in found] == ["a", "b"]


@pytest.mark.parametrize("data", [None, 5, "rows", {}, {"result": {}}, {"count": 2}])
def test_a_list_without_rows_is_an_unreadable_reply(data: Any) -> None:
    with pytest.raises(ReplyError):
        ListSessions().decode(answered({"code": 1000, "data": data}))
