"""Recipes under a key: each paid step has a row, and nothing is paid for twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from akool_async import (
    Akool,
    Backoff,
    ClientClosed,
    InvalidRequest,
    JobCancelled,
    JobTimeout,
    KeyConflict,
)
from akool_async.endpoints import AgeFaces, SpeakingPhoto, SwapFaces
from akool_async.journal import Journal, State
from akool_async.simulator import Simulator
from tests.clients import hold

Connect = Callable[..., Akool]
Until = Callable[[Callable[[], object]], Awaitable[None]]

PHOTO = "https://media.example/photo.png"


def speaking(photo: str = PHOTO, text: str = "hello there") -> SpeakingPhoto:
    return SpeakingPhoto(talking_photo_url=photo, input_text=text, voice_id="voice-nicole")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite"


async def rows(path: Path) -> dict[str | None, tuple[str, State]]:
    """Return each row's operation and state, by its key."""
    opened = Journal(path)
    try:
        return {entry.key: (entry.name, entry.state) for entry in opened.entries()}
    finally:
        await opened.close()


def refuse(simulator: Simulator, name: str) -> None:
    async def answer(asked: str, _request: web.Request) -> web.Response | None:
        refused = {"code": 1003, "msg": "Parameter error"}
        return web.json_response(refused) if asked == name else None

    simulator.fault = answer


def renew_crops(simulator: Simulator) -> None:
    """Let detection make other crops each time, as Akool does."""
    serial = iter(range(1000))

    async def answer(asked: str, _request: web.Request) -> web.Response | None:
        if asked != "faceswap.detect":
            return None
        crop = f"https://crops.example/{next(serial)}.png"
        frame = {"region": [[1, 2, 3, 4]], "face_urls": [crop], "crop_landmarks": ["1,2:3,4"]}
        return web.json_response({"error_code": 0, "faces_obj": {"0": frame}})

    simulator.fault = answer


async def test_each_paid_step_has_a_row_of_its_own(
    quick: Simulator, connect: Connect, journal: Path
) -> None:
    async with connect(quick, journal=journal) as akool:
        job = akool.submit(speaking(), key="K")
        video = await job
        assert video.url
        assert job.id == video.id
    assert await rows(journal) == {
        "K/1": ("audio.tts", State.COMPLETED),
        "K/2": ("video.talking_photo", State.COMPLETED),
    }


async def test_a_recipe_of_one_paid_step_has_one_row(
    quick: Simulator, connect: Connect, journal: Path
) -> None:
    async with connect(quick, journal=journal) as akool:
        await akool.submit(AgeFaces(PHOTO), key="K")
        await akool.submit(SwapFaces(source=PHOTO, target=PHOTO))
    assert await rows(journal) == {
        "K/1": ("reage.image", State.COMPLETED),
        None: ("faceswap.image", State.COMPLETED),
    }


async def test_the_same_key_is_the_same_job_while_it_runs(
    quick: Simulator, connect: Connect, journal: Path
) -> None:
    async with connect(quick, journal=journal) as akool:
        first = akool.submit(speaking(), key="K")
        second = akool.submit(speaking(), key="K")
        assert await first is await second
        third = akool.submit(speaking(), key="K")
        assert await third is await first
    assert quick.world.creates == {"audio.tts": 1, "video.talking_photo": 1}


async def test_a_key_whose_job_was_forgotten_is_still_one_payment(
    quick: Simulator, connect: Connect, journal: Path
) -> None:
    async with connect(quick, journal=journal) as akool:
        video = await akool.submit(speaking(), key="K")
        assert await akool.submit(speaking(), key="K") == video
    assert quick.world.creates == {"audio.tts": 1, "video.talking_photo": 1}


async def test_a_key_is_one_payment_in_the_next_process_too(
    quick: Simulator, connect: Connect, journal: Path
) -> None:
    async with connect(quick, journal=journal) as akool:
        video = await akool.submit(speaking(), key="K")
        speech = await akool.submit(AgeFaces(PHOTO), key="L")
    async with connect(quick, journal=journal) as akool:
        assert await akool.submit(speaking(), key="K") == video
        assert await akool.submit(AgeFaces(PHOTO), key="L") == speech
    assert quick.world.creates == {"audio.tts": 1, "video.talking_photo": 1, "reage.image": 1}


