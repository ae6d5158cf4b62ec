"""One key is one create, whatever is done with it and in whatever order.

Each walk draws some forty acts: submitting under a key, once or thrice, alone or in a stream,
running out of time, cancelling, recovering, restarting, deciding by hand, forgetting jobs; with
a server that creates, refuses, drops and hangs by turns. After each act the server's books are
compared with what may have been paid for.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from akool_async import Akool, AkoolError, Job, Retry
from akool_async.endpoints import TTS
from akool_async.journal import Entry, Journal, State

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.faults.conftest import Scripted
    from tests.servers import Visit

KEYS = ("a", "b", "c", "d")
STEPS = 40


class Shop:
    """A server that keeps the books, and has its moods."""

    def __init__(self) -> None:
        self.mood = "well"
        self.sold: defaultdict[str, list[str]] = defaultdict(list)
        """By text, the ids of the jobs that were created, and "perhaps" for what may have been."""
        self.status: dict[str, int] = {}

    async def __call__(self, visit: Visit) -> None:
        """Create a job, or say where one stands."""
        if not visit.is_create:
            job = visit.target.rpartition("=")[2]
            await visit.say({"code": 1000, "data": {"_id": job, "status": self.status[job]}})
            return
        codes = {"refuses": 1003, "asks for less": 1005, "errs": 1205}
        sold = self.sold[json.loads(visit.body)["input_text"]]
        if self.mood in codes:
            sold += ["perhaps"] * (self.mood == "errs")
            await visit.say({"code": codes[self.mood], "msg": "no"})
            return
        job = f"{len(self.status):024x}"
        sold.append(job)
        self.status[job] = 3 if self.mood == "is quick" else 2
        if self.mood == "drops":
            visit.reset()
        elif self.mood == "hangs":
            await visit.hang()
        else:
            await visit.say({"code": 1000, "data": {"_id": job, "status": self.status[job]}})


class Walk:
    """What one walk knows and may do; each public method without arguments is an act."""

    def __init__(self, seed: int, shop: Shop, path: Path, client: Callable[[], Akool]) -> None:
        self._draw = random.Random(seed)
        self._shop = shop
        self._path = path
        self._client = client
        self._held: list[Job[Any]] = []
        self._akool = client()
        self._may_pay: Counter[str] = Counter(KEYS)
        """How often each key may have been paid for."""

    async def run(self) -> None:
        """Take all steps."""
        acts = [name for name in vars(Walk) if not name.startswith("_") and name != "run"]
        taken: list[str] = []
        await self._akool.__aenter__()
        for _ in range(STEPS):
            act: Callable[[], Awaitable[None]] = getattr(self, self._draw.choice(acts))
            taken.append(act.__name__)
            await act()
            for key in KEYS:
                assert len(self._shop.sold[key]) <= self._may_pay[key], (key, taken)
        await self._akool.close(grace=0.3)
        self._check_rows()

    def _check_rows(self) -> None:
        """Check that the journal knows every job that was created, or says that it does not."""
        journal = Journal(self._path)
        for key in KEYS:
            sold = {job for job in self._shop.sold[key] if job != "perhaps"}
            row: Entry | None = journal.find(key)
            if sold:
                assert row is not None
                in_doubt = row.state in {State.INTENT, State.UNKNOWN, State.ABANDONED}
                again = self._may_pay[key] > 1
                assert in_doubt or again or row.id in sold
        journal.close_now()

    def _submit(self, **settings: Any) -> Job[Any]:
        key = settings.pop("key", None) or self._draw.choice(KEYS)
        return self._akool.submit(TTS(input_text=key, voice_id="v"), key=key, **settings)

    async def submits(self) -> None:
        """Submit under a key, once or several times; hold the job, or not."""
        key = self._draw.choice(KEYS)
        for _ in range(self._draw.choice([1, 1, 3])):
            job = self._submit(key=key)
            self._held += [job] * self._draw.choice([0, 1])
            with contextlib.suppress(AkoolError, TimeoutError):
                await job.wait(self._draw.choice([0.001, 0.02]))

    async def submits_again(self) -> None:
        """Do it once more: it is what is done most."""
        await self.submits()

    async def streams(self) -> None:
        """Send all keys down a stream, and leave it early."""
        rows = [(key, TTS(input_text=key, voice_id="v")) for key in KEYS]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.03):
                async for job in self._akool.map(rows):
                    job.exception()

    async def retries_a_failure(self) -> None:
        """Pay again for what failed, as that is asked for."""
        key = self._draw.choice(KEYS)
        failed = any(
            job == "perhaps" or self._shop.status[job] == 4 for job in self._shop.sold[key]
        )
        self._may_pay[key] += failed
        self._held.append(self._submit(key=key, retry_failed=True))

    async def runs_out_of_time(self) -> None:
        """Give a job hardly any time."""
        self._submit(timeout=0.005)
        await asyncio.sleep(0.02)

    async def cancels(self) -> None:
        """Cancel a job, at some point of its way."""
        job = self._submit()
        await asyncio.sleep(self._draw.choice([0, 0.003]))
        with contextlib.suppress(AkoolError, TimeoutError):
            await asyncio.wait_for(job.cancel(), 0.3)

    async def recovers(self) -> None:
        """Ask for what earlier processes have left."""
        self._held += [job async for job in self._akool.recover()]

    async def restarts(self) -> None:
        """Close the client, in haste or not; go on with it, or with another."""
        await self._akool.close(grace=self._draw.choice([0, 0.3]))
        if self._draw.choice([True, False]):
            self._akool = self._client()
        await self._akool.__aenter__()

    async def forgets(self) -> None:
        """Let go of all jobs."""
        self._held.clear()
        gc.collect()

    async def decides(self) -> None:
        """Say by hand what became of a create that nobody knows of."""
        await self._akool.close(grace=0.3)
        key = self._draw.choice(KEYS)
        journal = Journal(self._path)
        row, sold = journal.find(key), [job for job in self._shop.sold[key] if job != "perhaps"]
        if row is not None and row.state in {State.INTENT, State.UNKNOWN}:
            decision = self._draw.choice([{"accept": sold[-1]}] * bool(sold) + [{"resend": True}])
            journal.resolve(key, **decision)
            self._may_pay[key] += "resend" in decision
        journal.close_now()
        self._akool = self._client()
        await self._akool.__aenter__()

    async def sees_the_server_change(self) -> None:
        """Let the server take a mood."""
        moods = ["well", "well", "is quick", "refuses", "asks for less", "errs", "drops", "hangs"]
        self._shop.mood = self._draw.choice(moods)

    async def sees_jobs_end(self) -> None:
        """Let some jobs complete, or fail."""
        for job, status in self._shop.status.items():
            if status == 2:
                self._shop.status[job] = self._draw.choice([2, 3, 3, 4])
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("seed", range(24))
async def test_one_key_is_one_create_however_it_is_used(
    seed: int, tmp_path: Path, scripted: Scripted, connect: Connect
) -> None:
    shop = Shop()
    server = await scripted(shop)
    once = Retry(attempts=2, throttled_attempts=1, initial=0.001, throttled=0.001, maximum=0.002)
    path, places = tmp_path / "jobs.sqlite", random.Random(seed).choice([1, 3, 50])

    def client() -> Akool:
        settings: dict[str, Any] = {"journal": path, "timeout": 0.2, "retry": once}
        return connect(server.url, max_concurrency=places, **settings)

    # That jobs fail which nobody looks at is a part of it.
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _about: None)
    await Walk(seed, shop, path, client).run()
