"""The server that the benchmarks run against."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import aiohttp
import pytest

from akool_async import Akool, CreateOutcomeUnknown, Timeout
from akool_async.endpoints import TTS, TalkingPhoto
from benchmarks.contestants.ours import requests
from benchmarks.contestants.wire import CREATE, LOOK, body
from benchmarks.meter import KEY, Meter, ask, ended
from benchmarks.station import server


@pytest.fixture
def url() -> Generator[str]:
    with server(median=0.2) as url:
        yield url


async def created(session: aiohttp.ClientSession, number: int, more: str = "") -> str:
    async with session.post(CREATE, json=body(number, more)) as response:
        reply: dict[str, Any] = await response.json()
    return str(reply["data"]["_id"])


async def status(session: aiohttp.ClientSession, *ids: str) -> list[int]:
    async with session.get(LOOK, params={"_ids": ",".join(ids)}) as response:
        reply: dict[str, Any] = await response.json()
    assert [row["_id"] for row in reply["data"]["result"]] == list(ids)
    return [row["faceswap_status"] for row in reply["data"]["result"]]


async def test_a_job_is_complete_at_the_moment_that_its_id_names(url: str) -> None:
    async with aiohttp.ClientSession(url) as session:
        before = time.monotonic()
        job = await created(session, 1, "?seconds=0.3")
        assert 0.3 <= ended(job) - before <= 0.3 + (time.monotonic() - before)
        seen: list[tuple[float, int, float]] = []
        while not seen or seen[-1][1] != 3:
            began = time.monotonic()
            [now] = await status(session, job)
            seen.append((began, now, time.monotonic()))
    assert all(began < ended(job) for began, now, _ in seen if now == 2)
    assert seen[-1][2] > ended(job)


async def test_two_servers_with_one_seed_have_jobs_that_take_equally_long() -> None:
    durations: list[list[float]] = []
    for seed in (7, 7, 8):
        with server(seed=seed) as url:
            async with aiohttp.ClientSession(url) as session:
                ids = [await created(session, number) for number in range(20)]
                made = ask(url)["last_create"]
                durations.append([round(ended(job) - made, 1) for job in ids])
    assert durations[0] == pytest.approx(durations[1], abs=0.25)
    assert durations[0] != pytest.approx(durations[2], abs=0.25)


@pytest.mark.parametrize("refusal", [414, 400])
async def test_too_many_ids_are_refused_with_a_status(refusal: int) -> None:
    with server(cap=2, refusal=refusal) as url:
        async with aiohttp.ClientSession(url) as session:
            ids = [await created(session, number) for number in range(3)]
            assert len(await status(session, *ids[:2])) == 2
            async with session.get(LOOK, params={"_ids": ",".join(ids)}) as response:
                assert response.status == refusal


async def test_too_many_ids_are_refused_with_a_code() -> None:
    with server(cap=1, refusal=1003) as url:
        async with (
            aiohttp.ClientSession(url) as session,
            session.get(LOOK, params={"_ids": "a,b"}) as response,
        ):
            assert (await response.json())["code"] == 1003


async def test_a_round_trip_is_held_half_before_and_half_after() -> None:
    with server(rtt=0.2) as url:
        async with aiohttp.ClientSession(url) as session:
            before = time.monotonic()
            job = await created(session, 1, "?seconds=0")
            after = time.monotonic()
    assert after - before >= 0.2
    assert ended(job) - before >= 0.1
    assert after - ended(job) >= 0.1


async def test_families_that_are_asked_about_one_by_one_complete(url: str) -> None:
    async with Akool(KEY, base_url=url) as akool:
        speech = await akool.submit(TTS(input_text="Good morning.", voice_id="v"))
        photo, audio = "https://photos.example/1.jpg", "https://photos.example/1.mp3"
        video = await akool.submit(TalkingPhoto(talking_photo_url=photo, audio_url=audio))
    assert speech.url
    assert video.url


async def test_resets_and_silence_come_after_the_create_was_done_and_a_502_before() -> None:
    for fault, done in (("reset", 1), ("hang", 1), ("bad", 0)):
        with server(faults=f"{fault}=1") as url:
            async with Akool(KEY, base_url=url, timeout=Timeout(total=0.5)) as akool:
                with pytest.raises(CreateOutcomeUnknown):
                    await akool.submit(next(requests(1)))
            assert ask(url)["created"] == done


async def test_the_server_counts_requests_connections_and_its_cpu(url: str) -> None:
    with Meter(url) as meter:
        async with aiohttp.ClientSession(url) as session:
            for number in range(50):
                await created(session, number)
    figures = meter.figures(50)
    assert figures["requests"] == 1
    assert figures["connections"] == 1
    assert figures["created"] == 50
    assert 0 < figures["server_share"] < 1
    assert figures["cpu"] > 0