@pytest.mark.parametrize("held", ["audio.get", "video.get"])
async def test_a_recipe_broken_off_by_closing_is_taken_up_where_it_was(
    held: str,
    quick: Simulator,
    connect: Connect,
    journal: Path,
    until: Until,
) -> None:
    gate = asyncio.Event()
    hold(quick, held, gate)
    akool = connect(quick, journal=journal)
    job = akool.submit(speaking(), key="K")
    await until(lambda: quick.requests[held])
    await akool.close()
    with pytest.raises(ClientClosed):
        await job
    gate.set()
    quick.fault = None
    async with connect(quick, journal=journal) as another:
        assert (await another.submit(speaking(), key="K")).url
    assert quick.world.creates == {"audio.tts": 1, "video.talking_photo": 1}


async def test_after_a_refusal_only_the_refused_step_is_sent_again(
    quick: Simulator, connect: Connect, journal: Path
) -> None:
    refuse(quick, "video.talking_photo")
    async with connect(quick, journal=journal) as akool:
        with pytest.raises(InvalidRequest) as caught:
            await akool.submit(speaking(), key="K")
        assert len(caught.value.steps) == 1
        quick.fault = None
        assert (await akool.submit(speaking(), key="K")).url
    assert quick.world.creates == {"audio.tts": 1, "video.talking_photo": 1}
    assert quick.requests["audio.tts"] == 1
    assert quick.requests["video.talking_photo"] == 2


async def test_a_step_that_ran_out_of_time_is_watched_on_and_not_paid_again(
    quick: Simulator, connect: Connect, journal: Path
) -> None:
    gate = asyncio.Event()
    hold(quick, "video.get", gate)
    async with connect(quick, journal=journal, job_timeout={"video.talking_photo": 0.05}) as akool:
        with pytest.raises(JobTimeout) as caught:
            await akool.submit(speaking(), key="K")
        assert caught.value.steps
        gate.set()
        quick.fault = None
        assert (await akool.submit(speaking(), key="K", timeout=None)).url
    assert quick.world.creates == {"audio.tts": 1, "video.talking_photo": 1}


# Another request under the same key


async def test_another_request_under_a_key_is_refused_in_this_process(
    quick: Simulator, connect: Connect, journal: Path
) -> None:
    async with connect(quick, journal=journal) as akool:
        job = akool.submit(speaking(), key="K")
        for other in (speaking(text="something else"), speaking("https://media.example/b.png")):
            with pytest.raises(KeyConflict):
                await akool.submit(other, key="K")
        with pytest.raises(KeyConflict):
            await akool.submit(AgeFaces(PHOTO), key="K")
        await job
    assert quick.world.creates == {"audio.tts": 1, "video.talking_photo": 1}


@pytest.mark.parametrize(
    "other", [speaking(text="something else"), speaking("https://media.example/b.png")]
)
async def test_another_request_under_a_key_is_never_paid_for_in_the_next(
    other: SpeakingPhoto, quick: Simulator, connect: Connect, journal: Path
) -> None:
    async with connect(quick, journal=journal) as akool:
        await akool.submit(speaking(), key="K")
    async with connect(quick, journal=journal) as akool:
        with pytest.raises(KeyConflict):
            await akool.submit(other, key="K")
    assert quick.world.creates == {"audio.tts": 1, "video.talking_photo": 1}


async def test_a_key_needs_a_journal(quick: Simulator, connect: Connect) -> None:
    async with connect(quick) as akool:
        with pytest.raises(ValueError, match="journal"):
            akool.submit(speaking(), key="K")
    assert quick.requests.total() == 0


# Taken up again, and cancelled


async def test_recovered_steps_and_the_recipe_resubmitted_are_one_payment(
    quick: Simulator, connect: Connect, journal: Path, until: Until
) -> None:
    gate = asyncio.Event()
    hold(quick, "video.get", gate)
    akool = connect(quick, journal=journal)
    job = akool.submit(speaking(), key="K")
    await until(lambda: quick.requests["video.get"])
    await akool.close()
    assert isinstance(job.exception(), ClientClosed)
    async with connect(quick, journal=journal) as another:
        recovered = [each async for each in another.recover()]
        again = another.submit(speaking(), key="K")
        await asyncio.sleep(0.05)
        gate.set()
        quick.fault = None
        async with asyncio.timeout(5):
            assert (await again).url
        assert len(recovered) == 1
        assert await recovered[0] == await again
    assert quick.world.creates == {"audio.tts": 1, "video.talking_photo": 1}


