"""aiohttp by hand: creating alone, and the loop that one would write around it."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

from benchmarks.meter import KEY, Figures, Meter

CREATE = "/api/open/v3/faceswap/highquality/imgreage"
LOOK = "/api/open/v3/faceswap/result/listbyids"
AT_ONCE = 100


def body(number: int, more: str = "") -> dict[str, Any]:
    """Return what a create sends."""
    photo = f"https://photos.example/{number}.jpg{more}"
    return {"targetImage": [{"path": photo}], "face_reage": 10, "modifyImage": photo}


def new_session(url: str) -> aiohttp.ClientSession:
    """Return a session with a connection for each request that may be under way."""
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    return aiohttp.ClientSession(url, headers={"x-api-key": KEY}, connector=connector)


async def create(session: aiohttp.ClientSession, number: int, more: str = "") -> str:
    """Create one job; return its id."""
    async with session.post(CREATE, json=body(number, more)) as response:
        reply = await response.json()
    job: str = reply["data"]["_id"]
    return job


async def floor(meter: Meter, *, count: int) -> Figures:
    """Create jobs, and nothing else: a hundred workers that share one stream of numbers."""
    await _creates(meter.url, 3)
    with meter:
        await _creates(meter.url, count)
    return meter.figures(count)


async def _creates(url: str, count: int) -> None:
    numbers = iter(range(count))
    async with new_session(url) as session:

        async def worker() -> None:
            for number in numbers:
                await create(session, number)

        await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


async def naive(meter: Meter, *, count: int, every: float = 0.5) -> Figures:
    """Run jobs with `gather`, a semaphore round each request, and a look every half second."""
    warm = Meter(meter.url)
    await _jobs(warm, 3, 0.02, "?seconds=0.01")
    with meter:
        await _jobs(meter, count, every)
    return meter.figures(count, every=every)


async def _jobs(meter: Meter, count: int, every: float, more: str = "") -> None:
    places = asyncio.Semaphore(AT_ONCE)
    async with new_session(meter.url) as session:

        async def job(number: int) -> None:
            async with places:
                job_id = await create(session, number, more)
            status = None
            while status not in {3, 4}:
                await asyncio.sleep(every)
                async with places, session.get(LOOK, params={"_ids": job_id}) as response:
                    reply = await response.json()
                status = reply["data"]["result"][0]["faceswap_status"]
            meter.woke(job_id)

        await asyncio.gather(*(job(number) for number in range(count)))
