"""Cards of values in a notebook: what they show, and what they never show."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from aiohttp import web

from akool_async import Akool, Face, InvalidInput, Jobs, Status
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS, Faceswap, Image, ImageReage
from akool_async.endpoints.streaming import Session, SessionCredentials
from akool_async.notebook.display import html_of
from akool_async.simulator import Simulator

PHOTO = "https://photos.example/ann.jpg"
REAGE = ImageReage(target_image=[Face(PHOTO)], face_reage=10, modify_image=PHOTO)
HOSTILE = "\"><script>alert(1)</script>'"


async def test_the_card_of_a_job_goes_through_its_life(akool: Akool, clock: ManualClock) -> None:
    job = akool.submit(REAGE)
    assert "waiting for a place" in html_of(job) or "being created" in html_of(job)
    await job.created()
    assert "reage.image" in html_of(job)
    assert str(job.id) in html_of(job)
    assert " left<" in html_of(job)  # how long it still takes
    await clock.advance(60)
    result = await job
    for html in (html_of(job), html_of(result)):
        assert "COMPLETED" in html
        assert f'<img src="{result.url}"' in html
        assert "expire" in html


async def test_the_card_of_a_failed_job_says_why(
    simulator: Simulator, akool: Akool, clock: ManualClock
) -> None:
    simulator.world.behaviour = msgspec.structs.replace(simulator.world.behaviour, fail_rate=1.0)
    job = await akool.submit(REAGE).created()
    await clock.advance(60)
    await asyncio.gather(job, return_exceptions=True)
    reason = str(job.exception()).rpartition(": ")[2]
    assert "</span> failed</div>" in html_of(job)
    assert html_of(job).count(reason) == html_of(job.exception()).count(reason) == 1


async def test_several_jobs_of_one_call_have_a_card_each(akool: Akool) -> None:
    jobs = Jobs([akool.submit(REAGE), akool.submit(REAGE)])
    assert html_of(jobs) == html_of(jobs[0]) + html_of(jobs[1])


async def test_a_client_and_its_figures_have_cards_without_a_secret(
    simulator: Simulator, akool: Akool, clock: ManualClock
) -> None:
    await akool.submit(REAGE).created()
    await clock.advance(60)
    for shown in (akool, akool.stats):
        assert simulator.api_key not in html_of(shown)
    assert simulator.url in html_of(akool)
    assert "api key" in html_of(akool)
    assert "reage.image" in html_of(akool.stats)


async def test_a_page_is_a_table_of_the_fields_that_are_set(akool: Akool) -> None:
    voices = await akool.voice.video_translation()
    html = html_of(voices)
    assert html.count("<tr>") == 1 + len(voices)
    assert "simulated-voice-alma" in html
    assert "None" not in html


def test_a_result_with_several_media_shows_the_first_of_them() -> None:
    many = [f"https://cdn.example/{number}.png" for number in range(9)]
    image = Image(id="1", status=Status.COMPLETED, image=many[0], upscaled_urls=tuple(many))
    html = html_of(image)
    assert html.count("<img") == 4
    assert "and 5 more" in html


def test_an_error_shows_its_message_and_its_token() -> None:
    with pytest.raises(InvalidInput) as caught:
        TTS(input_text="", voice_id="v")
    caught.value.token = "akj1.abc"  # as the engine does
    html = html_of(caught.value)
    assert "InvalidInput" in html
    assert "akool.job(&#x27;akj1.abc&#x27;)" in html


def test_a_session_shows_its_channel_and_no_token() -> None:
    credentials = SessionCredentials(agora_channel="c-1", agora_token="canary")
    html = html_of(Session(id="1", status=Status.COMPLETED, credentials=credentials))
    assert "c-1" in html
    assert "canary" not in html


@pytest.mark.parametrize("address", [f"javascript:alert(1){HOSTILE}", f"https://x/{HOSTILE}.png"])
def test_a_hostile_reply_does_no_harm(address: str) -> None:
    result = Faceswap(id=HOSTILE, status=Status.COMPLETED, predicted_url=address)
    failed = Faceswap(id=HOSTILE, status=Status.FAILED, error_reason=HOSTILE)
    for html in (html_of(result), html_of(failed)):
        assert "<script" not in html
        assert 'href="javascript' not in html
        assert 'src="javascript' not in html


async def test_a_hostile_refusal_does_no_harm(simulator: Simulator, akool: Akool) -> None:
    async def refuse(_name: str, _request: web.Request) -> web.Response:
        return web.json_response({"code": 1003, "msg": HOSTILE})

    simulator.fault = refuse
    job = akool.submit(REAGE)
    await asyncio.gather(job, return_exceptions=True)
    assert "alert(1)" in html_of(job)
    assert "<script" not in html_of(job) + html_of(job.exception())


async def test_outside_of_ipython_a_job_is_shown_by_its_repr(
    akool: Akool, capsys: pytest.CaptureFixture[str]
) -> None:
    job = akool.submit(REAGE)
    job.show()
    assert capsys.readouterr().out.startswith("<Job reage.image not created: ")
