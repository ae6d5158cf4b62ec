"""Bare aiohttp: only creating, and the naive loop that a user would write."""

from __future__ import annotations

import asyncio

import aiohttp

from benchmarks.contestants.wire import AT_ONCE, CREATE, KEY_HEADER, LOOK, body
from benchmarks.meter import KEY, Figures, Meter


def new_session(url: str) -> aiohttp.ClientSession:
    """Return a session with a connection for each concurrent request."""
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    return aiohttp.ClientSession(url, headers={KEY_HEADER: KEY}, connector=connector)


async def create(session: aiohttp.ClientSession, number: int, more: str = "") -> str:
    """Create one job; return its id."""
    async with session.post(CREATE, json=body(number, more)) as response:
        reply = await response.json()
    job: str = reply["data"]["_id"]
    return job


async def floor(meter: Meter, *, count: int) -> Figures:
    """Only create jobs: a hundred workers share one stream of numbers."""
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
    """Run jobs with `gather`, a semaphore around each request, and a poll every half second."""
    async with new_session(meter.url) as session:
        await NaiveLoop(session, Meter(meter.url), 0.02).jobs(3, "?seconds=0.01")
    with meter:
        async with new_session(meter.url) as session:
            await NaiveLoop(session, meter, every).jobs(count)
    return meter.figures(count, every=every)


class NaiveLoop:
    """Runs jobs, each of which polls for itself."""

    def __init__(self, session: aiohttp.ClientSession, meter: Meter, every: float) -> None:
        self._session = session
        self._meter = meter
        self._every = every
        self.places = asyncio.Semaphore(AT_ONCE)
        """The semaphore that all requests share."""

    async def jobs(self, count: int, more: str = "") -> None:
        """Run a number of jobs at once."""
        await asyncio.gather(*(self._job(number, more) for number in range(count)))

    async def _job(self, number: int, more: str) -> None:
        async with self.places:
            job = await create(self._session, number, more)
        while await self._status(job) not in {3, 4}:
            pass
        self._meter.woke(job)

    async def _status(self, job: str) -> int:
        await asyncio.sleep(self._every)
        async with self.places, self._session.get(LOOK, params={"_ids": job}) as response:
            reply = await response.json()
        status: int = reply["data"]["result"][0]["faceswap_status"]
        return status