@pytest.mark.parametrize("ended", [False, True])
async def test_a_recipe_taken_up_again_is_created_at_once(
    quick: Simulator, connect: Connect, journal: Path, until: Until, *, ended: bool
) -> None:
    gate = asyncio.Event()
    akool = connect(quick, journal=journal)
    job = akool.submit(speaking(), key="K")
    if ended:
        await job
    else:
        hold(quick, "video.get", gate)
        await until(lambda: quick.requests["video.get"])
    await akool.close()
    job.exception()
    async with connect(quick, journal=journal) as another:
        again = another.submit(speaking(), key="K")
        async with asyncio.timeout(5):
            await again.created()
        assert again.token == job.token
        gate.set()
        quick.fault = None
        assert (await again).url
    assert quick.world.creates == {"audio.tts": 1, "video.talking_photo": 1}


async def test_a_step_that_is_being_created_is_named_by_its_cancelled_recipe(
    quick: Simulator, connect: Connect, until: Until
) -> None:
    gate = asyncio.Event()
    hold(quick, "audio.tts", gate)
    async with connect(quick) as akool:
        job = akool.submit(speaking())
        await until(lambda: quick.requests["audio.tts"])
        cancelling = asyncio.create_task(job.cancel())
        await asyncio.sleep(0)
        gate.set()
        assert await cancelling
        with pytest.raises(JobCancelled) as caught:
            await job
        assert len(caught.value.steps) == 1
    assert quick.world.creates == {"audio.tts": 1}


async def test_a_step_watched_by_its_token_and_the_recipe_resubmitted_are_one_job(
    quick: Simulator, connect: Connect, journal: Path, until: Until
) -> None:
    gate = asyncio.Event()
    hold(quick, "video.get", gate)
    akool = connect(quick, journal=journal)
    job = akool.submit(speaking(), key="K")
    await until(lambda: quick.requests["video.get"])
    await akool.close()
    error = job.exception()
    assert isinstance(error, ClientClosed)
    async with connect(quick, journal=journal) as another:
        watched = another.job(error.token or "")
        again = another.submit(speaking(), key="K")
        await asyncio.sleep(0.05)
        gate.set()
        quick.fault = None
        async with asyncio.timeout(5):
            assert (await again).url == (await watched).url
    assert quick.world.creates == {"audio.tts": 1, "video.talking_photo": 1}


async def test_other_crops_of_the_same_faces_are_the_same_recipe(
    quick: Simulator, connect: Connect, journal: Path
) -> None:
    renew_crops(quick)
    async with connect(quick, journal=journal) as akool:
        aged = await akool.submit(AgeFaces(PHOTO), key="K")
    async with connect(quick, journal=journal) as akool:
        assert await akool.submit(AgeFaces(PHOTO), key="K") == aged
    assert quick.world.creates == {"reage.image": 1}


async def test_a_step_in_the_queue_is_dropped_with_its_cancelled_recipe(
    quick: Simulator, connect: Connect, until: Until
) -> None:
    rarely = Backoff(initial=600.0, maximum=600.0)
    async with connect(quick, max_concurrency=1, backoff=rarely) as akool:
        first = await akool.reage.photo(PHOTO).created()
        job = akool.submit(speaking())
        await until(lambda: akool.stats.queued)
        assert await job.cancel()
        await first.cancel()
        await akool.account.credit()
        await asyncio.sleep(0.05)
        assert akool.stats.queued == 0
    assert quick.world.creates == {"reage.image": 1}


async def test_a_cancelled_recipe_names_the_steps_it_has_paid(
    quick: Simulator, connect: Connect, until: Until
) -> None:
    gate = asyncio.Event()
    hold(quick, "audio.get", gate)
    async with connect(quick) as akool:
        job = akool.submit(speaking())
        await until(lambda: quick.requests["audio.get"])
        assert await job.cancel()
        gate.set()
        with pytest.raises(JobCancelled) as caught:
            await job
        assert len(caught.value.steps) == 1
