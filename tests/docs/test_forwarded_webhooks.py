"""The recipe of the page on webhooks: workers forward events through their shared folder."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from akool_async import Akool
from akool_async.endpoints import SpeakText
from akool_async.simulator import Simulator
from tests.clocks import Until

PAGE = Path(__file__).parents[2] / "docs/webhooks.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
SPEECH = SpeakText(input_text="Hello.", voice_id="v")


def _recipe() -> SimpleNamespace:
    (block,) = (each for each in BLOCKS if "async def take_in_forwarded" in each)
    namespace: dict[str, Any] = {"asyncio": asyncio, "Akool": Akool}
    exec(block, namespace)  # noqa: S102 - our own page
    return SimpleNamespace(**namespace)


RECIPE = _recipe()
forward: Callable[[Path, bytes, str], None] = RECIPE.forward
take_in_forwarded: Callable[[Akool, Path], Coroutine[Any, Any, None]] = RECIPE.take_in_forwarded


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    """Run a simulated Akool whose replies to creates are all lost."""
    async with Simulator(pace=0.1, drop_reply_rate=1.0) as simulator:
        yield simulator


class Workers:
    """Workers behind one address, at which the first one answers."""

    def __init__(self, sim: Simulator, url: str, folder: Path) -> None:
        self._sim, self._url, self._folder = sim, url, folder

    def folder(self, number: int) -> Path:
        mine = self._folder / str(number)
        mine.mkdir(parents=True, exist_ok=True)
        return mine

    def client(self, number: int) -> Akool:
        return Akool(
            self._sim.api_key,
            base_url=self._sim.url,
            webhook_url=self._url,
            webhook_credentials=self._sim.webhook_credentials,
            journal=self.folder(number) / "jobs.sqlite",
        )

    @asynccontextmanager
    async def taking_in(self, akool: Akool, number: int) -> AsyncIterator[None]:
        """Take in what the others forward until the end of the block."""
        task = asyncio.create_task(take_in_forwarded(akool, self.folder(number)))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()


@pytest.fixture
async def workers(sim: Simulator, tmp_path: Path) -> AsyncIterator[Workers]:
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/akool"
    shared = Workers(sim, url, tmp_path)
    app = web.Application()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    async with shared.client(1) as first:
        offer = partial(forward, shared.folder(1))
        app.router.add_post("/akool/{token}", first.webhooks.aiohttp_handler(on_foreign=offer))
        await runner.setup()
        await web.SockSite(runner, listening).start()
        yield shared
        await runner.cleanup()


async def test_a_forwarded_event_finds_the_job_of_another_worker(
    workers: Workers, sim: Simulator
) -> None:
    workers.folder(3)
    async with (
        workers.client(2) as akool,
        workers.client(3) as bystander,
        workers.taking_in(akool, 2),
        workers.taking_in(bystander, 3),
    ):
        speech = await akool.submit(SPEECH, key="k")
    assert speech.id in sim.world.jobs
    assert "adopted" not in bystander.stats.webhooks
    assert sim.world.creates == {"voice.tts": 1}


async def test_what_comes_while_a_worker_is_down_waits_in_its_folder(
    workers: Workers, sim: Simulator, until: Until
) -> None:
    mine = workers.folder(2)
    async with workers.client(2) as akool:
        job = akool.submit(SPEECH, key="k")
        await until(lambda: sim.world.creates["voice.tts"])
        await until(lambda: "lost" in repr(job))
    await until(lambda: list(mine.glob("*.event")))
    async with workers.client(2) as akool, workers.taking_in(akool, 2):
        speech = await akool.submit(SPEECH, key="k")
        await until(lambda: not list(mine.glob("*.event")))
    assert speech.id in sim.world.jobs
    assert sim.world.creates == {"voice.tts": 1}
