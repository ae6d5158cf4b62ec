"""Killed at any moment, replies cut: when all webhooks have come, nothing sold is in doubt.

300 jobs under their keys, on one journal, by one armed process after the other. Each process is
killed with SIGKILL: some at random, some by the server, after it has noted a create and before it
answers. Of the other creates, the server cuts one reply in ten.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import socket
import sqlite3
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest

from akool_async.journal import Journal
from akool_async.protocol.snapshot import Status
from akool_async.webhook import Event, sign
from tests.armed import CREDENTIALS

if TYPE_CHECKING:
    from tests.faults.conftest import Scripted
    from tests.servers import Visit

JOBS = 300
RANDOM_KILLS = 8
WORST_KILLS = 6
CUT = 0.1
"""Share of the creates whose reply the server cuts."""
SECONDS = 0.2
"""How long a job takes at the server."""
PATIENCE = 0.5
"""Seconds for which a post of the server waits for an answer."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")

PROGRAM = textwrap.dedent("""
    import asyncio, json, os, socket, sys
    from aiohttp import web
    from akool_async import Akool, Backoff, CreateOutcomeUnknown
    from akool_async.endpoints import TTS
    from akool_async.webhook import WebhookCredentials

    def requests(count):
        for number in range(count):
            yield f"key {number}", TTS(input_text=f"text {number}", voice_id="voice")

    async def main(url, path, count, listening):
        outcomes = {}
        listening = socket.socket(fileno=int(listening))
        name, secret = os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]
        settings = {
            "journal": path,
            "max_concurrency": 8,
            "backoff": Backoff(initial=0.05, maximum=0.1),
            "webhook_url": f"http://127.0.0.1:{listening.getsockname()[1]}/akool",
            "webhook_credentials": WebhookCredentials(client_id=name, client_secret=secret),
            "webhook_patience": 1.0,
        }
        async with Akool("the-key", base_url=url, **settings) as akool:
            app = web.Application()
            app.router.add_post("/akool/{token}", akool.webhooks.aiohttp_handler())
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            await web.SockSite(runner, listening).start()
            recovered = [job async for job in akool.recover()]
            async for job in akool.map(requests(count)):
                error = job.exception()
                assert error is None or isinstance(error, CreateOutcomeUnknown), error
                outcomes[job.request.input_text] = "unknown" if error else job.result().id
            for job in recovered:
                assert job.done()
                job.exception()
            await runner.cleanup()
        print(json.dumps(outcomes))

    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
""")


class Shop:
    """A server that sells jobs, keeps the books, cuts replies, and may shoot its customer."""

    def __init__(self, posts: aiohttp.ClientSession) -> None:
        self.sold: list[tuple[str, str]] = []
        """Text and id of every job that was created, in order."""
        self.silent: set[str] = set()
        """Texts whose creates were noted and never answered."""
        self.customer: asyncio.subprocess.Process | None = None
        self.visited = asyncio.Event()
        self.shoots_at = -1
        self.calls: set[asyncio.Task[None]] = set()
        """Webhooks that nobody has answered with 200 yet."""
        self._begun: dict[str, float] = {}
        self._posts = posts
        self._chance = random.Random(11)

    async def __call__(self, visit: Visit) -> None:
        """Create a job, or say where one stands."""
        self.visited.set()
        if not visit.is_create:
            job = visit.target.rpartition("=")[2]
            ended = time.monotonic() - self._begun[job] > SECONDS
            media = f"https://cdn.example/{job}.mp3" if ended else ""
            data = {"_id": job, "status": 3 if ended else 2, "url": media}
            await visit.say({"code": 1000, "data": data})
            return
        order = json.loads(visit.body)
        text, job = order["input_text"], f"{len(self.sold):024x}"
        self.sold.append((text, job))
        self._begun[job] = time.monotonic()
        call = asyncio.get_running_loop().create_task(self._call(job, order["webhookUrl"]))
        self.calls.add(call)
        call.add_done_callback(self.calls.discard)
        if len(self.sold) == self.shoots_at:
            assert self.customer is not None
            self.customer.send_signal(signal.SIGKILL)
            self.silent.add(text)
            await visit.hang()
        elif self._chance.random() < CUT:
            self.silent.add(text)
            visit.reset()
        else:
            await visit.say({"code": 1000, "data": {"_id": job, "status": 1}})

    async def _call(self, job: str, hook: str) -> None:
        """Send the webhook of a job until it is answered with 200."""
        await asyncio.sleep(SECONDS)
        event = Event(id=job, status=Status.COMPLETED, type="audio", url="")
        headers = {"Content-Type": "application/json"}
        while True:
            try:
                body = sign(event, CREDENTIALS)
                async with self._posts.post(hook, data=body, headers=headers) as answer:
                    if answer.status == 200:
                        return
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass  # the customer is dead; another one comes
            await asyncio.sleep(0.2)


