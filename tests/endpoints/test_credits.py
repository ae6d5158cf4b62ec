"""What a job costs: the price that is documented, and what Akool says of the job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner

from akool_async import JobFailed, Result, Status
from akool_async.cli.namespaces import commands_of
from akool_async.endpoints import (
    OPERATIONS,
    RECIPES,
    TTS,
    AnalyzeContent,
    Audio,
    ChangeVoice,
    CreateImage,
    Faceswap,
    Image,
    ImageToVideo,
    ImageToVideoBatch,
    SpeakingPhoto,
    SpeakText,
    TextToVideo,
    UpdateVideoAudio,
    Video,
)
from akool_async.protocol.endpoint import Operation, Recipe
from akool_async.protocol.price import Price, begun
from akool_async.simulator import Simulator
from tests.clients import Connect

STARTABLE: dict[str, type[Operation[Any] | Recipe[Any]]] = {**OPERATIONS, **RECIPES}
PRICED = {name: cls for name, cls in STARTABLE.items() if cls.price is not None}
DONE, FAILED, QUEUED = Status.COMPLETED, Status.FAILED, Status.QUEUED


# What a result says


@pytest.mark.parametrize(
    ("result", "credits", "final"),
    [
        (Image(status=DONE, deduction_credit=2), 2, True),
        (Image(status=QUEUED, deduction_credit=2), 2, False),
        (Image(status=FAILED, deduction_credit=0), 0, True),  # it was given back
        (Image(status=DONE), None, False),
        (Video(status=DONE, deduction_duration=15, deduction_lock_duration=100), 15, True),
        (Video(status=DONE, deduction_duration=0, deduction_lock_duration=100), 0, True),
        (Video(status=QUEUED, deduction_lock_duration=100), 100, False),
        (Video(status=DONE, deduction_lock_duration=10), 10, False),  # as lip syncs print it
        (Faceswap(status=DONE, deduction_status=1, deduction_duration=0), None, False),
        (Faceswap(status=DONE, deduction_status=2, deduction_duration=3.5), 3.5, True),
        (Audio(status=DONE), None, False),
    ],
)
def test_credits_are_those_that_were_charged_or_else_those_that_were_set_aside(
    result: Result, credits: float | None, *, final: bool
) -> None:
    assert result.credits == credits
    assert result.credits_are_final is final


def images(simulator: Simulator, *replies: dict[str, Any]) -> None:
    """Let a simulated Akool answer the create of an image, and then each look at it."""
    left = [{"_id": "6a0000000000000000000301"} | reply for reply in replies]

    async def answer(name: str, _request: web.Request) -> web.Response | None:
        if not name.startswith("image."):
            return None
        data = left.pop(0) if len(left) > 1 else left[0]
        return web.json_response({"code": 1000, "msg": "OK", "data": data})

    simulator.fault = answer


async def test_a_job_says_what_its_receipt_and_then_its_result_says(
    connect: Connect, quick: Simulator
) -> None:
    images(
        quick,
        {"image_status": 1, "deduction_credit": 3},
        {"image_status": 3, "image": "https://cdn.example/a.png", "deduction_credit": 2.5},
    )
    async with connect(quick) as akool:
        job = akool.image.generate(prompt="a lake")
        told = [job.credits, (await job.created()).credits, (await job).credits, job.credits]
        assert told == [None, 3, 2.5, 2.5]
        assert job.result().credits_are_final
        silent = akool.audio.tts(input_text="Hello", voice_id="v")
        await silent
        assert silent.credits is None


async def test_a_job_that_failed_says_what_was_given_back(
    connect: Connect, quick: Simulator
) -> None:
    images(
        quick,
        {"image_status": 1, "deduction_credit": 3},
        {"image_status": 4, "deduction_credit": 0},
    )
    async with connect(quick) as akool:
        job = akool.image.generate(prompt="a lake")
        with pytest.raises(JobFailed):
            await job
        assert job.credits == 0


# What a page says


def test_a_request_without_a_documented_price_has_no_estimate() -> None:
    assert TTS(input_text="Hello", voice_id="v").estimate() is None
    photo = "https://example.com/photo.png"
    recipe = SpeakingPhoto(input_text="Hello", voice_id="v", talking_photo_url=photo)
    assert recipe.estimate() is None


@pytest.mark.parametrize(
    ("kind", "content", "credits"),
    [
        (1, "https://host.example/a.jpg", 0.2),
        (2, "https://host.example/a.mp4", None),
        (3, "https://host.example/a.mp3", None),
        (4, "x", 0.1),
        (4, "x" * 600, 0.1),
        (4, "x" * 1801, 0.4),
        (4, "https://host.example/a.txt", None),
        (4, Path("a.txt"), None),
    ],
)
def test_a_moderation_costs_what_its_page_says_of_its_kind(
    kind: int, content: Any, credits: float | None
) -> None:
    assert AnalyzeContent(content=content, type=kind, language="en").estimate() == credits


PICTURE: dict[str, Any] = {"image_url": "https://host.example/a.png", "prompt": "it rains"}


@pytest.mark.parametrize(
    ("request_", "credits"),
    [
        (ImageToVideo(**PICTURE, resolution="720p", audio_type=3, video_length=5), 20),
        (ImageToVideo(**PICTURE, resolution="1080p", audio_type=1, video_length=10), 50),
        (ImageToVideo(**PICTURE, resolution="480p", audio_type=3, video_length=5), None),
        (ImageToVideoBatch(**PICTURE, resolution="4k", video_length=5), 30),
        (ImageToVideoBatch(**PICTURE, resolution="4k", video_length=10, generate_audio=True), 75),
        (ImageToVideoBatch(**PICTURE, model_name="kwaivgi/kling-v3.0-std", video_length=5), None),
        (
            ImageToVideoBatch(
                **PICTURE, model_name="AkoolImage2VideoFastV1", resolution="720p", video_length=7
            ),
            40,
        ),
        (TextToVideo(prompt="rain", resolution="720p", video_length=5), 20),
        (UpdateVideoAudio(pre_video_id="6a0000000000000000000201", audio_type=1), 10),
        (SpeakText(input_text="x" * 117, voice_id="v"), 0.5148),  # as a reply of its page prints
        (CreateImage(prompt="rain"), 1),
        (ChangeVoice(voice_id="v", source_voice_file="https://host.example/a.mp3"), None),
    ],
)
def test_newer_requests_cost_what_their_pages_print_for_the_dearest_plan(
    request_: Any, credits: float | None
) -> None:
    assert request_.estimate() == credits


@pytest.mark.parametrize(("length", "units"), [(0, 0), (0.1, 1), (5, 1), (5.001, 2), (12, 3)])
def test_a_unit_that_was_begun_is_paid_whole(length: float, units: int) -> None:
    assert begun(length, 5) == units


@pytest.mark.parametrize("name", PRICED)
def test_a_price_names_its_page_and_day_and_the_reference_shows_it(name: str) -> None:
    price = PRICED[name].price
    assert isinstance(price, Price)
    assert price.page in {PRICED[name].docs, *getattr(PRICED[name], "also_in", ())}
    assert len(price.date) == len("2026-05-18")
    namespace = name.partition(".")[0]
    page = (Path(__file__).parents[2] / f"docs/reference/{namespace}.md").read_text("utf-8")
    section = page.partition(f"## akool.{name}\n")[2].partition("\n## ")[0]
    assert f"- documented price: {price.says} (" in section
    assert (f"- observed price: {price.observed}" if price.observed else "nobody has") in section


# What the command says before it pays


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run `akool moderation analyze` against a simulated Akool."""
    with Simulator(pace=0.02).in_thread() as simulator:
        monkeypatch.setenv("AKOOL_BASE_URL", simulator.url)
        monkeypatch.setenv("AKOOL_API_KEY", simulator.api_key)
        yield lambda *words: CliRunner().invoke(
            commands_of("moderation").commands["analyze"], words
        )


def test_the_command_says_the_documented_price_on_stderr_alone(
    command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--content", "https://host.example/a.jpg", "--type", "1", "--json")
    ended = command(*words)
    told = "0.2 credits by Akool's documentation; "
    assert ended.stderr == told + "what is charged may differ\n"
    assert "documentation" not in ended.stdout
    assert AnalyzeContent.price is not None
    paid = Price(says="", page="", date="", credits=lambda _: 0.2, observed="9 for it")
    monkeypatch.setattr(AnalyzeContent, "price", paid)
    assert command(*words).stderr == told + "accounts paid 9 for it\n"
    video = ("--content", "https://host.example/a.mp4", "--type", "2", "--language", "en")
    monkeypatch.undo()
    assert "documentation" not in command(*video).stderr


def test_help_says_the_documented_price(command: Callable[..., Any]) -> None:
    assert "Documented price: 0.2 credits for an image" in " ".join(
        command("--help").stdout.split()
    )
