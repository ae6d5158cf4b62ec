"""Image to video and text to video: their checks, their replies, and what they cost in requests."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from akool_async import (
    Akool,
    APIError,
    CreateOutcomeUnknown,
    InsufficientCredit,
    InvalidInput,
    Status,
)
from akool_async.endpoints import (
    AudioType,
    ImageToVideo,
    ImageToVideoBatch,
    Shot,
    TextToVideo,
    UpdateVideoAudio,
)
from akool_async.journal import Journal, State
from akool_async.simulator import Simulator
from tests.creates import is_create

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients import Connect
    from tests.servers import Serve, Visit

STILL = "https://media.example/still.png"
TRACK = "https://media.example/track.mp3"
ONE, TWO = "6a0000000000000000000211", "6a0000000000000000000212"


def single(**fields: Any) -> ImageToVideo:
    usual = {"image_url": STILL, "resolution": "720p", "audio_type": 3, "video_length": 5}
    return ImageToVideo(**(usual | {"prompt": "slow push in"} | fields))


def batch(**fields: Any) -> ImageToVideoBatch:
    usual = {"image_url": STILL, "prompt": "slow push in", "resolution": "720p", "video_length": 5}
    return ImageToVideoBatch(**(usual | fields))


def text(**fields: Any) -> TextToVideo:
    return TextToVideo(**({"prompt": "a lake at sunset"} | fields))


def sound(**fields: Any) -> UpdateVideoAudio:
    return UpdateVideoAudio(**({"pre_video_id": ONE} | fields))


def body_of(request: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(request.encode().body)
    return body


# What is refused before the network


@pytest.mark.parametrize(
    ("build", "fields", "field", "words"),
    [
        (single, {"effect_code": "squish_1"}, "effect_code", "an effect ignores a prompt"),
        (single, {"prompt": ""}, "prompt", "exactly one of prompt and effect_code"),
        (single, {"audio_type": 2}, "audio_url", "audio_type 2"),
        (single, {"audio_type": 3, "audio_url": TRACK}, "audio_url", "audio_type 2"),
        (single, {"audio_type": 4}, "audio_type", "must be one of 1, 2, 3"),
        (single, {"video_length": 7}, "video_length", "must be one of 5, 10"),
        (single, {"resolution": "720"}, "resolution", "write 720p"),
        (single, {"resolution": "720P"}, "resolution", "write 720p"),
        (single, {"resolution": "4K"}, "resolution", "write 4k"),
        (single, {"resolution": ""}, "resolution", "with its unit"),
        (batch, {"resolution": "1080P"}, "resolution", "write 1080p"),
        (batch, {"resolution": None}, "resolution", "is required without model_name"),
        (batch, {"prompt": ""}, "prompt", "must not be empty"),
        (batch, {"video_length": 0}, "video_length", "must be at least 1"),
        (batch, {"count": 2}, "count", "one request is one job"),
        (batch, {"multi_prompt": []}, "multi_prompt", "must hold 1 to 5 shots"),
        (
            *(batch, {"multi_prompt": [{"duration": 1, "prompt": "a"}] * 6, "video_length": 6}),
            *("multi_prompt", "must hold 1 to 5 shots"),
        ),
        (
            *(batch, {"multi_prompt": [Shot(duration=2, prompt="a")]}),
            *("multi_prompt", "must add up to video_length, which is 5"),
        ),
        (text, {"prompt": "x" * 5001}, "prompt", "must hold 1 to 5000 characters"),
        (text, {"prompt": ""}, "prompt", "must hold 1 to 5000 characters"),
        (text, {"negative_prompt": "x" * 1001}, "negative_prompt", "at most 1000 characters"),
        (text, {"webhook_url": f"{STILL}?{'x' * 2048}"}, "webhook_url", "at most 2048"),
        (text, {"count": 10}, "count", "one request is one job"),
        (sound, {"audio_type": 3}, "audio_type", "must be one of 1, 2"),
        (sound, {"audio_type": 2}, "audio_url", "audio_type 2"),
        (sound, {"audio_type": 1, "audio_url": TRACK}, "audio_url", "audio_type 2"),
    ],
)
def test_what_akool_would_refuse_or_ignore_is_refused_with_its_rule(
    build: Any, fields: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        build(**fields)
    assert caught.value.field == field
    assert words in str(caught.value)


@pytest.mark.parametrize("resolution", ["480p", "720p", "1080p", "4k", "auto", "1280x720"])
def test_other_words_for_a_resolution_stay_open(resolution: str) -> None:
    assert batch(resolution=resolution).resolution == resolution


def test_a_model_may_have_no_resolution() -> None:
    assert "resolution" not in body_of(batch(resolution=None, model_name="kling"))


# What is sent


def test_an_effect_is_sent_with_an_empty_prompt_since_both_fields_are_required() -> None:
    sent = body_of(single(prompt="", effect_code="squish_1"))
    assert (sent["prompt"], sent["effect_code"]) == ("", "squish_1")
    assert sent["negative_prompt"] == ""


@pytest.mark.parametrize("build", [single, batch, text])
def test_the_webhook_has_the_name_of_these_pages(build: Any) -> None:
    sent = body_of(build(webhook_url="https://media.example/hook"))
    assert sent["webhookurl"] == "https://media.example/hook"
    assert "webhookUrl" not in sent


@pytest.mark.parametrize("build", [batch, text])
def test_one_request_asks_for_one_video(build: Any) -> None:
    assert body_of(build())["count"] == 1


def test_the_sound_may_be_named_by_a_member_or_its_number() -> None:
    assert body_of(single(audio_type=AudioType.AI)) == body_of(single(audio_type=1))


# What is answered


def said(rows: list[str], refusals: list[Any]) -> bytes:
    data = {"successList": [{"_id": each, "status": 1} for each in rows], "errorList": refusals}
    return json.dumps({"code": 1000, "msg": "OK", "data": data}).encode()


def answering(body: bytes) -> Any:
    async def answer(visit: Visit) -> None:
        assert is_create(visit.method, visit.target)
        await visit.answer(body, content_type="application/json")

    return answer


@pytest.mark.parametrize("build", [batch, text])
async def test_two_videos_for_one_request_are_in_doubt_and_both_are_named(
    build: Any, serve: Serve, connect: Connect, path: Path
) -> None:
    server = await serve(answering(said([ONE, TWO], [])))
    async with connect(server.url, journal=path) as akool:
        with pytest.raises(CreateOutcomeUnknown, match=TWO) as caught:
            await akool.submit(build(), key="one")
    assert caught.value.ids == (ONE, TWO)
    entry = Journal.reader(path).find("one")
    assert entry is not None
    assert entry.state is State.UNKNOWN
    assert ONE in entry.reason
    assert TWO in entry.reason


@pytest.mark.parametrize("build", [batch, text])
async def test_no_video_and_a_refusal_is_a_refusal(
    build: Any, serve: Serve, connect: Connect
) -> None:
    server = await serve(answering(said([], [{"code": 1006, "msg": "no quota"}])))
    async with connect(server.url) as akool:
        with pytest.raises(InsufficientCredit, match="no quota"):
            await akool.submit(build())


@pytest.mark.parametrize("build", [batch, text])
async def test_no_video_and_refusals_in_words_are_a_refusal(
    build: Any, serve: Serve, connect: Connect
) -> None:
    server = await serve(answering(said([], ["the model is busy"])))
    async with connect(server.url) as akool:
        with pytest.raises(APIError, match="the model is busy"):
            await akool.submit(build())


@pytest.mark.parametrize("build", [batch, text])
async def test_neither_video_nor_refusal_is_in_doubt(
    build: Any, serve: Serve, connect: Connect
) -> None:
    server = await serve(answering(said([], [])))
    async with connect(server.url) as akool:
        with pytest.raises(CreateOutcomeUnknown) as caught:
            await akool.submit(build())
    assert caught.value.ids == ()


class Vague:
    """Starts a job, refuses to say how it is in words that say nothing, and shows it at last."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.asked: list[Any] = []

    async def __call__(self, visit: Visit) -> None:
        if is_create(visit.method, visit.target):
            body: Any = {"code": 1000, "msg": "OK", "data": {"_id": ONE, "status": 1}}
        else:
            self.asked.append(json.loads(visit.body)["_ids"])
            row = {"_id": ONE, "status": 3, "video_url": "https://media.example/made.mp4"}
            body = {"code": 1000, "msg": "OK", "data": {"result": [row]}}
            if len(self.asked) == 1:
                body["data"]["result"] = []
            elif len(self.asked) <= self.refusals:
                body = {"code": 1003, "msg": "Failed to get results"}
        await visit.answer(json.dumps(body).encode(), content_type="application/json")


