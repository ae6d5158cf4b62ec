"""Requests that start no job: the overhead of an SDK on each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from akool_async import Akool
from benchmarks.contestants.bare import new_session
from benchmarks.contestants.wire import CREDIT, DELETE
from benchmarks.meter import KEY, Figures, Meter

AT_ONCE = 32
ID = "64dae65af6e250d4fb2bca63"

Call = Callable[[], Awaitable[object]]


async def bare(meter: Meter, *, count: int, kind: str) -> Figures:
    """Call with bare aiohttp, and decode the replies."""
    async with new_session(meter.url) as session:

        async def read() -> float:
            async with session.get(CREDIT) as response:
                reply = await response.json()
            credit: float = reply["data"]["credit"]
            return credit

        async def write() -> None:
            async with session.post(DELETE, json={"_ids": ID}) as response:
                assert (await response.json())["code"] == 1000

        return await _called(meter, {"GET": read, "POST": write}[kind], count)


async def ours(meter: Meter, *, count: int, kind: str) -> Figures:
    """Call with akool_async."""
    async with Akool(KEY, base_url=meter.url) as akool:

        async def read() -> float:
            return (await akool.account.credit()).credit

        async def write() -> None:
            await akool.faceswap.delete(ids=[ID])

        return await _called(meter, {"GET": read, "POST": write}[kind], count)


async def _called(meter: Meter, call: Call, count: int) -> Figures:
    await _repeated(call, 2 * AT_ONCE)
    with meter:
        await _repeated(call, count)
    return meter.figures(count)


async def _repeated(call: Call, count: int) -> None:
    numbers = iter(range(count))

    async def worker() -> None:
        for _ in numbers:
            await call()

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
