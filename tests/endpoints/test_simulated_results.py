"""What simulated jobs end as: as much as Akool's own say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, cast

import pytest

from akool_async import Akool, Operation, Status
from akool_async.endpoints import OPERATIONS, Button, ContentType, GenerateImage
from akool_async.result import Result
from akool_async.simulator import Simulator

if TYPE_CHECKING:
    from tests.conftest import Example

Connect = Callable[..., Akool]

PICTURE = "https://media.example/a.png"
MOVIE = "https://media.example/a.mp4"
SPEECH = "https://media.example/a.mp3"


@pytest.fixture
async def akool(quick: Simulator, connect: Connect) -> AsyncIterator[Akool]:
    async with connect(quick) as client:
        yield client


@pytest.mark.parametrize("name", OPERATIONS)
async def test_every_operation_runs_to_its_end(name: str, akool: Akool, example: Example) -> None:
    job: Any = akool.submit(cast("Operation[Any]", example(name)))
    result: Result = await job
    assert type(result) is OPERATIONS[name].family.result
    assert (result.id, result.status) == (job.id, Status.COMPLETED)
    assert bool(result.url) is bool(OPERATIONS[name].family.result.media_field)


async def test_a_generated_image_names_its_prompt_and_buttons_once_it_is_there(
    simulator: Simulator,
) -> None:
    async with Akool(simulator.api_key, base_url=simulator.url) as akool:
        job = await akool.image.generate(prompt="a red fox").created()
        assert job.receipt is not None
        assert job.receipt.buttons == ()
        image = await akool.image.get(id=job.id or "")
        assert (image.status, image.buttons, image.origin_prompt) == (Status.QUEUED, (), "")


async def test_a_completed_image_names_its_prompt_and_buttons(akool: Akool) -> None:
    image = await akool.submit(GenerateImage(prompt="a red fox"))
    assert image.buttons == tuple(button.value for button in Button)
    assert (image.prompt, image.origin_prompt) == ("a red fox", "a red fox")


@pytest.mark.parametrize(
    ("content", "conclusion"),
    [
        ("a sunny day", "Compliant"),
        ("a scene of violence", "Non-Compliant"),
        ("https://media.example/handgun.png", "Non-Compliant"),
    ],
)
async def test_a_verdict_depends_on_the_content(
    content: str, conclusion: str, akool: Akool
) -> None:
    verdict = await akool.moderation.analyze(content=content, type=ContentType.TEXT)
    assert (verdict.final_conclusion, verdict.compliant) == (conclusion, conclusion == "Compliant")
    assert verdict.result.endswith(f"Result: {conclusion}")
    assert (verdict.type, verdict.url) == (4, "")
    assert (await akool.moderation.get(id=verdict.id)).result == verdict.result


async def test_a_verdict_that_is_not_there_is_unknown(simulator: Simulator) -> None:
    async with Akool(simulator.api_key, base_url=simulator.url) as akool:
        job = await akool.moderation.analyze(content="violence", type=4).created()
        verdict = await akool.moderation.get(id=job.id or "")
        assert (verdict.final_conclusion, verdict.result, verdict.compliant) == ("", "", None)


async def test_an_upload_keeps_the_name_that_it_was_given(akool: Akool) -> None:
    avatar = await akool.avatar.upload(url=MOVIE, avatar_id="Alma1", type=2)
    assert (avatar.avatar_id, avatar.type) == ("Alma1", 2)
    assert (await akool.avatar.get(id=avatar.id)).url == avatar.url


async def test_a_translation_names_its_languages(akool: Akool) -> None:
    video = await akool.video.translate(
        url=MOVIE, source_language="en", language="fr", lipsync=True
    )
    assert (video.source_language, video.language, video.lipsync) == ("en", "fr", True)
