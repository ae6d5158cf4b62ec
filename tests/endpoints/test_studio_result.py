"""Results of Swap Studio V5: media under names that no page shows, and the whole reply beside."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from akool_async import Backoff, DownloadError, Status
from akool_async.endpoints import GetStudioSwap, MotionSwap, StudioSwap
from akool_async.protocol.wire import HttpResponse

if TYPE_CHECKING:
    from akool_async.clock import ManualClock
    from tests.clients import Connect
    from tests.clocks import Elapse
    from tests.servers import Serve, Visit

ID = "6a0000000000000000000711"
DANCE, PERSON = "https://example.com/dance.mp4", "https://example.com/person.jpg"
MADE, OTHER = "https://cdn.example.net/made.mp4", "https://cdn.example.net/other.mp4"


LOOK = GetStudioSwap(feature="motionSwap", id=ID)
REQUEST = MotionSwap(video=DANCE, images=PERSON, model_name="some/model")


def read(data: Any) -> StudioSwap:
    body = json.dumps({"code": 1000, "msg": "OK", "data": data}).encode()
    return LOOK.decode(HttpResponse(status=200, headers={}, body=body))


def replied(**fields: Any) -> StudioSwap:
    return read({"_id": ID, "status": 3, "media_type": "video", **fields})


# Where the media is


@pytest.mark.parametrize(
    "name", ["url", "video_url", "image_url", "result_url", "output_url", "video", "image"]
)
def test_the_media_is_found_under_each_likely_name(name: str) -> None:
    result = replied(**{name: f" {MADE} "}).answering(REQUEST)
    assert (result.url, result.urls) == (MADE, (MADE,))


@pytest.mark.parametrize("wrapped", [lambda row: [row], lambda row: {"list": [row], "errors": []}])
@pytest.mark.parametrize("request_", [REQUEST, None])
def test_a_row_in_an_array_of_one_is_read_as_one_that_stands_alone(
    wrapped: Any, request_: MotionSwap | None
) -> None:
    row = {"_id": ID, "status": 3, "video": DANCE, "images": [PERSON], "result_url": MADE}
    result = read(wrapped(row))
    result = result.answering(request_) if request_ else result
    assert (result.id, result.status, result.urls) == (ID, Status.COMPLETED, (MADE,))


def test_looking_for_the_media_takes_few_steps() -> None:
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    replied(result_url=MADE)
    sys.setprofile(count)
    try:
        replied(result_url=MADE)
    finally:
        sys.setprofile(None)
    assert calls < 5000


@pytest.mark.parametrize("name", ["urls", "result_urls", "outputs", "images"])
@pytest.mark.parametrize("inside", [None, "url", "image_url", "result_url"])
def test_several_media_are_found_as_addresses_or_in_objects(name: str, inside: str | None) -> None:
    made = [f"https://cdn.example.net/{number}.png" for number in range(4)]
    items = [each if inside is None else {inside: each, "width": 9} for each in made]
    result = replied(**{name: items}).answering(REQUEST)
    assert result.url == made[0]
    assert result.urls == tuple(made)


def test_the_first_name_that_holds_an_address_is_the_primary_media() -> None:
    result = replied(url="", video_url=None, image_url=MADE, urls=[OTHER, MADE, "", None, "soon"])
    assert result.urls == (MADE, OTHER)


def test_media_is_found_one_object_deeper_too() -> None:
    assert replied(result={"video_url": MADE}).url == MADE
    assert read([{"_id": ID, "status": 3, "url": MADE}]).url == MADE


@pytest.mark.parametrize("status", [1, 2, 4, 9])
def test_no_address_is_shown_before_the_job_is_completed(status: int) -> None:
    result = replied(status=status, url=MADE)
    assert (result.url, result.urls, result.media_url) == ("", (), MADE)


# What is an input


def test_an_address_of_the_request_is_no_media_under_whatever_name() -> None:
    result = replied(url=DANCE, images=[PERSON], image=PERSON, output_url=MADE).answering(REQUEST)
    assert result.urls == (MADE,)
    assert result.inputs == (DANCE, PERSON)


def test_a_known_request_lets_media_be_found_under_the_name_of_a_parameter() -> None:
    result = replied(video=MADE, images=[PERSON])
    assert result.urls == ()  # nobody knows whether it is an input
    assert result.answering(REQUEST).urls == (MADE,)


def test_without_the_request_what_a_parameter_holds_is_an_input() -> None:
    result = replied(video=DANCE, images=[PERSON], url=DANCE, image_url=PERSON, result_url=MADE)
    assert result.urls == (MADE,)
    assert result.inputs is None


def test_what_no_result_is_named_like_is_always_an_input() -> None:
    result = replied(
        target_url=OTHER, mappings=[{"source_url": PERSON, "obj_id": 0}], url=OTHER, urls=[PERSON]
    )
    assert result.answering(REQUEST).urls == ()


def test_files_of_a_request_are_known_by_its_receipt(tmp_path: Path) -> None:
    film = tmp_path / "dance.mp4"
    film.write_bytes(b"\0\0\0\x18ftypmp42")
    with_file = MotionSwap(video=film, images=PERSON, model_name="some/model")
    result = replied(video=MADE, images=[PERSON])
    assert result.answering(with_file).urls == ()
    receipt = StudioSwap(id=ID).answering(REQUEST)  # as it was sent
    assert result.following(receipt).urls == (MADE,)


# The whole reply


def test_the_whole_reply_is_kept_as_text_and_as_a_dict() -> None:
    result = replied(url=MADE, unknown={"a": [1, "Grüße"]})
    assert json.loads(result.raw) == result.document
    assert result.document["unknown"] == {"a": [1, "Grüße"]}
    assert StudioSwap(id=ID).document == {}


def test_a_webhook_address_in_the_reply_is_not_kept() -> None:
    result = replied(url=MADE, webhookUrl="https://hooks.example/secret", x=[{"webhook_url": "s3"}])
    assert "hooks.example" not in result.to_json()
    assert result.document["x"] == [{}]


def test_a_result_is_the_same_after_json_a_pickle_and_the_journal() -> None:
    result = replied(video=MADE, images=[PERSON], progress=100).answering(REQUEST)
    assert StudioSwap.from_dict(json.loads(result.to_json())) == result
    assert pickle.loads(pickle.dumps(result)) == result
    assert msgspec.json.decode(msgspec.json.encode(result), type=StudioSwap) == result
    assert hash(result) == hash(msgspec.structs.replace(result))


def test_fields_of_another_type_cost_no_others() -> None:
    result = replied(
        status="3", deduction_credit="6", progress="all", task_id=5, url=[{"url": MADE}, 7]
    )
    assert result.status is Status.COMPLETED
    assert (result.deduction_credit, result.progress, result.task_id) == (6, None, "5")
    assert result.url == MADE


def test_a_reason_is_found_under_any_name() -> None:
    assert replied(status=4, fail_message="no face was found").reason == "no face was found"


def test_what_a_simulator_writes_is_read_back() -> None:
    written = GetStudioSwap.parse.encode(StudioSwap(id=ID, status=Status.COMPLETED, media=MADE))
    assert not {"raw", "inputs"} & written.keys()
    assert read(written).url == MADE


# A job


async def test_a_job_ends_with_the_media_and_the_whole_reply(
    serve: Serve, connect: Connect, tmp_path: Path
) -> None:
    async def answer(visit: Visit) -> None:
        row = {"_id": ID, "status": 1} if "create" in visit.target else completed
        await visit.say({"code": 1000, "msg": "OK", "data": row})

    completed = {"_id": ID, "status": 3, "video": MADE, "images": [PERSON]}
    server = await serve(answer)
    async with connect(server.url, journal=tmp_path / "jobs.sqlite") as akool:
        job = akool.submit(REQUEST, key="one")
        result = await job
        assert result.urls == (MADE,)
        assert result.document == completed
        assert (await akool.submit(REQUEST, key="one")).urls == (MADE,)
    async with connect(server.url, journal=tmp_path / "jobs.sqlite") as akool:
        stored = await akool.submit(REQUEST, key="one")
        assert stored == result


async def test_a_job_whose_media_is_not_found_waits_for_it_and_keeps_the_reply(
    serve: Serve, connect: Connect, clock: ManualClock, elapse: Elapse, tmp_path: Path
) -> None:
    looks = 0

    async def answer(visit: Visit) -> None:
        nonlocal looks
        looks += "detail" in visit.target
        row = {"_id": ID, "status": 3, "video": DANCE, "images": [PERSON], "film": MADE}
        created = {"_id": ID, "status": 1, "url": DANCE}
        await visit.say({"code": 1000, "data": row if "detail" in visit.target else created})

    server = await serve(answer)
    backoff = Backoff(initial=0.5, multiplier=1.2, maximum=2.0)
    async with connect(server.url, clock=clock, backoff=backoff) as akool:
        job = akool.submit(REQUEST)
        await elapse(clock, job.done)
        result = job.result()
        assert looks > 2
        assert (result.status, result.url) == (Status.COMPLETED, "")
        assert result.document["film"] == MADE
        with pytest.raises(DownloadError, match="`raw`") as refused:
            await result.save(tmp_path)
        assert refused.value.token == job.token


async def test_a_later_process_knows_the_request_from_the_journal(
    serve: Serve, connect: Connect, tmp_path: Path
) -> None:
    status = 2

    async def answer(visit: Visit) -> None:
        row = {"_id": ID, "status": 1 if "create" in visit.target else status, "video": MADE}
        await visit.say({"code": 1000, "msg": "OK", "data": row | {"images": [PERSON]}})

    server = await serve(answer)
    async with connect(server.url, journal=tmp_path / "jobs.sqlite") as akool:
        await akool.submit(REQUEST, key="one").created()
    status = 3
    async with connect(server.url, journal=tmp_path / "jobs.sqlite") as akool:
        job = akool.submit(REQUEST, key="one")
        result = await job
        assert job.receipt is None
        assert result.urls == (MADE,)
    assert sum("create" in visit.target for visit in server.visits) == 1


async def test_where_a_file_was_uploaded_to_is_no_media(
    serve: Serve, connect: Connect, tmp_path: Path
) -> None:
    class Shelf:
        async def upload(self, _file: object, /) -> str:
            return DANCE

    async def answer(visit: Visit) -> None:
        row = {"_id": ID, "status": 1 if "create" in visit.target else 3}
        row |= {"video": MADE, "url": DANCE, "images": [PERSON]}  # type: ignore[dict-item]
        await visit.say({"code": 1000, "msg": "OK", "data": row})

    film = tmp_path / "dance.mp4"
    film.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(100))
    server = await serve(answer)
    async with connect(server.url, uploads=Shelf()) as akool:
        result = await akool.submit(MotionSwap(video=film, images=PERSON, model_name="some/model"))
    assert result.urls == (MADE,)
