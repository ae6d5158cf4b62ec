"""The same loop, written with other clients: httpx, httpx2, openai's client, requests.

Each is what a competent user would write: one client, a hundred requests at once, and a poll of
each job every half second. The modules are imported at run time, because they need not be
installed.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from benchmarks.contestants.wire import AT_ONCE, CREATE, KEY_HEADER, LOOK, body
from benchmarks.meter import KEY, Figures, Meter

WARM = "?seconds=0.01"


class Way(NamedTuple):
    """How one client creates a job, and polls it."""

    create: Callable[[int, str], Awaitable[str]]
    look: Callable[[str], Awaitable[int]]


async def jobs(meter: Meter, way: Way, count: int, every: float, more: str = "") -> None:
    """Run jobs with `gather`, and a semaphore around each request."""
    places = asyncio.Semaphore(AT_ONCE)

    async def job(number: int) -> None:
        async with places:
            job_id = await way.create(number, more)
        status = 0
        while status not in {3, 4}:
            await asyncio.sleep(every)
            async with places:
                status = await way.look(job_id)
        meter.woke(job_id)

    await asyncio.gather(*(job(number) for number in range(count)))


async def httpx(meter: Meter, *, count: int, every: float = 0.5, package: str = "httpx") -> Figures:
    """Run jobs with httpx, or with httpx2, whose interface is the same."""
    library: Any = importlib.import_module(package)

    async def run(meter: Meter, count: int, every: float, more: str = "") -> None:
        limits = library.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
        headers = {KEY_HEADER: KEY}
        async with library.AsyncClient(
            base_url=meter.url, headers=headers, limits=limits, timeout=60.0
        ) as client:

            async def create(number: int, more: str) -> str:
                reply = (await client.post(CREATE, json=body(number, more))).json()
                return str(reply["data"]["_id"])

            async def look(job_id: str) -> int:
                reply = (await client.get(LOOK, params={"_ids": job_id})).json()
                return int(reply["data"]["result"][0]["faceswap_status"])

            await jobs(meter, Way(create, look), count, every, more)

    await run(Meter(meter.url), 3, 0.02, WARM)
    with meter:
        await run(meter, count, every)
    return meter.figures(count)


async def openai(meter: Meter, *, count: int, every: float = 0.5) -> Figures:
    """Run jobs with the base client of openai's SDK, on which many other SDKs are generated."""
    library: Any = importlib.import_module("openai")
    reply_type = library.BaseModel  # it keeps all fields, like the SDK's own models

    async def run(meter: Meter, count: int, every: float, more: str = "") -> None:
        async with library.AsyncOpenAI(
            base_url=meter.url, api_key=KEY, default_headers={KEY_HEADER: KEY}, timeout=60.0
        ) as client:

            async def create(number: int, more: str) -> str:
                reply = await client.post(CREATE, body=body(number, more), cast_to=reply_type)
                return str(reply.data["_id"])

            async def look(job_id: str) -> int:
                options = {"params": {"_ids": job_id}}
                reply = await client.get(LOOK, options=options, cast_to=reply_type)
                return int(reply.data["result"][0]["faceswap_status"])

            await jobs(meter, Way(create, look), count, every, more)

    await run(Meter(meter.url), 3, 0.02, WARM)
    with meter:
        await run(meter, count, every)
    return meter.figures(count)


async def requests(meter: Meter, *, count: int, every: float = 0.5) -> Figures:
    """Run jobs with requests, in a hundred threads that share a session."""
    library: Any = importlib.import_module("requests")

    def run(meter: Meter, count: int, every: float, more: str = "") -> None:
        with library.Session() as session, ThreadPoolExecutor(AT_ONCE) as pool:
            session.headers[KEY_HEADER] = KEY
            adapter = library.adapters.HTTPAdapter(pool_maxsize=AT_ONCE)
            session.mount("http://", adapter)

            def job(number: int) -> None:
                sent = body(number, more)
                reply = session.post(meter.url + CREATE, json=sent, timeout=60).json()
                job_id = reply["data"]["_id"]
                status = 0
                while status not in {3, 4}:
                    time.sleep(every)
                    asked = {"_ids": job_id}
                    reply = session.get(meter.url + LOOK, params=asked, timeout=60).json()
                    status = reply["data"]["result"][0]["faceswap_status"]
                meter.woke(job_id)

            list(pool.map(job, range(count)))

    run(Meter(meter.url), 3, 0.02, WARM)
    with meter:
        run(meter, count, every)
    return meter.figures(count)
