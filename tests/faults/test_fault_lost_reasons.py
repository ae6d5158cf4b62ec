"""What a reply says in another place or shape than its page prints is not lost.

Why a job failed; a null where a list is documented; ids that are numbers; rows that lie one level
deeper; nothing at all where a job was looked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from akool_async import Face, JobFailed, NotFound, ReplyError, Status
from akool_async.crun import GetDetection, GetTask, SwappedImage
from akool_async.endpoints import (
    TTS,
    DetectFaces,
    GetAnalysis,
    GetAudio,
    GetAvatar,
    GetFaceswaps,
    GetImage,
    GetSession,
    GetVideo,
    Image,
    ImageReage,
    ListAvatars,
    ListLanguages,
    ListSessions,
    ListStreamingAvatars,
    ListVoices,
    Video,
)
from akool_async.protocol.endpoint import Endpoint
from akool_async.protocol.snapshot import Snapshot
from akool_async.protocol.wire import HttpResponse

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.faults.conftest import Documented
    from tests.servers import Serve, Visit

ID = "65f8017f56559aa67f0ecde7"
WHY = "no face was found"


def reply(document: object, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, headers={}, body=json.dumps(document).encode())


def answer(data: object, code: int = 1000, msg: str = "OK") -> HttpResponse:
    return reply({"code": code, "msg": msg, "data": data})


# Why a job failed

SHAPES: tuple[Mapping[str, Any], ...] = (
    {"error_reason": WHY},
    {"error_msg": WHY},
    {"error_message": WHY},
    {"errorMessage": WHY},
    {"err_msg": WHY},
    {"msg": WHY},
    {"message": WHY},
    {"reason": WHY},
    {"fail_reason": WHY},
    {"failReason": WHY},
    {"failed_reason": WHY},
    {"failure_reason": WHY},
    {"faceswap_fail_reason": WHY},
    {"failMsg": WHY},
    {"status_msg": WHY},
    {"detail": WHY},
    {"error": WHY},
    {"error": {"message": WHY}},
    {"error": {"code": 1203, "msg": WHY}},
    {"error_reason": {"reason": WHY}},
    {"error_reason": [WHY]},
    {"error_reason": f"  {WHY}\n"},
    {"error_reasons": WHY},
    {"error_reasons": [WHY]},
    {"error_reasons": [{"reason": WHY}]},
    {"error_reasons": [{"code": 1, "error_msg": WHY}, {"error_msg": WHY}]},
    {"errors": [{"message": WHY}]},
    {"error_reason": "success", "error_msg": WHY},
    {"error_reason": None, "fail_reason": WHY},
    {"error_reason": 0, "msg": "OK", "fail_reason": WHY},
    {"msg": "failed", "error_reason": "", "detail": WHY},
    {"error_code": 1203, "error_msg": WHY},
    {"result": {"error": WHY}},
    {"extra": {"task": {"failure": WHY}}},
    {"steps": [{"status": 3}, {"status": 4, "error_msg": WHY}]},
)
"""Fields of a failed job, each a way to say why it failed."""

LOOKS: dict[str, tuple[Endpoint[Any], dict[str, Any]]] = {
    "faceswap": (GetFaceswaps(ids=[ID]), {"faceswap_status": 4}),
    "video": (GetVideo(id=ID), {"video_status": 4}),
    "image": (GetImage(id=ID), {"image_status": 4}),
    "audio": (GetAudio(id=ID), {"status": 4}),
    "analysis": (GetAnalysis(id=ID), {"status": 4}),
    "avatar": (GetAvatar(id=ID), {"status": 4}),
    "session": (GetSession(id=ID), {"status": 4}),
    "CRUN's detection": (GetDetection(detect_task_id=ID), {"status": "failed"}),
    "CRUN's swap": (GetTask(task_id=ID), {"status": "failed"}),
}
"""A look at a job of each family, and the field of its status."""

families = pytest.mark.parametrize("family", LOOKS)


def seen(family: str, fields: Mapping[str, Any], msg: str = "OK") -> Snapshot:
    """Return a failed job of a family, with further fields in its reply."""
    look, status = LOOKS[family]
    if family.startswith("CRUN"):
        row = {"task_id": ID, "detect_task_id": ID, **status, **fields}
        crun = {"code": 200, "message": "success", "data": row}
        return look.decode(reply(crun))  # type: ignore[no-any-return]
    row = {"_id": ID, **status, **fields}
    others = [{"_id": "a" * 24, "faceswap_status": 3}, {"_id": "b" * 24, "faceswap_status": 1}]
    data = {"result": [*others, row]} if family == "faceswap" else row
    found: Snapshot | tuple[Snapshot, ...] = look.decode(answer(data, msg=msg))
    return found[-1] if isinstance(found, tuple) else found


@families
@pytest.mark.parametrize("fields", SHAPES, ids=str)
def test_why_a_job_failed_is_found_under_any_name_and_in_any_shape(
    family: str, fields: Mapping[str, Any]
) -> None:
    job = seen(family, fields)
    assert (job.id, job.status, job.reason) == (ID, Status.FAILED, WHY)


@families
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"error_reason": "success"},
        {"msg": "Success.", "message": "OK", "error": "none"},
        {"error_reason": "failed", "result": {"message": "success", "code": 200}},
        {"error": None, "errors": [], "detail": {}, "error_code": 0},
        {"error": True, "reason": 17, "failed_count": 3, "error_url": "https://a.example/"},
    ],
    ids=str,
)
def test_a_text_that_gives_no_reason_is_none(family: str, fields: Mapping[str, Any]) -> None:
    assert seen(family, fields).reason == ""


@families
def test_an_object_that_nobody_knows_is_shown_as_it_is(family: str) -> None:
    assert seen(family, {"error": {"why": WHY}}).reason == '{"why":"no face was found"}'


@families
def test_a_code_is_a_reason_where_there_is_no_other(family: str) -> None:
    assert seen(family, {"error_code": 1210}).reason == "video fps exceed [code 1210]"
    assert seen(family, {"error_code": "4711"}).reason == "[code 4711]"


def test_the_sentence_of_the_envelope_is_a_reason_where_the_row_gives_none() -> None:
    assert seen("audio", {}, msg=WHY).reason == WHY
    assert seen("audio", {"error_msg": "too loud"}, msg=WHY).reason == "too loud"


@pytest.mark.parametrize(
    "name", ["preferred_voice", "override", "interrupted_by", "referrer", "failed_at"]
)
def test_a_field_whose_name_only_looks_like_that_of_a_reason_gives_none(name: str) -> None:
    assert not seen("audio", {name: "anna"}).reason


def test_several_reasons_are_joined() -> None:
    job = seen("image", {"error_reasons": [{"msg": "too dark"}, {"msg": "too small"}]})
    assert job.reason == "too dark; too small"
    assert Image(id=ID, error_reasons=("success", "too dark")).reason == "too dark"


def test_a_job_that_did_not_fail_is_given_no_reason() -> None:
    for status in (1, 2, 3, 7):
        look = GetVideo(id=ID).decode(
            answer({"_id": ID, "video_status": status, "error_msg": WHY, "msg": WHY})
        )
        assert look.error_reason == ""


def test_a_reason_is_one_line_and_not_endless() -> None:
    job = seen("audio", {"error_msg": "no\n face\t" + "x" * 100_000})
    assert job.reason.startswith("no face x")
    assert len(job.reason) <= 500


def test_a_reason_is_not_searched_for_without_end() -> None:
    deep: Any = {"error_msg": WHY}
    for _ in range(200):
        deep = [{"error": deep}]
    assert seen("audio", {"error": deep}).status is Status.FAILED


async def test_the_error_of_a_failed_job_says_why(
    of_each_family: Documented, serve: Serve, connect: Connect
) -> None:
    failed = json.loads(json.dumps(of_each_family.completed).replace('status": 3', 'status": 4'))
    rows = failed["data"]
    row = rows.get("result", rows) if isinstance(rows, dict) else rows
    row = row if isinstance(row, dict) else rows if isinstance(row, str) else row[0]
    row |= {"error_reason": "success", "faceswap_fail_reason": WHY}

    async def react(visit: Visit) -> None:
        await visit.say(of_each_family.created if visit.is_create else failed)

    server = await serve(react)
    async with connect(server.url) as akool:
        with pytest.raises(JobFailed, match=f"failed: {WHY}$"):
            await akool.submit(of_each_family.request)
    assert server.creates == 1


# Null where a list is documented


@pytest.mark.parametrize(
    ("look", "data"),
    [
        (GetFaceswaps(ids=["a"]), {"result": None}),
        (ListSessions(), {"result": None, "count": 0}),
        (ListSessions(), {"data": None}),
        (ListStreamingAvatars(), {"result": None}),
        (ListLanguages(), {"lang_list": None}),
        (ListVoices(), None),
        (ListAvatars(), None),
    ],
    ids=str,
)
def test_a_null_where_a_list_is_documented_is_an_empty_list(
    look: Endpoint[Any], data: object
) -> None:
    assert len(look.decode(answer(data))) == 0


def test_a_null_in_place_of_a_list_inside_a_job_is_an_empty_list() -> None:
    fields = dict.fromkeys(("buttons", "used_buttons", "upscaled_urls", "error_reasons"))
    image = GetImage(id=ID).decode(answer({"_id": ID, "image_status": 3, "image": "i"} | fields))
    assert image == Image(id=ID, status=Status.COMPLETED, image="i")
    task = GetTask(task_id=ID).decode(
        reply({"code": 200, "data": {"task_id": ID, "result": {"media_urls": None}}})
    )
    assert task == SwappedImage(id=ID)


def test_a_list_of_one_that_came_as_its_row_is_a_list() -> None:
    found = GetFaceswaps(ids=[ID]).decode(answer({"result": {"_id": ID, "faceswap_status": 3}}))
    assert [(row.id, row.status) for row in found] == [(ID, Status.COMPLETED)]


async def test_an_iteration_over_null_yields_nothing(serve: Serve, connect: Connect) -> None:
    server = await serve(lambda visit: visit.say({"code": 1000, "data": None}))
    async with connect(server.url) as akool:
        assert [voice async for voice in akool.audio.voices()] == []
        assert [avatar async for avatar in akool.avatar.list()] == []


@pytest.mark.parametrize("faces", [None, []])
def test_null_or_an_empty_list_in_place_of_frames_is_no_face(faces: object) -> None:
    document = {"error_code": 0, "error_msg": "SUCCESS", "faces_obj": faces}
    found = DetectFaces(image_url="https://a.example/a.png").decode(reply(document))
    assert (found.faces, found.boxes, found.landmarks) == ((), (), ())


def test_frames_in_a_list_are_frames() -> None:
    frames = [{"region": []}, {"region": [[1, 2, 3, 4]], "landmarks": None}]
    found = DetectFaces(image_url="https://a.example/a.png").decode(
        reply({"error_code": 0, "faces_obj": frames})
    )
    assert len(found.boxes) == 1


# Nothing where a job was looked for

GETS = ("audio", "avatar", "image", "moderation", "streaming", "video")


@pytest.mark.parametrize("namespace", GETS)
@pytest.mark.parametrize(
    "data", [{}, [], None, [{}], "", {"result": None}, {"result": []}, {"data": {}}], ids=str
)
async def test_an_id_that_is_answered_with_nothing_is_not_found(
    namespace: str, data: object, serve: Serve, connect: Connect
) -> None:
    server = await serve(lambda visit: visit.say({"code": 1000, "msg": "OK", "data": data}))
    async with connect(server.url) as akool:
        with pytest.raises(NotFound) as caught:
            await getattr(akool, namespace).get(id=ID)
    assert caught.value.endpoint == f"{namespace}.get"
    assert len(server.visits) == 1


@pytest.mark.parametrize("look", [GetDetection(detect_task_id=ID), GetTask(task_id=ID)])
def test_crun_s_empty_answer_is_not_found_too(look: Endpoint[Any]) -> None:
    with pytest.raises(NotFound):
        look.decode(reply({"code": 200, "message": "success", "data": {}}))


def test_an_answer_that_leaves_the_id_out_is_found() -> None:
    found = GetVideo(id=ID).decode(answer({"video_status": 3, "video": "v"}))
    assert (found.status, found.video) == (Status.COMPLETED, "v")


async def test_a_job_whose_look_is_answered_with_nothing_is_watched_on(
    serve: Serve, connect: Connect
) -> None:
    async def react(visit: Visit) -> None:
        row = {"_id": ID, "status": 1 if visit.is_create else 3, "url": "https://a.example/a"}
        empty = not visit.is_create and server.polls < 4
        await visit.say({"code": 1000, "data": {} if empty else row})

    server = await serve(react)
    async with connect(server.url) as akool:
        result = await akool.audio.tts(input_text="Hello", voice_id="v")
    assert (result.id, server.creates, server.polls) == (ID, 1, 4)


# Ids that are numbers, and rows that lie deeper

REAGE = ImageReage(
    target_image=[Face("https://a.example/a.png")],
    face_reage=10,
    modify_image="https://a.example/a.png",
)


@pytest.mark.parametrize("number", [7, 123456789, 20260102083000110004])
def test_a_job_id_that_is_a_number_is_kept_as_text(number: int) -> None:
    receipt = REAGE.receive(answer({"_id": ID, "job_id": number, "url": "u"}))
    assert (receipt.id, receipt.job_id) == (ID, str(number))


async def test_a_job_whose_job_id_is_a_number_can_be_cancelled(
    serve: Serve, connect: Connect
) -> None:
    async def react(visit: Visit) -> None:
        if visit.is_create:
            await visit.say({"code": 1000, "data": {"_id": ID, "job_id": 123456789}})
        elif visit.target.endswith("job/del"):
            cancelled.append(json.loads(visit.body))
            await visit.say({"code": 1000, "msg": "OK"})
        else:
            await visit.say({"code": 1000, "data": {"result": [{"_id": ID, "faceswap_status": 1}]}})

    cancelled: list[dict[str, Any]] = []
    server = await serve(react)
    async with connect(server.url) as akool:
        job = await akool.submit(REAGE).created()
        token = job.token
        assert await job.cancel()
        assert akool.job(token).job_id == "123456789"
    assert cancelled == [{"job_ids": "123456789"}]


def test_ids_that_are_numbers_are_kept_as_text_in_every_field_of_an_id() -> None:
    fields = {"_id": 1, "video_id": 2, "task_id": 3, "uid": 4, "pre_video_id": 5, "type": 6}
    video = GetVideo(id="1").decode(answer(fields | {"video_status": 3}))
    assert video == Video(
        id="1",
        video_id="2",
        task_id="3",
        uid=4,
        pre_video_id="5",
        type=6,
        status=Status.COMPLETED,
    )
    (voice,) = ListVoices().decode(answer([{"voice_id": 17, "name": "Ann"}]))
    assert (voice.voice_id, voice.name) == ("17", "Ann")


@pytest.mark.parametrize("odd", [True, 1.5, [1], {"id": 1}])
def test_what_is_no_id_does_not_become_one(odd: object) -> None:
    receipt = REAGE.decode(answer({"_id": ID, "job_id": odd}))
    assert (receipt.id, receipt.job_id) == (ID, None)


ROW = {"_id": ID, "status": 3, "url": "https://a.example/a.mp3"}


@pytest.mark.parametrize(
    "data", [{"result": ROW}, {"result": [ROW]}, [{"result": ROW}], {"data": ROW}], ids=str
)
def test_a_row_one_level_deeper_is_recognised(data: object) -> None:
    receipt = TTS(input_text="Hello", voice_id="v").receive(answer(data))
    assert (receipt.id, receipt.status, receipt.url) == (ID, Status.COMPLETED, ROW["url"])
    assert GetAudio(id=ID).decode(answer(data)) == receipt


def test_a_result_that_is_no_row_is_no_job() -> None:
    results: list[Any] = [{"status": 3}, [], "text", None]
    for result in results:
        with pytest.raises(ReplyError):
            TTS(input_text="Hello", voice_id="v").receive(answer({"result": result}))
    verdict = GetAnalysis(id=ID).decode(answer({"_id": ID, "status": 3, "result": "fine"}))
    assert verdict.result == "fine"
