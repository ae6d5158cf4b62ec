"""A key whose job ended in an earlier process is no new create, however often it comes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from akool_async import Akool, Backoff, Face, JobFailed, Status
from akool_async.endpoints import TTS, AgeFaces, ImageReage
from akool_async.simulator import Simulator

PHOTO = "https://photos.example/photo.png"
REQUESTS: list[Any] = [
    TTS(input_text="hello", voice_id="voice"),
    ImageReage(target_image=[Face(PHOTO)], face_reage=10, modify_image=PHOTO),
    AgeFaces(PHOTO),
]


def connect(simulator: Simulator, journal: Path) -> Akool:
    often = Backoff(initial=0.01, maximum=0.02)
    return Akool(simulator.api_key, base_url=simulator.url, backoff=often, journal=journal)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: each.label)
async def test_a_key_that_completed_earlier_is_not_paid_for_when_it_comes_twice(
    request_: Any, tmp_path: Path
) -> None:
    async with Simulator(pace=0.02, omit_rate=0.0) as simulator:
        async with connect(simulator, tmp_path / "jobs.sqlite") as akool:
            first = await akool.submit(request_, key="K")
        async with connect(simulator, tmp_path / "jobs.sqlite") as akool:
            jobs = []
            for _ in range(3):  # each is held, so that the client still knows it
                jobs.append(akool.submit(request_, key="K"))
                assert await jobs[-1] == first
                assert jobs[-1].status is Status.COMPLETED
        assert simulator.world.creates.total() == 1


async def test_a_key_that_failed_earlier_is_not_paid_for_when_it_comes_twice(
    tmp_path: Path,
) -> None:
    async with Simulator(pace=0.02, fail_rate=1.0, instant_audio_rate=0.0) as simulator:
        held: list[Any] = []
        for _ in range(2):
            async with connect(simulator, tmp_path / "jobs.sqlite") as akool:
                for _ in range(3):
                    held.append(akool.submit(REQUESTS[0], key="K"))
                    outcomes = await asyncio.gather(held[-1], return_exceptions=True)
                    assert isinstance(outcomes[0], JobFailed)
        assert simulator.world.creates.total() == 1
        assert simulator.requests["audio.tts"] == 1
