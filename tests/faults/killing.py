"""A server that sells speeches and may kill its customer, and processes that are killed."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.servers import Visit

Start = Callable[[], Awaitable[asyncio.subprocess.Process]]


class Shop:
    """Sells speeches, keeps the books, and may kill its customer between the two.

    Args:
        seconds: How long a job takes.
    """

    def __init__(self, seconds: float = 0.2) -> None:
        self.sold: list[tuple[str, str]] = []
        """Text and id of every job that was created, in order."""
        self.silent: set[str] = set()
        """Texts whose creates were noted and never answered."""
        self.customer: asyncio.subprocess.Process | None = None
        self.visited = asyncio.Event()
        self.kills_at = -1
        """The number of the create that is noted, and then answered by a kill."""
        self._seconds = seconds
        self._begun: dict[str, float] = {}

    async def __call__(self, visit: Visit) -> None:
        """Create a job, or say where one stands."""
        self.visited.set()
        if visit.is_create:
            text = json.loads(visit.body)["input_text"]
            await self.answer(visit, text, self.note(text))
        else:
            job = visit.target.rpartition("=")[2]
            ended = time.monotonic() - self._begun[job] > self._seconds
            data = {
                "_id": job,
                "status": 3 if ended else 2,
                "url": self.media(job) if ended else "",
            }
            await visit.say({"code": 1000, "data": data})

    def note(self, text: str) -> str:
        """Note a create, and return the job's id."""
        job = f"{len(self.sold):024x}"
        self.sold.append((text, job))
        self._begun[job] = time.monotonic()
        return job

    def media(self, job: str) -> str:
        """Return the address of a job's result."""
        return f"https://cdn.example/{job}.mp3"

    async def answer(self, visit: Visit, text: str, job: str) -> None:
        """Answer a create, or kill who sent it."""
        if len(self.sold) == self.kills_at:
            assert self.customer is not None
            self.customer.send_signal(signal.SIGKILL)
            self.silent.add(text)
            await visit.hang()
        await visit.say({"code": 1000, "data": {"_id": job, "status": 1}})


async def ended(process: asyncio.subprocess.Process) -> tuple[int, bytes, str]:
    """Wait for a process; return its exit code and what it wrote."""
    output, errors = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode is not None
    return process.returncode, output, errors.decode()


async def kill_many(shop: Shop, start: Start, *, random_kills: int, worst_kills: int) -> None:
    """Start processes one after the other, and kill each: at random, or in the worst moment."""
    chance = random.Random(7)
    moments = ["random"] * random_kills + ["worst"] * worst_kills
    chance.shuffle(moments)
    for moment in moments:
        shop.kills_at = len(shop.sold) + chance.randint(1, 8) if moment == "worst" else -1
        shop.visited.clear()
        shop.customer = await start()
        if moment == "random":
            await asyncio.wait_for(shop.visited.wait(), 30)
            await asyncio.sleep(chance.uniform(0.0, 0.3))
            shop.customer.send_signal(signal.SIGKILL)
        code, _, errors = await ended(shop.customer)
        assert code == -signal.SIGKILL, errors
    shop.kills_at = -1


def states_in(path: Path) -> dict[str, int]:
    """Return how many rows of a journal are in each state, after a check of the whole file."""
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        states = dict(database.execute("SELECT state, count(*) FROM job GROUP BY state"))
    database.close()
    return states
