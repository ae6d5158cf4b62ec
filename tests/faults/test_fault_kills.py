"""Killed at any moment, and at the worst: nothing is paid for twice, and nothing is forgotten.

300 jobs under their keys, on one journal, by one process after the other. Each is killed with
SIGKILL: some at random, some by the server, after it has noted a create and before it answers.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sqlite3
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.faults.conftest import Scripted
    from tests.servers import Visit

JOBS = 300
RANDOM_KILLS = 20
WORST_KILLS = 5
SECONDS = 0.2
"""How long a job takes at the server."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")

PROGRAM = textwrap.dedent("""
    import asyncio, json, sys
    from akool_async import Akool, Backoff, CreateOutcomeUnknown
    from akool_async.endpoints import TTS

    def requests(count):
        for number in range(count):
            yield f"key {number}", TTS(input_text=f"text {number}", voice_id="voice")

    async def main(url, path, count):
        outcomes = {}
        soon = Backoff(initial=0.05, maximum=0.1)
        settings = {"journal": path, "max_concurrency": 8, "backoff": soon}
        async with Akool("the-key", base_url=url, **settings) as akool:
            recovered = [job async for job in akool.recover()]
            async for job in akool.map(requests(count)):
                error = job.exception()
                assert error is None or isinstance(error, CreateOutcomeUnknown), error
                outcomes[job.request.input_text] = "unknown" if error else job.result().id
        for job in recovered:
            assert job.done()
            job.exception()
        print(json.dumps(outcomes))

    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
""")


class Shop:
    """A server that sells jobs, keeps the books, and may shoot its customer."""

    def __init__(self) -> None:
        self.sold: list[tuple[str, str]] = []
        """Text and id of every job that was created, in order."""
        self.shot: list[str] = []
        """Texts whose creates were noted and never answered."""
        self.customer: asyncio.subprocess.Process | None = None
        self.visited = asyncio.Event()
        self.shoots_at = -1
        self._begun: dict[str, float] = {}

    async def __call__(self, visit: Visit) -> None:
        """Create a job, or say where one stands."""
        self.visited.set()
        if not visit.is_create:
            job = visit.target.rpartition("=")[2]
            ended = time.monotonic() - self._begun[job] > SECONDS
            await visit.say({"code": 1000, "data": {"_id": job, "status": 3 if ended else 2}})
            return
        text = json.loads(visit.body)["input_text"]
        job = f"{len(self.sold):024x}"
        self.sold.append((text, job))
        self._begun[job] = time.monotonic()
        if len(self.sold) == self.shoots_at:
            assert self.customer is not None
            self.customer.send_signal(signal.SIGKILL)
            self.shot.append(text)
            await visit.hang()
        await visit.say({"code": 1000, "data": {"_id": job, "status": 1}})


async def start(shop: Shop, url: str, path: Path) -> asyncio.subprocess.Process:
    shop.visited.clear()
    shop.customer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-c", PROGRAM, url, str(path), str(JOBS)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    return shop.customer


async def ended(process: asyncio.subprocess.Process) -> tuple[int, bytes, str]:
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, output, errors.decode()


async def test_kills_at_any_moment_cost_no_job_and_no_second_payment(
    tmp_path: Path, scripted: Scripted
) -> None:
    chance = random.Random(7)
    shop, path = Shop(), tmp_path / "jobs.sqlite"
    server = await scripted(shop)
    moments = ["random"] * RANDOM_KILLS + ["worst"] * WORST_KILLS
    chance.shuffle(moments)
    for moment in moments:
        shop.shoots_at = len(shop.sold) + chance.randint(1, 8) if moment == "worst" else -1
        customer = await start(shop, server.url, path)
        if moment == "random":
            await asyncio.wait_for(shop.visited.wait(), 30)
            await asyncio.sleep(chance.uniform(0.0, 0.3))
            customer.send_signal(signal.SIGKILL)
        code, _, errors = await ended(customer)
        assert code == -signal.SIGKILL, errors
    code, output, errors = await ended(await start(shop, server.url, path))
    assert code == 0, errors
    check(shop, json.loads(output), path)


def check(shop: Shop, outcomes: dict[str, str], path: Path) -> None:
    """Compare what the last process says with the books of the shop."""
    sold: dict[str, Any] = dict(shop.sold)
    assert max(Counter(text for text, _ in shop.sold).values()) == 1  # none was paid for twice
    assert sorted(outcomes) == sorted(f"text {n}" for n in range(JOBS))  # none was forgotten
    for text, outcome in outcomes.items():
        assert outcome in {"unknown", sold.get(text)}
    assert len(shop.shot) == WORST_KILLS
    assert all(outcomes[text] == "unknown" for text in shop.shot)
    # In doubt is at most what was under way in the moment of a kill.
    unknown = [text for text, outcome in outcomes.items() if outcome == "unknown"]
    assert len(unknown) <= 8 * (RANDOM_KILLS + WORST_KILLS)
    with sqlite3.connect(path) as journal:
        assert journal.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        states = dict(journal.execute("SELECT state, count(*) FROM job GROUP BY state"))
    journal.close()
    assert states == {"completed": JOBS - len(unknown), "unknown": len(unknown)}
    print(f"{len(shop.sold)} creates, {len(unknown)} in doubt")  # noqa: T201 - shown by pytest -s
