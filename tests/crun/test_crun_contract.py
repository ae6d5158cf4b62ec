"""CRUN's endpoints, compared with the exchanges on CRUN's pages."""

from __future__ import annotations

import copy
import json
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akool_async import APIError, InvalidInput, Operation, ReplyError, Status
from akool_async.crun import (
    CrunFace,
    DetectFaces,
    FaceDetection,
    FaceTarget,
    GetDetection,
    GetTask,
    SwapFaces,
    SwappedImage,
)
from akool_async.protocol.endpoint import Endpoint
from akool_async.protocol.wire import HttpResponse

if TYPE_CHECKING:
    from tests.crun.conftest import Connect
    from tests.servers import Serve, Visit


FIXTURES = Path(__file__).parents[1] / "fixtures_crun"


class Exchange(NamedTuple):
    """One documented exchange."""

    operation: type[Operation[Any]]
    printed: Mapping[str, Any]

    @property
    def value(self) -> Operation[Any]:
        """The operation with the documented fields."""
        return self.operation.from_wire(self.printed["body"])

    @property
    def id(self) -> str:
        """The documented job's id."""
        (only,) = self.printed["created"]["data"].values()
        return str(only)

    @property
    def lookup(self) -> Endpoint[Any]:
        """The lookup of the documented job."""
        return self.operation.family.lookup([self.id])


def read(name: str) -> Mapping[str, Any]:
    printed: Mapping[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text("utf-8"))
    return printed


DETECTION = Exchange(DetectFaces, read("detect_faces"))
SWAP = Exchange(SwapFaces, read("swap_faces"))
both = pytest.mark.parametrize("exchange", [DETECTION, SWAP], ids=["detection", "swap"])


def answer(document: object, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, headers={}, body=json.dumps(document).encode())