class Customers:
    """The processes, one after the other; they inherit one listening socket."""

    def __init__(self, shop: Shop, url: str, path: Path, listening: socket.socket) -> None:
        self._shop = shop
        self._words = [sys.executable, "-W", "error", "-c", PROGRAM, url, str(path), str(JOBS)]
        self._listening = listening

    async def start(self) -> asyncio.subprocess.Process:
        self._shop.visited.clear()
        number = self._listening.fileno()
        self._shop.customer = await asyncio.create_subprocess_exec(
            *(*self._words, str(number)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=[number],
            env={
                "CLIENT_ID": CREDENTIALS.client_id,
                "CLIENT_SECRET": str(CREDENTIALS.client_secret),
            },
        )
        return self._shop.customer

    async def live(self) -> dict[str, str]:
        """Let one live to its end, and return what it says of each job."""
        code, output, errors = await ended(await self.start())
        assert code == 0, errors
        outcomes: dict[str, str] = json.loads(output)
        return outcomes


async def ended(process: asyncio.subprocess.Process) -> tuple[int, bytes, str]:
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, output, errors.decode()


async def test_after_all_webhooks_no_job_that_was_sold_is_in_doubt(
    tmp_path: Path, scripted: Scripted
) -> None:
    path = tmp_path / "jobs.sqlite"
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        async with aiohttp.ClientSession(timeout=timeout) as posts:
            shop = Shop(posts)
            customers = Customers(shop, (await scripted(shop)).url, path, listening)
            await kill_many(shop, customers)
            outcomes = await customers.live()
            assert not shop.calls  # all webhooks have come
            outcomes = await customers.live()
            # In doubt is only what was killed after its intent was written, and before it left.
            assert {text: job for text, job in outcomes.items() if job != "unknown"} == dict(
                shop.sold
            )
            assert len(shop.silent) > WORST_KILLS
            await resend(path, outcomes, shop)
            outcomes = await customers.live()
    assert max(Counter(text for text, _ in shop.sold).values()) == 1  # none was paid for twice
    assert sorted(outcomes) == sorted(f"text {n}" for n in range(JOBS))  # none was forgotten
    assert outcomes == dict(shop.sold)


async def kill_many(shop: Shop, customers: Customers) -> None:
    chance = random.Random(7)
    moments = ["random"] * RANDOM_KILLS + ["worst"] * WORST_KILLS
    chance.shuffle(moments)
    for moment in moments:
        shop.shoots_at = len(shop.sold) + chance.randint(1, 8) if moment == "worst" else -1
        customer = await customers.start()
        if moment == "random":
            await asyncio.wait_for(shop.visited.wait(), 30)
            await asyncio.sleep(chance.uniform(0.0, 0.3))
            customer.send_signal(signal.SIGKILL)
        code, _, errors = await ended(customer)
        assert code == -signal.SIGKILL, errors
    shop.shoots_at = -1


async def resend(path: Path, outcomes: dict[str, str], shop: Shop) -> None:
    """See that the rows agree with the books, and that what was never sold may be sent again."""
    unsold = [text for text, outcome in outcomes.items() if outcome == "unknown"]
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        states = dict(database.execute("SELECT state, count(*) FROM job GROUP BY state"))
    database.close()
    assert states.get("completed") == len(shop.sold)
    assert sum(states.values()) == JOBS
    journal = Journal(path)
    for text in unsold:
        journal.resolve(text.replace("text", "key"), resend=True)
    await journal.close()
    print(  # noqa: T201 - shown by pytest -s
        f"{len(shop.sold)} creates, {len(shop.silent)} without a reply,"
        f" {len(unsold)} killed before they left"
    )
