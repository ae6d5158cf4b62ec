"""The server that the benchmarks run against."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Generator
from importlib.util import find_spec
from typing import Any

import aiohttp
import pytest

from akool_async import Akool, CreateOutcomeUnknown, Timeout
from akool_async.endpoints import TTS, TalkingPhoto
from akool_async.webhook import WebhookCredentials, verify
from benchmarks.contestants.armed import Kind, Told, client, run, stream
from benchmarks.contestants.ours import MODES, requests
from benchmarks.contestants.receiving import mann_whitney
from benchmarks.contestants.receiving import page as page_of
from benchmarks.contestants.wire import CREATE, LOOK, body
from benchmarks.hooks import CLIENT_ID, SECRET, event
from benchmarks.meter import KEY, Meter, ask, ended
from benchmarks.station import server
from tests.clocks import Until


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
                durations.append([await duration(session, url, number) for number in range(20)])
    assert durations[0] == pytest.approx(durations[1], abs=0.01)
    assert durations[0] != pytest.approx(durations[2], abs=0.01)


async def duration(session: aiohttp.ClientSession, url: str, number: int) -> float:
    """Return the seconds that a new job takes, by the server's own time."""
    job = await created(session, number)
    made = ask(url)["last_create"]
    assert isinstance(made, float)
    return ended(job) - made


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


async def test_webhooks_tell_of_jobs_at_their_ends() -> None:
    with server(median=0.2) as url:
        kind = Kind(single=True, armed=True)
        figures = await run(Meter(url), count=20, first=20, kind=kind)
    assert figures["told"] == 20
    assert figures["looks"] == 1.0
    assert 0 <= figures["after_p50"] <= figures["p50"]


async def test_jobs_end_at_the_moments_that_their_requests_name() -> None:
    begins = time.monotonic() + 100.0  # later than any machine needs to create them
    ends = [begins + number / 10 for number in range(3)]
    with server(median=30.0) as url:
        async with Akool(KEY, base_url=url) as akool:
            jobs = [akool.submit(each) for each in stream(3, single=False, ends=ends)]
            for job, moment in zip(jobs, ends, strict=True):
                await job.created()
                assert job.id is not None
                assert ended(job.id) == pytest.approx(moment, abs=0.001)


@pytest.mark.parametrize(("hooks", "sent"), [("lost=1", 0), ("twice=1,late=.2", 40)])
async def test_webhooks_are_lost_and_doubled_as_the_server_is_told(
    hooks: str, sent: int, until: Until
) -> None:
    with server(median=0.2, hooks=hooks) as url:
        async with client(url, 20, Told(), armed=True) as akool:
            await MODES["gather"](akool, Meter(url), stream(20, single=True))
            await until(lambda: ask(url)["hooks"] >= sent)
            await asyncio.sleep(0.3)  # time in which one too many is sent
            assert ask(url)["hooks"] == sent


def test_samples_of_one_distribution_are_not_told_apart_and_others_are() -> None:
    chance = random.Random(1)

    def some(mean: float) -> list[float]:
        return [chance.gauss(mean, 1) for _ in range(200)]

    found = [mann_whitney(some(0), some(0)) for _ in range(50)]
    assert 0.3 < statistics.median(found) < 0.7
    assert mann_whitney(some(0), some(0.5)) < 0.001
    assert mann_whitney([1.0] * 9, [1.0] * 9) == 1.0


def test_the_page_and_the_client_read_the_same_event() -> None:
    credentials = WebhookCredentials(client_id=CLIENT_ID, client_secret=SECRET)
    body = event("a" * 24)
    assert verify(body, credentials).id == "a" * 24
    if find_spec("Crypto"):
        assert page_of(body)["_id"] == "a" * 24