def changed(part: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a reply with other fields in its data."""
    document: dict[str, Any] = copy.deepcopy(dict(part))
    document["data"] |= fields
    return document


# Requests


@both
def test_the_documented_body_is_sent_as_it_is_printed(exchange: Exchange) -> None:
    request = exchange.value.encode()
    assert json.loads(request.body or b"") == exchange.printed["body"]


@both
def test_methods_and_addresses_are_those_of_the_pages(exchange: Exchange) -> None:
    for part, request in (
        ("request", exchange.value.encode()),
        ("lookup", exchange.lookup.encode()),
    ):
        method, _, address = exchange.printed[part].partition(" ")
        assert request.method == method
        assert f"https://{urlsplit(address).netloc}{request.path}" == address
    assert exchange.lookup.encode().body is None


@both
def test_each_endpoint_names_its_page(exchange: Exchange) -> None:
    assert exchange.operation.docs == exchange.printed["page"]
    assert type(exchange.lookup).docs == exchange.printed["lookup_page"]


@both
def test_an_example_survives_its_own_encoding(exchange: Exchange) -> None:
    value = exchange.value
    assert exchange.operation.from_wire(value.to_wire()) == value


def test_fields_that_are_not_given_are_not_sent() -> None:
    swap = SwapFaces(detect_id="m1", image_url="https://p.example/a.png", faces=[FACE])
    assert json.loads(swap.encode().body or b"") == {
        "model": "image-face-swap-multi",
        "input": {
            "detect_id": "m1",
            "image_url": "https://p.example/a.png",
            "faces": [{"face_id": 0, "target": "https://p.example/new.png"}],
        },
    }


@pytest.mark.parametrize("id", [0, "0", "a7"])
def test_a_face_s_id_is_sent_as_it_was_received(id: int | str) -> None:
    swap = SwapFaces(
        detect_id="m1",
        image_url="https://p.example/a.png",
        faces=[{"face_id": id, "target": "https://p.example/new.png"}],  # type: ignore[list-item]
    )
    (face,) = swap.to_wire()["input"]["faces"]
    assert face["face_id"] == id
    assert type(face["face_id"]) is type(id)


# Requests that are refused before they are sent

FACE = FaceTarget(0, "https://p.example/new.png")
VALID: Mapping[str, Any] = {
    "detect_id": "m1",
    "image_url": "https://p.example/a.png",
    "faces": [FACE],
}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"detect_id": ""}, "detect_id"),
        ({"detect_id": 7}, "detect_id"),
        ({"image_url": "group.png"}, "image_url"),
        ({"faces": []}, "faces"),
        ({"faces": 5}, "faces"),
        ({"faces": [FACE, FaceTarget(0, "https://p.example/other.png")]}, "faces"),
        ({"faces": [FACE, FaceTarget("0", "https://p.example/other.png")]}, "faces"),
        ({"faces": [{"face_id": 0}]}, "faces[0]"),
        ({"faces": [{"face_id": 0, "target": "new.png"}]}, "faces[0].target"),
        ({"faces": [{"face_id": -1, "target": FACE.target}]}, "faces[0].face_id"),
        ({"faces": [{"face_id": True, "target": FACE.target}]}, "faces[0].face_id"),
        ({"faces": [{"face_id": 0, "target": FACE.target, "weight": 1}]}, "faces[0]"),
        ({"disable_safety_checker": "no"}, "disable_safety_checker"),
        ({"callback_url": "callback"}, "callback_url"),
    ],
)
def test_a_swap_that_breaks_a_rule_is_refused_when_it_is_built(
    wrong: Mapping[str, Any], field: str
) -> None:
    SwapFaces(**VALID)
    with pytest.raises(InvalidInput) as caught:
        SwapFaces(**{**VALID, **wrong})
    assert caught.value.field == field


def test_a_detection_needs_the_address_of_a_picture() -> None:
    with pytest.raises(InvalidInput):
        DetectFaces(image_url="photo.png")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("model",), "image-face-swap"),
        (("model",), None),
        (("callback",), "https://p.example/"),
        (("input", "new_face"), "https://p.example/new.png"),
        (("input",), None),
    ],
)
def test_a_body_of_another_shape_is_no_swap(path: tuple[str, ...], value: object) -> None:
    wire = copy.deepcopy(SWAP.printed["body"])
    place = wire
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(InvalidInput):
        SwapFaces.from_wire(wire)


# Replies


@both
def test_a_receipt_holds_the_id_of_the_job_and_nothing_else(exchange: Exchange) -> None:
    receipt = exchange.value.decode(answer(exchange.printed["created"]))
    assert receipt == exchange.operation.family.result(id=exchange.id)
    assert receipt.status is Status.QUEUED


def test_a_detection_has_its_detect_id_and_its_faces() -> None:
    assert DETECTION.lookup.decode(answer(DETECTION.printed["completed"])) == FaceDetection(
        id="dit60yt8reqplt1c16",
        status=Status.COMPLETED,
        state="succeeded",
        detect_id="m1oZzqYp9dN",
        faces=(
            CrunFace(id=0, link="https://example.com/detected-face-0.jpg"),
            CrunFace(id=1, link="https://example.com/detected-face-1.jpg"),
        ),
        started_at="2026-05-27 12:14:03",
        finished_at="2026-05-27 12:14:04",
    )


def test_a_swap_has_its_media() -> None:
    swap = SWAP.lookup.decode(answer(SWAP.printed["completed"]))
    assert swap == SwappedImage(
        id="task_12345678",
        status=Status.COMPLETED,
        state="success",
        media_urls=("https://example.com/result-0.png", "https://example.com/result-1.png"),
        error_reason="success",
        result_code=200,
        credits=4.0,
        create_at=1768900378.0,
        complete_at=1768900390.0,
        duration_s=12.0,
        provider="Google",
        model_version="nano-banana",
        source="api",
    )
    assert swap.url == "https://example.com/result-0.png"


def test_a_swap_s_times_are_seconds() -> None:
    swap = SWAP.lookup.decode(answer(SWAP.printed["completed"]))
    created = datetime(2026, 1, 20, 9, 12, 58, tzinfo=UTC)
    assert swap.creation_time == created
    assert swap.expires_at == created + timedelta(days=14)


@pytest.mark.parametrize("moment", [0, -1, None, "soon", 1768900378000, 253402300000, 1e300])
def test_an_invalid_time_of_creation_is_none(moment: object) -> None:
    reply = changed(SWAP.printed["completed"], create_at=moment)
    swap = SWAP.lookup.decode(answer(reply))
    assert swap.creation_time is None
    assert swap.expires_at is None


@both
def test_a_pending_job_has_not_ended_and_has_no_address(exchange: Exchange) -> None:
    snapshot = exchange.lookup.decode(answer(exchange.printed["pending"]))
    assert snapshot.id == exchange.id
    assert snapshot.status is Status.PROCESSING
    assert snapshot.url == ""


@pytest.mark.parametrize("word", ["pending", "running"])
def test_a_swap_with_an_address_but_without_success_has_not_ended(word: str) -> None:
    swap = SWAP.lookup.decode(answer(changed(SWAP.printed["completed"], status=word)))
    assert not swap.status.terminal
    assert swap.url == ""


WORDS = {
    "starting": Status.QUEUED,
    "pending": Status.QUEUED,
    "processing": Status.PROCESSING,
    "running": Status.PROCESSING,
    "succeeded": Status.COMPLETED,
    "succeed": Status.COMPLETED,
    "success": Status.COMPLETED,
    "failed": Status.FAILED,
}


@both
@pytest.mark.parametrize("word", WORDS)
def test_the_words_of_all_three_vocabularies_are_known(exchange: Exchange, word: str) -> None:
    reply = answer(changed(exchange.printed["completed"], status=word))
    snapshot = exchange.lookup.decode(reply)
    assert snapshot.status is WORDS[word]
    assert snapshot.state == word


@both
@pytest.mark.parametrize("word", ["cancelled", "", "3", None, 3, {"of": "any shape"}])
def test_an_unknown_status_is_not_terminal(exchange: Exchange, word: object) -> None:
    snapshot = exchange.lookup.decode(answer(changed(exchange.printed["completed"], status=word)))
    assert not snapshot.status.terminal
    assert snapshot.url == ""


def test_the_status_inside_of_a_detection_s_result_is_ignored() -> None:
    data = copy.deepcopy(DETECTION.printed["completed"]["data"])
    data["status"] = "processing"
    detection = DETECTION.lookup.decode(answer({"code": 200, "data": data}))
    assert detection.status is Status.PROCESSING


def test_ids_may_be_numbers() -> None:
    receipt = DETECTION.value.decode(answer({"code": 200, "data": {"detect_task_id": 17}}))
    assert receipt.id == "17"
    result = {"id": 23, "faces": [{"id": "7", "link": "https://p.example/7.png"}]}
    data = {"detect_task_id": 17, "status": "succeeded", "result": result}
    detection = DETECTION.lookup.decode(answer({"code": 200, "data": data}))
    assert (detection.id, detection.detect_id) == ("17", "23")
    assert detection.faces[0].id == "7"
    task = SWAP.lookup.decode(answer({"code": "200", "data": {"task_id": 17, "status": "failed"}}))
    assert task.id == "17"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"error": "no face"}, "no face"),
        ({"error": {"why": "no face"}}, '{"why":"no face"}'),
        ({"error": None, "result": {"error": "no face"}}, "no face"),
        ({"error": None, "result": None}, ""),
    ],
)
def test_a_failed_detection_has_its_reason_from_either_place(
    fields: Mapping[str, Any], reason: str
) -> None:
    reply = changed(DETECTION.printed["pending"], status="failed", **fields)
    detection = DETECTION.lookup.decode(answer(reply))
    assert detection.status is Status.FAILED
    assert detection.reason == reason


def test_a_failed_swap_has_its_reason() -> None:
    result = {"code": 501, "message": "no face", "media_urls": []}
    reply = changed(SWAP.printed["pending"], status="failed", result=result)
    swap = SWAP.lookup.decode(answer(reply))
    assert (swap.status, swap.result_code, swap.reason) == (Status.FAILED, 501, "no face")


def test_unreadable_rows_are_left_out() -> None:
    faces = [None, {"link": "https://p.example/0.png"}, {"id": 1, "link": "l"}, {"id": 2}]
    result = {"id": "m1", "faces": faces}
    reply = changed(DETECTION.printed["completed"], result=result)
    detection = DETECTION.lookup.decode(answer(reply))
    assert detection.faces == (CrunFace(id=1, link="l"), CrunFace(id=2))
    urls = {"media_urls": [None, "https://p.example/1.png"]}
    swap = SWAP.lookup.decode(answer(changed(SWAP.printed["completed"], result=urls)))
    assert swap.url == "https://p.example/1.png"


@both
def test_new_fields_are_ignored(exchange: Exchange) -> None:
    reply = changed(exchange.printed["completed"], brand_new={"of": ["any", "shape"]})
    reply["data"]["result"]["brand_new"] = [1]
    reply["trace_id"] = "t1"
    expected = exchange.lookup.decode(answer(exchange.printed["completed"]))
    assert exchange.lookup.decode(answer(reply)) == expected


@both
@pytest.mark.parametrize("absent", [True, False], ids=["missing", "null"])
def test_every_field_may_be_missing_or_null(exchange: Exchange, absent: bool) -> None:  # noqa: FBT001
    whole = exchange.printed["completed"]
    for inside, name in [
        *((False, name) for name in whole["data"]),
        *((True, name) for name in whole["data"]["result"]),
    ]:
        reply = copy.deepcopy(whole)
        place = reply["data"]["result"] if inside else reply["data"]
        if absent:
            del place[name]
        else:
            place[name] = None
        assert isinstance(exchange.lookup.decode(answer(reply)), exchange.operation.family.result)


@both
@pytest.mark.parametrize("data", [None, [], "text", 7])
def test_data_of_another_shape_is_an_unreadable_reply(exchange: Exchange, data: object) -> None:
    with pytest.raises(ReplyError):
        exchange.lookup.decode(answer({"code": 200, "message": "success", "data": data}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


def places(document: Any) -> list[tuple[Any, Any]]:
    """Return the container and the key of every value in a document."""
    found: list[tuple[Any, Any]] = []
    if isinstance(document, dict | list):
        keys = list(document) if isinstance(document, dict) else list(range(len(document)))
        for key in keys:
            found += [(document, key), *places(document[key])]
    return found


@both
@pytest.mark.parametrize("part", ["created", "pending", "completed"])
@settings(deadline=None)
@given(data=st.data())
def test_a_mutated_reply_is_either_read_or_refused(
    exchange: Exchange, part: str, data: st.DataObject
) -> None:
    document = copy.deepcopy(exchange.printed[part])
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(places(document)))
        if data.draw(st.booleans()) and isinstance(holder, dict):
            holder.pop(key, None)
        elif isinstance(holder, dict) or key < len(holder):
            holder[key] = data.draw(JSON)
        if not places(document):
            break
    endpoint = exchange.value if part == "created" else exchange.lookup
    try:
        snapshot = endpoint.decode(answer(document))
    except (APIError, ReplyError):
        return
    assert isinstance(snapshot, exchange.operation.family.result)
    assert isinstance(snapshot.id, str)
    assert isinstance(snapshot.status, Status)
    assert isinstance(snapshot.expires_at, datetime | None)


# Whole jobs, against a real server


@both
async def test_a_job_runs_to_its_documented_result(
    exchange: Exchange, serve: Serve, connect: Connect
) -> None:
    replies = deque(exchange.printed[part] for part in ("created", "pending", "completed"))

    async def replay(visit: Visit) -> None:
        await visit.answer(json.dumps(replies.popleft()).encode())

    server = await serve(replay)
    async with connect(server.url, "the-key") as crun:
        job = crun.submit(exchange.value)
        result = await job
    assert not replies
    assert job.id == result.id == exchange.id
    assert result.status is Status.COMPLETED
    create, *lookups = server.visits
    assert create.target == exchange.value.encode().path
    assert create.body == exchange.value.encode().body
    assert create.headers["content-type"] == "application/json"
    assert [lookup.target for lookup in lookups] == 2 * [exchange.lookup.encode().path]
    for visit in server.visits:
        signs = [name for name in visit.header_names if name in {"authorization", "x-api-key"}]
        assert signs == ["x-api-key"]
        assert visit.headers["x-api-key"] == "the-key"


def test_lookups_use_the_ids_of_jobs() -> None:
    assert DETECTION.lookup == GetDetection(detect_task_id="dit60yt8reqplt1c16")
    assert SWAP.lookup == GetTask(task_id="task_12345678")
