"""A create that may run never passes for a refusal, and a refusal never for a create in doubt.

A refusal invites its reader to send again, which pays twice if a job runs. So a code that no table
knows refuses nothing; but a page whose HTTP status says that the request was not accepted does.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from akool_async import (
    AccountError,
    APIError,
    CreateOutcomeUnknown,
    InsufficientCredit,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    RateLimited,
    ReplyError,
    Retry,
)
from akool_async.crun import Crun
from akool_async.endpoints import TTS, DeleteFaceswaps, GetAudio
from akool_async.protocol.wire import HttpResponse

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.faults.conftest import Documented
    from tests.servers import Serve

ID = "65f8017f56559aa67f0ecde7"
PAGE = b"<html><body>Sorry</body></html>"
TTS_REQUEST = TTS(input_text="Hello", voice_id="v")


def reply(body: bytes | object, status: int = 200, **headers: str) -> HttpResponse:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status=status, headers=fields, body=text)


IN_DOUBT: dict[str, tuple[int, Any]] = {
    "500 and a code 500": (500, {"code": 500, "msg": "Internal Server Error"}),
    "502 and a code 502": (502, {"code": 502, "msg": "Bad Gateway", "data": None}),
    "503 and a code 503": (503, {"code": 503, "message": "unavailable"}),
    "504 and a code 504": (504, {"code": 504, "msg": "upstream timed out"}),
    "200 and a code 500": (200, {"code": 500, "msg": "oops"}),
    "200 and a code 0": (200, {"code": 0, "msg": "success", "data": {"_id": ID}}),
    "200 and a code 1": (200, {"code": 1, "data": {"_id": ID}}),
    "200 and a code 200": (200, {"code": 200, "msg": "OK", "data": {"_id": ID}}),
    "200 and a code as text": (200, {"code": "200", "data": {"_id": ID}}),
    "201 and a code 201": (201, {"code": 201, "data": {"_id": ID}}),
    "202 and a code 1001": (202, {"code": 1001, "msg": "accepted", "data": {"_id": ID}}),
    "429 and a code 429 with a job": (429, {"code": 429, "data": {"_id": ID}}),
    "404 and a code 200 with a job": (404, {"code": 200, "data": {"_id": ID}}),
    "408 and a code 408": (408, {"code": 408, "msg": "slow"}),
    "200 and a negative code": (200, {"code": -1, "msg": "unknown error"}),
    "500 and sick JSON": (500, b'{"code": 500, "msg": "\\ud83d"}'),
}
"""Answers to a create that do not say whether a job runs: HTTP status and body."""


@pytest.mark.parametrize(("status", "body"), IN_DOUBT.values(), ids=IN_DOUBT.keys())
async def test_a_create_answered_with_a_code_that_no_table_knows_is_in_doubt(
    status: int, body: Any, serve: Serve, connect: Connect
) -> None:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    server = await serve(lambda visit: visit.answer(text, status))
    async with connect(server.url) as akool:
        with pytest.raises(CreateOutcomeUnknown) as caught:
            await akool.audio.tts(input_text="Hello", voice_id="v")
    assert server.creates == 1
    assert (ID in str(caught.value)) is (ID.encode() in text)


async def test_a_create_that_is_asked_to_wait_and_names_a_job_is_not_sent_again(
    serve: Serve, connect: Connect
) -> None:
    said = json.dumps({"code": 503, "msg": "busy", "data": {"_id": ID}}).encode()
    server = await serve(lambda visit: visit.answer(said, 503, retry_after="0"))
    async with connect(server.url) as akool:
        with pytest.raises(CreateOutcomeUnknown, match=ID):
            await akool.audio.tts(input_text="Hello", voice_id="v")
    assert server.creates == 1


async def test_an_unknown_code_leaves_every_operation_in_doubt(
    documented: Documented, serve: Serve, connect: Connect
) -> None:
    server = await serve(lambda visit: visit.say({"code": 200, "data": {"_id": ID}}))
    async with connect(server.url) as akool:
        with pytest.raises(CreateOutcomeUnknown, match=ID):
            await akool.submit(documented.request)
    assert server.creates == 1


async def test_an_unknown_code_of_another_vendor_leaves_a_create_in_doubt(serve: Serve) -> None:
    said = {"code": 1000, "message": "OK", "data": {"detect_task_id": "d-17"}}
    server = await serve(lambda visit: visit.say(said, 502))
    async with Crun("the-key", base_url=server.url) as crun:
        with pytest.raises(CreateOutcomeUnknown, match="detect_task_id d-17"):
            await crun.detect_faces(image_url="https://photos.example/group.png")
    assert len(server.visits) == 1


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 409, 410, 413, 422, 451])
def test_an_unknown_code_under_an_http_status_that_refuses_is_a_refusal(status: int) -> None:
    with pytest.raises(APIError) as caught:
        TTS_REQUEST.receive(reply({"code": status, "msg": "no"}, status))
    assert (caught.value.code, caught.value.http_status) == (status, status)


@pytest.mark.parametrize("status", [200, 500, 502, 504])
def test_a_code_that_the_tables_know_is_a_refusal_whatever_http_says(status: int) -> None:
    with pytest.raises(InvalidRequest):
        TTS_REQUEST.receive(reply({"code": 1003, "msg": "no"}, status))


@pytest.mark.parametrize(("status", "wait"), [(429, ""), (503, "1")])
def test_an_unknown_code_that_asks_to_wait_is_refused_for_now(status: int, wait: str) -> None:
    with pytest.raises(RateLimited) as caught:
        TTS_REQUEST.receive(reply({"code": status, "msg": "busy"}, status, retry_after=wait))
    assert Retry().delay(caught.value, 1, repeatable=False) is not None


def test_an_unknown_code_to_a_read_is_a_plain_refusal() -> None:
    for status in (200, 500, 502):
        with pytest.raises(APIError) as caught:
            GetAudio(id="a").receive(reply({"code": 500, "msg": "oops"}, status))
        assert type(caught.value) is APIError


# The reverse


PAGES: dict[int, type[APIError]] = {
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


@pytest.mark.parametrize(("status", "kind"), PAGES.items())
async def test_a_page_whose_http_status_refuses_a_create_is_a_refusal(
    status: int, kind: type[APIError], serve: Serve, connect: Connect
) -> None:
    server = await serve(lambda visit: visit.answer(PAGE, status))
    async with connect(server.url) as akool:
        with pytest.raises(kind) as caught:
            await akool.audio.tts(input_text="Hello", voice_id="v")
    assert server.creates == 1
    assert (caught.value.code, caught.value.http_status) == (0, status)
    assert caught.value.endpoint == "audio.tts"
    assert caught.value.__context__ is None


@pytest.mark.parametrize("status", PAGES)
@pytest.mark.parametrize(
    "body", [b'{"code":1000,"data":{"_id":"65f8', b'{"data":{"_id": "65f8"}}', b'{"code":"OK"}']
)
def test_a_page_that_may_be_a_damaged_success_refuses_nothing(status: int, body: bytes) -> None:
    with pytest.raises(ReplyError):
        TTS_REQUEST.receive(reply(body, status))


async def test_a_page_that_asks_for_money_stops_no_other_job(
    serve: Serve, connect: Connect
) -> None:
    said = {"code": 1000, "data": {"_id": ID, "status": 3, "url": "https://a.example/a.mp3"}}
    server = await serve(
        lambda visit: visit.answer(PAGE, 402) if len(server.visits) == 1 else visit.say(said)
    )
    async with connect(server.url, max_concurrency=1) as akool:
        first = akool.audio.tts(input_text="Hello", voice_id="v")
        second = akool.audio.tts(input_text="Hello", voice_id="v")
        with pytest.raises(AccountError):
            await first
        assert (await second).id == ID


def test_a_page_to_a_command_that_is_no_create_says_nothing_about_its_subject() -> None:
    with pytest.raises(ReplyError):
        DeleteFaceswaps(ids=["a"]).receive(reply(PAGE, 404))


@pytest.mark.parametrize("status", [200, 302, 400, 408, 409, 425, 499, 500, 502, 503, 504, 520])
def test_a_page_under_any_other_http_status_leaves_a_create_in_doubt(status: int) -> None:
    with pytest.raises(ReplyError):
        TTS_REQUEST.receive(reply(PAGE, status))


# What the error of a create in doubt says


NAMED = {
    "under id": (b'{"code":1000,"data":{"id":"%s"}}', "id"),
    "as an object": (b'{"code":1000,"data":{"_id":{"$oid":"%s"}}}', "_id"),
    "as an object, with spaces": (b'{"code":1000,"data":{"_id": { "$oid" : "%s" }}}', "_id"),
    "under taskId": (b'{"code":1000,"data":{"taskId":"%s"}}', "taskId"),
    "beside the data": (b'{"code":1000,"_id":"%s","data":{}}', "_id"),
    "deeper": (b'{"code":1000,"data":{"task":{"info":[{"id":"%s"}]}}}', "id"),
    "in a reply that was cut": (b'{"code":1000,"data":{"_id":"%s","sta', "_id"),
    "after 300 characters": (b'{"code":1000,"x":"' + b"-" * 300 + b'","data":{"id":"%s"}}', "id"),
    "in no envelope": (b'{"ok":true,"_id":"%s"}', "_id"),
    "in data of another shape": (b'{"code":1000,"data":"{\\"_id\\"", "id":"%s"}', "id"),
}


@pytest.mark.parametrize(("body", "name"), NAMED.values(), ids=NAMED.keys())
async def test_the_error_of_a_create_in_doubt_names_the_id_in_the_reply(
    body: bytes, name: str, serve: Serve, connect: Connect
) -> None:
    server = await serve(lambda visit: visit.answer(body % ID.encode()))
    async with connect(server.url) as akool:
        with pytest.raises(CreateOutcomeUnknown) as caught:
            await akool.audio.tts(input_text="Hello", voice_id="v")
    assert server.creates == 1
    assert f"{name} {ID}" in caught.value.reason


def test_a_number_in_place_of_an_id_is_named_too() -> None:
    with pytest.raises(ReplyError, match="ids in it: id 1234567890"):
        TTS_REQUEST.receive(reply({"code": 1000, "data": {"id": 1234567890}}))


def test_a_credit_code_still_stops_what_cannot_be_paid() -> None:
    with pytest.raises(InsufficientCredit):
        TTS_REQUEST.receive(reply({"code": 1006, "msg": "no"}, 402))
