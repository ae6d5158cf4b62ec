"""Killed at any moment, replies cut: when all webhooks have come, nothing sold is in doubt.

300 jobs under their keys, on one journal, by one armed process after the other. Each process is
killed with SIGKILL: some at random, some by the server, after it has noted a create and before it
answers. Of the other creates, the server cuts one reply in ten.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import sys
import textwrap
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest

from akool_async.journal import Journal
from akool_async.protocol.snapshot import Status
from akool_async.webhook import Event, sign
from tests.armed import CREDENTIALS
from tests.faults.killing import Shop, ended, kill_many, states_in
from tests.strict import STRICT

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


class CallingShop(Shop):
    """Calls the webhook of each job, and cuts replies."""

    def __init__(self, posts: aiohttp.ClientSession) -> None:
        super().__init__(SECONDS)
        self.calls: set[asyncio.Task[None]] = set()
        """Webhooks that nobody has answered with 200 yet."""
        self._posts = posts
        self._chance = random.Random(11)

    async def answer(self, visit: Visit, text: str, job: str) -> None:
        """Call the webhook in time; answer, cut the reply, or kill who sent it."""
        hook = json.loads(visit.body)["webhookUrl"]
        call = asyncio.get_running_loop().create_task(self._call(job, hook))
        self.calls.add(call)
        call.add_done_callback(self.calls.discard)
        if len(self.sold) != self.kills_at and self._chance.random() < CUT:
            self.silent.add(text)
            visit.reset()
        else:
            await super().answer(visit, text, job)

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

    def __init__(self, url: str, path: Path, listening: socket.socket) -> None:
        self._words = [*STRICT, "-c", PROGRAM, url, str(path), str(JOBS)]
        self._listening = listening

    async def start(self) -> asyncio.subprocess.Process:
        number = self._listening.fileno()
        return await asyncio.create_subprocess_exec(
            *(*self._words, str(number)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=[number],
            env={
                "CLIENT_ID": CREDENTIALS.client_id,
                "CLIENT_SECRET": str(CREDENTIALS.client_secret),
            },
        )

    async def live(self) -> dict[str, str]:
        """Let one live to its end, and return what it says of each job."""
        code, output, errors = await ended(await self.start())
        assert code == 0, errors
        outcomes: dict[str, str] = json.loads(output)
        return outcomes


async def test_after_all_webhooks_no_job_that_was_sold_is_in_doubt(
    tmp_path: Path, scripted: Scripted
) -> None:
    path = tmp_path / "jobs.sqlite"
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        async with aiohttp.ClientSession(timeout=timeout) as posts:
            shop = CallingShop(posts)
            customers = Customers((await scripted(shop)).url, path, listening)
            await kill_many(
                shop, customers.start, random_kills=RANDOM_KILLS, worst_kills=WORST_KILLS
            )
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
            late = list(shop.calls)  # the last customer had asked, and was gone before they came
            for call in late:
                call.cancel()
            await asyncio.gather(*late, return_exceptions=True)
    assert max(Counter(text for text, _ in shop.sold).values()) == 1  # none was paid for twice
    assert sorted(outcomes) == sorted(f"text {n}" for n in range(JOBS))  # none was forgotten
    assert outcomes == dict(shop.sold)


async def resend(path: Path, outcomes: dict[str, str], shop: Shop) -> None:
    """See that the rows agree with the books, and that what was never sold may be sent again."""
    unsold = [text for text, outcome in outcomes.items() if outcome == "unknown"]
    states = states_in(path)
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