async def test_a_missing_row_and_a_vague_refusal_end_no_job(serve: Serve, connect: Connect) -> None:
    server = Vague(4)
    async with connect((await serve(server)).url) as akool:
        video = await akool.submit(single())
    assert video.url == "https://media.example/made.mp4"
    assert server.asked == [ONE] * 5


async def test_a_completed_video_without_an_address_is_not_there_yet(
    serve: Serve, connect: Connect
) -> None:
    looks = iter([{}, {"video_url": None}, {"video_url": "https://media.example/made.mp4"}])

    async def answer(visit: Visit) -> None:
        row: dict[str, Any] = {"_id": ONE, "status": 1}
        data: Any = row
        if not is_create(visit.method, visit.target):
            data = {"result": [row | {"status": 3} | next(looks)]}
        body = json.dumps({"code": 1000, "msg": "OK", "data": data}).encode()
        await visit.answer(body, content_type="application/json")

    async with connect((await serve(answer)).url) as akool:
        video = await akool.submit(single())
    assert (video.status, video.url) == (Status.COMPLETED, "https://media.example/made.mp4")


# At the simulated Akool


async def test_effects_are_listed_and_made(quick: Simulator, connect: Connect) -> None:
    async with connect(quick) as akool:
        effects = await akool.image2video.effects()
        video = await akool.submit(single(prompt="", effect_code=effects[0].effect_code))
    assert video.effect_code == effects[0].effect_code
    assert video.url


