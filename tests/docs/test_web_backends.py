"""What the page on web backends says of several processes, with processes."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import pytest

from akool_async.simulator import Behaviour, Simulator
from tests.clocks import Until

PAGE = Path(__file__).parents[2] / "docs/web_backends.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
SHOWN = [block for block in BLOCKS if "await try_it()" not in block]
ORDERS = 12

Start: TypeAlias = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def akool() -> Iterator[Simulator]:
    with Simulator(pace=0.5, instant_audio_rate=0.0).in_thread() as simulator:
        yield simulator


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield found


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "server.log"


@pytest.fixture
def start(akool: Simulator, listening: socket.socket, log: Path, tmp_path: Path) -> Iterator[Start]:
    """Start the page's backend as a process; it and its workers end with the test."""
    environment = os.environ | {"AKOOL_BASE_URL": akool.url, "AKOOL_API_KEY": akool.api_key}
    started: list[subprocess.Popen[bytes]] = []

    def begin(blocks: list[str], *options: str) -> subprocess.Popen[bytes]:
        (tmp_path / "backend.py").write_text("\n\n".join(blocks))
        number = listening.fileno()
        command = [sys.executable, "-m", "uvicorn", "backend:app", "--fd", str(number), *options]
        with log.open("wb") as said:  # not a pipe, which nobody would empty
            process = subprocess.Popen(
                command,
                cwd=tmp_path,
                env=environment,
                pass_fds=[number],
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        started.append(process)
        return process

    yield begin
    for server in started:
        with suppress(ProcessLookupError):  # it has ended
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


class Browser:
    """Asks the backend, over a new connection each time, so that any worker answers."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def ask(self, method: str, path: str, **given: Any) -> Any:
        """Return the answer's JSON; `None` if the worker is not there, or does not succeed."""
        try:
            async with aiohttp.request(method, f"{self.url}{path}", **given) as answer:
                return await answer.json() if answer.ok else None
        except (aiohttp.ClientError, OSError):
            return None

    async def order(self, number: int) -> str:
        body = {"input_text": f"Number {number}.", "voice_id": "voice-nicole"}
        answer = await self.ask("PUT", f"/speeches/order-{number}", json=body)
        return str(answer["order"])

    async def accepted(self, order: str) -> None:
        """Wait until Akool's answer is known: a job that is killed before that is in doubt."""
        told = b""
        while not told.startswith((b"event: status", b"event: done")):
            url = f"{self.url}/speeches/{order}/events"
            with suppress(aiohttp.ClientError, OSError):
                async with aiohttp.request("GET", url) as stream:
                    told = await stream.content.readline() if stream.ok else b""

    async def done(self, order: str) -> None:
        """Ask until the worker that has the order says that it is done."""
        answer = None
        while answer is None or not answer["done"]:
            answer = await self.ask("GET", f"/speeches/{order}")

    async def workers(self) -> set[int]:
        asked = await asyncio.gather(*(self.ask("GET", "/health") for _ in range(20)))
        return {answer["worker"] for answer in asked if answer is not None}


@pytest.fixture
def browser(listening: socket.socket) -> Browser:
    return Browser(f"http://127.0.0.1:{listening.getsockname()[1]}")


async def two_workers(browser: Browser) -> set[int]:
    """Return the two workers, once both answer; what is asked before waits for the first."""
    while len(found := await browser.workers()) < 2:
        pass
    return found


async def test_each_worker_has_a_journal_and_a_killed_ones_jobs_go_on(
    *, start: Start, browser: Browser, akool: Simulator, tmp_path: Path, until: Until
) -> None:
    start(SHOWN, "--workers", "2")
    first, _ = await two_workers(browser)
    orders = [await browser.order(number) for number in range(ORDERS)]
    for order in orders:
        await browser.accepted(order)
    os.kill(first, signal.SIGKILL)
    while first in await two_workers(browser):
        pass
    for order in orders:
        await browser.done(order)
    assert akool.world.creates == {"voice.tts": ORDERS}
    assert sorted(folder.name for folder in (tmp_path / "workers").iterdir()) == ["1", "2"]
    results = tmp_path / "results"
    await until(lambda: len(list(results.glob("*.wav"))) == ORDERS)


def test_a_second_worker_on_one_journal_stops_the_server_and_says_what_to_do(
    start: Start, log: Path
) -> None:
    server = start(SHOWN[:-1], "--workers", "2")
    server.wait(timeout=60)
    said = log.read_text()
    assert "JournalInUse" in said
    assert "give each process, such as each worker of a web server, a journal of its own" in said


async def test_sigterm_ends_a_server_with_a_stream_open(
    start: Start, browser: Browser, akool: Simulator, log: Path
) -> None:
    akool.world.behaviour = Behaviour(pace=1000.0, instant_audio_rate=0.0)
    server = start(SHOWN[:-1])
    assert await browser.workers()
    order = await browser.order(1)
    async with aiohttp.request("GET", f"{browser.url}/speeches/{order}/events") as stream:
        assert b"event: status" in await stream.content.readline()
        server.terminate()
        await asyncio.to_thread(server.wait, timeout=30)
    assert server.returncode in {0, -signal.SIGTERM}
    said = await asyncio.to_thread(log.read_text)
    assert "Application shutdown complete" in said


async def test_sigterm_waits_for_a_bounded_time_for_what_never_comes(
    start: Start, browser: Browser, akool: Simulator, log: Path, until: Until
) -> None:
    async def never(*_about: object) -> None:
        await asyncio.sleep(3600)

    server = start(SHOWN[:-1])
    assert await browser.workers()
    akool.fault = never
    await browser.order(1)
    await until(lambda: akool.requests["voice.tts"] == 1)
    server.terminate()
    await asyncio.to_thread(server.wait, timeout=60)
    assert "Application shutdown complete" in await asyncio.to_thread(log.read_text)


async def test_a_reload_keeps_what_is_at_akool_and_what_stands_in_line(
    start: Start, browser: Browser, akool: Simulator, tmp_path: Path
) -> None:
    akool.world.behaviour = Behaviour(pace=1.0, instant_audio_rate=0.0)
    narrow = [block.replace("on_end=ended)", "on_end=ended, max_concurrency=2)") for block in SHOWN]
    start(narrow[:-1], "--reload", "--timeout-graceful-shutdown", "2")
    (before,) = await browser.workers()
    orders = [await browser.order(number) for number in range(6)]
    number = (await browser.ask("GET", f"/speeches/{orders[-1]}"))["position"]
    assert number is not None
    source = tmp_path / "backend.py"
    source.write_text(source.read_text() + "\n# changed\n")
    while (await browser.workers()) <= {before}:
        pass
    for order in orders:
        await browser.done(order)
    assert akool.world.creates == {"voice.tts": 6}
