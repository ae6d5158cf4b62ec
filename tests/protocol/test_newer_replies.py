"""Replies of the newer endpoints: rows in containers, words, ids in the path, repeated names."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw

from akool_async import APIError, InsufficientCredit, InvalidRequest, ProcessingError, Status
from akool_async.endpoints import Audio, Faceswap, TranslateVideo, Video
from akool_async.errors import ReplyError
from akool_async.protocol import wire
from akool_async.protocol.endpoint import Operation, Query
from akool_async.protocol.fields import Id
from akool_async.protocol.reply import Nothing, Reply
from akool_async.protocol.wire import HttpResponse

ONE, TWO = "6a0000000000000000000211", "6a0000000000000000000212"


def said(**document: Any) -> HttpResponse:
    body = json.dumps({"code": 1000, "msg": "OK"} | document).encode()
    return HttpResponse(status=200, headers={}, body=body)


class Create(Operation[Faceswap]):
    """Start a job, whose reply holds it in a list."""

    path = "v4/example/batch"
    parse = Reply(Faceswap, in_array=True, inside="successList", beside="errorList")


class Detail(Query[Audio]):
    """Look a job up by the id in the path."""

    path = "v4/example/detail/{id}"
    parse = Reply(Audio, inside="result")

    id: Id
    kinds: tuple[int, ...] | None = None


CREATE = Create()
ROWS = [
    pytest.param({"successList": [{"_id": ONE}], "errorList": []}, id="successList"),
    pytest.param({"list": [{"_id": ONE}], "errors": []}, id="list"),
    pytest.param([{"_id": ONE}], id="array"),
    pytest.param({"_id": ONE}, id="object"),
    pytest.param({"result": {"_id": ONE}}, id="result"),
    pytest.param({"_id": ONE, "parts": [{"_id": TWO}, {"_id": "c"}]}, id="with parts"),
]


@pytest.mark.parametrize("data", ROWS)
def test_a_receipt_is_found_in_whatever_holds_it(data: Any) -> None:
    assert CREATE.receive(said(data=data)).id == ONE


TWO_JOBS = [
    {"data": {"successList": [{"_id": ONE}, {"_id": TWO}], "errorList": []}},
    {"data": {"list": [{"_id": ONE}, {"_id": TWO}], "errors": [{"msg": "no"}]}},
    {"data": [{"_id": ONE}, {"_id": TWO}]},
    {"data": {"jobs": [{"_id": ONE}, {"_id": TWO}]}},
    {
        "data": {"_id": TWO},
        "all_results": [
            {"code": 1000, "data": {"_id": ONE}},
            {"code": 1000, "data": {"_id": TWO}},
        ],
    },
]


@pytest.mark.parametrize("document", TWO_JOBS)
def test_a_reply_that_names_two_jobs_is_in_doubt_and_names_both(document: Any) -> None:
    request = TranslateVideo(url="https://a.example/v.mp4", source_language="en", language="fr")
    for create in (CREATE, request):
        with pytest.raises(ReplyError, match="2 were started") as caught:
            create.receive(said(**document))
        assert {*caught.value.ids} == {ONE, TWO}
        assert ONE in str(caught.value)
        assert TWO in str(caught.value)


UNNAMED = [
    pytest.param([{"_id": 1}, {"_id": 2}], ("1", "2"), id="numbers"),
    pytest.param([{"_id": ONE}, {"_id": {"$oid": TWO}}], (ONE, TWO), id="an object"),
    pytest.param([{"_id": ONE}, {"_id": 7}], (ONE, "7"), id="a number"),
    pytest.param([{"_id": ONE}, {"task_id": TWO}], (ONE,), id="another name"),
    pytest.param([{"_id": ONE}, {"_id": None, "status": 1}], (ONE,), id="no id"),
]


@pytest.mark.parametrize(("rows", "ids"), UNNAMED)
def test_a_second_job_is_seen_whatever_its_id_looks_like(rows: Any, ids: tuple[str, ...]) -> None:
    forms: list[Any] = [rows, {"successList": rows, "errorList": []}, {"list": rows, "errors": []}]
    for data in forms:
        with pytest.raises(ReplyError, match="2 were started") as caught:
            CREATE.receive(said(data=data))
        assert caught.value.ids == ids


def test_a_refusal_beside_the_job_changes_nothing() -> None:
    data = {"successList": [{"_id": ONE}], "errorList": [{"_id": TWO, "msg": "no"}]}
    assert CREATE.receive(said(data=data)).id == ONE


def test_a_job_that_stands_twice_in_a_reply_is_one() -> None:
    reply = said(data={"_id": ONE}, all_results=[{"code": 1000, "data": {"_id": ONE}}])
    assert CREATE.receive(reply).id == ONE


REFUSED = [
    ({"data": {"successList": [], "errorList": [{"code": 1006, "msg": "no quota"}]}}, "no quota"),
    ({"data": {"successList": [], "errorList": ["model is busy"]}}, "model is busy"),
    ({"data": {"list": [], "errors": [{"index": 0, "message": "no face"}]}}, "no face"),
    ({"data": {"list": [], "errors": [{"index": 0}]}}, "gave no reason"),
    ({"data": None, "all_results": [{"code": 1203, "msg": "no speech"}]}, "no speech"),
]


@pytest.mark.parametrize(("document", "words"), REFUSED)
def test_a_success_with_a_refusal_and_no_job_is_a_definite_refusal(
    document: Any, words: str
) -> None:
    with pytest.raises(APIError, match=words) as caught:
        CREATE.receive(said(**document))
    assert type(caught.value) is not APIError


BESIDE_A_REFUSAL: list[Any] = [
    {"data": {"list": [{"task_id": "x"}], "errors": [{"msg": "no"}]}},
    {"data": {"list": [{"id": ONE}], "errors": [{"msg": "no"}]}},
    {"data": {"successList": [{"status": 1}], "errorList": [{"msg": "no"}]}},
    {"data": {"list": [ONE], "errors": [{"msg": "no"}]}},
    {"data": {"jobs": [{"_id": ONE}], "errors": [{"msg": "no"}]}},
    {"data": {"_id": {"$oid": ONE}, "errors": ["no"]}},
    {"data": {"task_id": "x", "list": [], "errors": ["no"]}},
    {"data": {}, "all_results": [{"code": 1000, "data": {}}, {"code": 1203, "msg": "no"}]},
    {"data": {}, "all_results": [{"code": 1203, "msg": "no", "data": {"video_id": "x"}}]},
]
"""Replies with a refusal in which something may be a job."""


@pytest.mark.parametrize("document", BESIDE_A_REFUSAL)
def test_a_refusal_beside_what_may_be_a_job_is_no_refusal(document: Any) -> None:
    with pytest.raises(ReplyError):
        CREATE.receive(said(**document))


def test_ids_of_the_account_are_no_jobs() -> None:
    account = {"uid": 100001, "team_id": TWO, "batch_id": "1760000000000_100001"}
    with pytest.raises(InvalidRequest, match="no"):
        CREATE.receive(said(data={"successList": [], "errorList": ["no"], **account}))


@pytest.mark.parametrize("code", [1005, 1101, 1215])
def test_a_refusal_inside_of_a_success_lets_nothing_be_sent_again(code: int) -> None:
    with pytest.raises(ProcessingError, match=str(code)):
        CREATE.receive(said(data={"list": [], "errors": [{"code": code, "msg": "wait"}]}))


@pytest.mark.parametrize("code", [1005, 1101])
def test_a_refusal_after_which_a_create_is_sent_again_names_no_job(code: int) -> None:
    with pytest.raises(ReplyError, match=ONE):
        CREATE.receive(said(code=code, data={"_id": ONE}))
    with pytest.raises(APIError):
        CREATE.receive(said(code=code, data={}))


def test_the_code_of_such_a_refusal_means_what_it_means_elsewhere() -> None:
    with pytest.raises(InsufficientCredit):
        CREATE.receive(said(data={"successList": [], "errorList": [{"code": 1006}]}))


@pytest.mark.parametrize("data", [{"successList": [], "errorList": []}, {"list": []}, [], {}, None])
def test_a_success_without_job_and_without_refusal_is_in_doubt(data: Any) -> None:
    with pytest.raises(ReplyError, match="named no job"):
        CREATE.receive(said(data=data))


def test_what_the_simulator_writes_is_what_the_page_prints() -> None:
    written = Create.parse.encode(Faceswap(id=ONE))
    assert {*written} == {"successList", "errorList"}
    assert written["successList"][0]["_id"] == ONE
    assert written["errorList"] == []


def test_an_id_travels_in_the_path_and_a_repeated_name_in_the_query() -> None:
    assert Detail(id="a/b c").encode().path == "/api/open/v4/example/detail/a%2Fb%20c"
    several = Detail(id="x", kinds=(1501, 1502)).encode().path
    assert several == "/api/open/v4/example/detail/x?kinds=1501&kinds=1502"


def test_a_row_inside_of_result_is_decoded_in_one_step_and_with_care() -> None:
    whole = said(data={"result": {"_id": ONE, "status": 2}})
    at_once = Detail.parse.at_once(whole.body, wire.AKOOL)
    assert at_once is not None
    assert at_once.id == ONE
    sick = said(data={"result": {"_id": ONE, "status": 2, "create_time": "soon"}})
    assert Detail(id=ONE).decode(sick).status is Status.PROCESSING
    bare = said(data={"_id": ONE, "status": 3})
    assert Detail(id=ONE).decode(bare).status is Status.COMPLETED


def test_a_field_may_have_another_name_in_one_reply() -> None:
    parse = Reply(Video, aliases={"video_status": "status"})
    data = json.dumps({"_id": ONE, "status": 3}).encode()
    receipt = parse(Raw(data))
    assert receipt.status is Status.COMPLETED
    assert parse.encode(receipt)["status"] == Status.COMPLETED


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("queueing", Status.QUEUED),
        ("Processing", Status.PROCESSING),
        ("completed", Status.COMPLETED),
        ("failed", Status.FAILED),
        ("closed", Status.COMPLETED),
        ("3", Status.COMPLETED),
        ("success", Status.QUEUED),  # of the reply, perhaps
    ],
)
def test_a_status_may_be_a_word(word: str, status: Status) -> None:
    assert Detail(id=ONE).decode(said(data={"result": {"_id": ONE, "status": word}})).status is (
        status
    )


class Frames(Query[None]):
    """Answer in the envelope of analyze_frames."""

    path = "faceswap/analyze_frames"
    envelope = wire.AKOOL_FRAMES
    parse = Nothing()


@pytest.mark.parametrize(
    ("status", "error"), [(400, InvalidRequest), (500, ProcessingError), (200, InvalidRequest)]
)
def test_a_bool_may_say_whether_it_is_a_success(status: int, error: type[APIError]) -> None:
    body = json.dumps({"success": False, "error": "frame_urls is required"}).encode()
    with pytest.raises(error, match="frame_urls is required"):
        Frames().decode(HttpResponse(status=status, headers={}, body=body))
    body = json.dumps({"success": True, "persons": []}).encode()
    assert Frames().decode(HttpResponse(status=200, headers={}, body=body)) is None


class Vague(Query[None]):
    """Refuse in words that say nothing about the ids (N1)."""

    path = "v4/example/resultsByIds"
    method = "POST"
    vague_refusals = frozenset({"failed to get results"})
    parse = Nothing()


def test_a_refusal_in_words_that_say_nothing_is_vague() -> None:
    for msg, vague in (("Failed to get results", True), ("no such id", False)):
        body = json.dumps({"code": 1003, "msg": msg}).encode()
        with pytest.raises(InvalidRequest) as caught:
            Vague().decode(HttpResponse(status=200, headers={}, body=body))
        assert caught.value.vague is vague