async def test_sound_is_added_as_a_new_job(quick: Simulator, connect: Connect) -> None:
    async with connect(quick) as akool:
        silent = await akool.submit(single())
        video = await akool.image2video.audio(pre_video_id=silent.id, audio_type=1)
    assert video.id != silent.id
    assert video.pre_video_id == silent.id


async def test_a_video_that_is_being_made_is_not_deleted_and_the_reply_says_so(
    akool: Akool, simulator: Simulator
) -> None:
    job = await akool.submit(single()).created()
    done = await akool.submit(single(prompt="pan left")).created()
    simulator.world.jobs[done.id or ""] = msgspec.structs.replace(
        simulator.world.jobs[done.id or ""], duration=0.0
    )
    reply = await akool.image2video.delete(ids=[job.id or "", done.id or ""])
    assert reply.success_ids == (done.id,)
    (kept,) = reply.no_permission_items
    assert kept.id == job.id
    assert "processing" in kept.msg
    (row,) = await akool.image2video.results(ids=[job.id or "", done.id or ""])
    assert (row.id, row.video_url) == (job.id, "")


async def test_results_of_many_ids_are_asked_for_in_parts(
    akool: Akool, simulator: Simulator
) -> None:
    assert await akool.image2video.results(ids=[f"{n:024x}" for n in range(501)]) == ()
    assert simulator.requests["image2video.results"] == 2


@pytest.mark.parametrize("at_once", [100, 500])
async def test_500_videos_take_few_requests(at_once: int) -> None:
    async with (
        Simulator(pace=0.5) as simulator,
        Akool(simulator.api_key, base_url=simulator.url, max_concurrency=at_once) as akool,
    ):
        jobs = [akool.submit(single(prompt=f"shot {number}")) for number in range(500)]
        await asyncio.gather(*jobs)
    assert simulator.requests["image2video.create"] == 500
    assert sum(simulator.requests.values()) <= 1.15 * 500
