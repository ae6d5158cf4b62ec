"""What models can do, asked for once, and held against requests."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from akool_async import Akool, InvalidInput
from akool_async.endpoints import (
    CharacterSwap,
    ImageToVideo,
    ImageToVideoBatch,
    ListModels,
    Model,
    ModelAudio,
    ModelResolution,
    ModelType,
    TextToVideo,
)
from akool_async.simulator import Simulator

if TYPE_CHECKING:
    from tests.clients import Connect

STILL = "https://media.example/still.png"
FAST = "AkoolImage2VideoFastV1"
KLING = "kwaivgi/kling-v3.0-std/image-to-video"
UPPER = tuple(ModelResolution(value=each) for each in ("720P", "1080P"))


def asked(**fields: Any) -> ImageToVideoBatch:
    usual: dict[str, Any] = {
        "image_url": STILL,
        "prompt": "slow push in",
        "resolution": "720p",
        "video_length": 5,
    }
    return ImageToVideoBatch(**(usual | {"model_name": "a-model"} | fields))


def model(**facts: Any) -> Model:
    usual: dict[str, Any] = {
        "value": "a-model",
        "type": 1501,
        "resolution_list": (ModelResolution(value="720p"), ModelResolution(value="1080p")),
        "duration_list": (5, 10),
        "supported_last_frame": False,
        "supported_extend_prompt": False,
        "max_count": 4,
    }
    return Model(**(usual | facts))


@pytest.mark.parametrize(
    ("facts", "fields", "field", "words"),
    [
        ({}, {"resolution": "4k"}, "resolution", "must be one of 720p, 1080p"),
        ({"resolution_list": UPPER}, {}, "resolution", "must be one of 720P, 1080P"),
        ({}, {"resolution": None}, "resolution", "must be one of 720p, 1080p"),
        ({"resolution_list": ()}, {}, "resolution", "must be left out"),
        ({}, {"video_length": 7}, "video_length", "must be one of 5, 10 seconds"),
        ({}, {"last_image_url": STILL}, "last_image_url", "no last frame"),
        ({}, {"extend_prompt": True}, "extend_prompt", "must be left out"),
        ({}, {"generate_audio": True}, "generate_audio", "makes no sound"),
        ({}, {"generate_audio": False}, "generate_audio", "makes no sound"),
        ({"generate_audio": False}, {"generate_audio": True}, "generate_audio", "makes no sound"),
        ({"generate_audio": ModelAudio(required=True)}, {}, "generate_audio", "is required"),
        ({"max_count": 0}, {}, "count", "must be at most 0"),
        ({"value": "another"}, {}, "model_name", "must be this model"),
    ],
)
def test_what_a_model_cannot_do_is_refused_with_field_rule_and_model(
    facts: dict[str, Any], fields: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        model(**facts).check(asked(**fields))
    assert caught.value.field == field
    assert words in str(caught.value)
    assert facts.get("value", "a-model") in str(caught.value)


@pytest.mark.parametrize(
    ("facts", "fields"),
    [
        ({}, {}),
        ({"resolution_list": ()}, {"resolution": None}),
        ({"duration_list": ()}, {"video_length": 7}),
        ({"supported_last_frame": True}, {"last_image_url": STILL}),
        ({"supported_last_frame": None}, {"last_image_url": STILL}),
        ({"supported_extend_prompt": True}, {"extend_prompt": True}),
        ({}, {"extend_prompt": False}),
        ({"generate_audio": True}, {"generate_audio": True}),
        ({"generate_audio": False}, {"generate_audio": False}),
        ({"generate_audio": ModelAudio(required=False)}, {"generate_audio": True}),
        ({"generate_audio": ModelAudio(required=True, default=True)}, {}),
        ({"max_count": None}, {}),
    ],
)
def test_what_a_model_can_do_passes(facts: dict[str, Any], fields: dict[str, Any]) -> None:
    model(**facts).check(asked(**fields))


@pytest.mark.parametrize("wrong", [{"model_name": "a-model"}, "a-model", None])
async def test_what_is_no_request_is_never_taken_for_checked(
    wrong: Any, quick: Simulator, connect: Connect
) -> None:
    with pytest.raises(InvalidInput, match="must be a request"):
        model().check(wrong)
    async with connect(quick) as akool:
        with pytest.raises(InvalidInput, match="must be a request"):
            await akool.models.check(wrong)


async def test_a_swap_s_model_is_not_compared_and_that_is_said(
    quick: Simulator, connect: Connect
) -> None:
    swap: Any = CharacterSwap(
        image=STILL, video="https://media.example/a.mp4", model_name="wavespeed-ai/wan-2.2/animate"
    )
    async with connect(quick) as akool:
        with pytest.raises(InvalidInput, match=r"is not compared with models\.list") as caught:
            await akool.models.check(swap)
    assert caught.value.field == "model_name"
    assert not quick.requests


def test_a_text_may_leave_resolution_and_length_to_akool() -> None:
    model(type=1502).check(TextToVideo(prompt="a lake", model_name="a-model"))


def test_types_are_members_or_numbers_and_a_new_number_is_taken() -> None:
    by_name = ListModels(types=[ModelType.IMAGE_TO_VIDEO, ModelType.TEXT_TO_VIDEO])
    assert by_name == ListModels(types=(1501, 1502))
    assert by_name.encode().path.endswith("/v4/aigModel/list?types[]=1501&types[]=1502")
    assert ListModels(types=[1503]).types == (1503,)
    with pytest.raises(InvalidInput, match="at least one type"):
        ListModels(types=[])


# A client asks once


async def test_the_models_are_asked_for_once_and_again_when_they_are_forgotten(
    quick: Simulator, connect: Connect
) -> None:
    async with connect(quick) as akool:
        first, second = await asyncio.gather(*(akool.models.list(types=[1501]) for _ in range(2)))
        assert first is second
        assert await akool.models.list(types=(ModelType.IMAGE_TO_VIDEO,)) is first
        assert quick.requests["models.list"] == 1
        assert await akool.models.list(types=[1501, 1502]) != first
        assert quick.requests["models.list"] == 2
        akool.models.forget()
        assert await akool.models.list(types=[1501]) == first
    assert quick.requests["models.list"] == 3


async def test_a_client_checks_many_requests_with_one_list(
    quick: Simulator, connect: Connect
) -> None:
    good = asked(model_name=FAST)
    silent = asked(model_name=KLING, resolution=None, video_length=7)
    async with connect(quick) as akool:
        found = await asyncio.gather(*map(akool.models.check, [good, silent] * 10))
        assert [each and each.value for each in found] == [FAST, KLING] * 10
        with pytest.raises(InvalidInput, match=f"(?s)must be left out.*{KLING}"):
            await akool.models.check(asked(model_name=KLING))
        with pytest.raises(InvalidInput, match=f"must be a model of type 1501: {FAST}"):
            await akool.models.check(asked(model_name="seedance"))
        assert await akool.models.check(asked(model_name=None)) is None
    assert quick.requests == {"models.list": 1}


async def test_no_model_is_asked_for_before_a_create(quick: Simulator, connect: Connect) -> None:
    single = ImageToVideo(
        image_url=STILL, prompt="x", resolution="720p", audio_type=3, video_length=5
    )
    async with connect(quick) as akool:
        await akool.submit(asked(model_name="of tomorrow"))
        await akool.submit(single)
        await akool.submit(TextToVideo(prompt="a lake", model_name="of tomorrow"))
    assert quick.requests["models.list"] == 0


def test_a_second_event_loop_of_a_client_asks_no_more() -> None:
    with Simulator().in_thread() as simulator:
        akool = Akool(simulator.api_key, base_url=simulator.url)

        async def work() -> None:
            async with akool:
                await asyncio.gather(*(akool.models.list(types=[1501]) for _ in range(3)))

        asyncio.run(work())
        asyncio.run(work())
        assert simulator.requests["models.list"] == 1
