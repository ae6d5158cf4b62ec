"""Runs while Akool, or the bucket for uploads, cannot be reached: rows wait, and are sent later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from akool_async import Akool, UploadError
from akool_async.batch import RunOptions
from akool_async.batch.folder import RunFolder
from akool_async.batch.manifest.rows import read
from akool_async.batch.runner import Run
from akool_async.endpoints import TTS, AgeFaces, SwapFaces
from akool_async.simulator import Simulator
from akool_async.uploads import LocalFile
from tests.clients import Connect
from tests.clocks import Until
from tests.servers import held_port

FACE, PHOTO = "https://photos.example/face.png", "https://photos.example/photo.png"


@pytest.fixture
def port() -> Iterator[int]:
    """Return a port on which nobody listens."""
    with held_port() as port:
        yield port


@pytest.fixture
async def simulator(port: int) -> AsyncIterator[Simulator]:
    """Return a simulated Akool that was not started."""
    simulator = Simulator(port=port, pace=0.02, omit_rate=0.0, instant_audio_rate=0.0)
    yield simulator
    await simulator.stop()


@pytest.fixture
def akool(port: int, connect: Connect) -> Akool:
    """Return a client of the simulated Akool, started or not."""
    where = f"http://127.0.0.1:{port}"
    return connect(where, api_key="simulated-api-key", max_concurrency=4)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    (tmp_path / "night").mkdir()
    return RunFolder.at(tmp_path / "night")


def speeches(count: int) -> list[tuple[str, Any]]:
    return [(f"row-{n}", TTS(input_text=f"text {n}", voice_id="voice")) for n in range(count)]


def swaps(count: int) -> list[tuple[str, Any]]:
    return [(f"swap-{n}", SwapFaces(source=FACE, target=f"{PHOTO}?{n}")) for n in range(count)]


@asynccontextmanager
async def under_way(run: Run, rows: Any, akool: Any) -> AsyncGenerator[asyncio.Task[None]]:
    """Carry rows out meanwhile."""
    work = asyncio.create_task(run.carry_out(read(rows), akool))
    try:
        yield work
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


def counts_of(run: Run) -> dict[str, int]:
    names = ("completed", "failed", "in_doubt", "skipped", "waiting", "in_flight")
    return {name: run.counts.total(name) for name in names if run.counts.total(name)}


@pytest.mark.parametrize("rows", [speeches(30), swaps(6)], ids=["operations", "recipes"])
async def test_rows_wait_while_nothing_can_be_reached_and_are_sent_after_that(
    rows: Any, akool: Akool, simulator: Simulator, folder: RunFolder, until: Until
) -> None:
    run = Run(folder, RunOptions(), planned={rows[0][1].label: len(rows)})
    async with under_way(run, rows, akool) as work:
        await until(lambda: run.figures().phase == "no connection")
        await asyncio.sleep(0.5)
        assert run.figures().eta is None
        assert not run.counts.news
        await simulator.start()
        await asyncio.wait_for(work, 60)
    assert counts_of(run) == {"completed": len(rows)}


async def test_an_outage_in_the_middle_of_a_run_ends_no_row(
    akool: Akool, simulator: Simulator, folder: RunFolder, until: Until
) -> None:
    await simulator.start()
    run = Run(folder, RunOptions())
    async with under_way(run, speeches(60), akool) as work:
        await until(lambda: run.counts.news >= 10)
        await simulator.stop()
        await until(lambda: run.figures().phase == "no connection")
        await simulator.start()
        await asyncio.wait_for(work, 60)
    # A create may have been on its way as the server was stopped: nobody knows what became of it.
    assert run.counts.total("failed") == 0
    assert run.counts.total("completed") >= 56
    assert simulator.world.creates.total() <= 60


@pytest.mark.parametrize("rows", [speeches(30), swaps(6)], ids=["operations", "recipes"])
async def test_a_run_that_cannot_reach_anything_drains(
    rows: Any, akool: Akool, folder: RunFolder, until: Until
) -> None:
    run = Run(folder, RunOptions(), planned={rows[0][1].label: len(rows)})
    async with under_way(run, rows, akool) as work:
        await until(lambda: run.figures().phase == "no connection")
        run.drain("it was interrupted")
        await asyncio.wait_for(work, 30)
    assert counts_of(run) == {"skipped": len(rows)}
    assert not run.in_doubt
    assert folder.errors.read_bytes() == b""


async def test_few_rows_are_in_doubt_while_the_host_answers_nothing_readable(
    simulator: Simulator, connect: Connect, folder: RunFolder, until: Until
) -> None:
    async def page(name: str, _request: web.Request) -> web.Response | None:
        return web.Response(status=502) if name == "audio.tts" else None

    simulator.fault = page
    await simulator.start()
    run = Run(folder, RunOptions())
    async with under_way(run, speeches(40), connect(simulator, max_concurrency=4)) as work:
        await until(lambda: run.counts.total("in_doubt") >= 3)
        await asyncio.sleep(0.5)
        simulator.fault = None
        await asyncio.wait_for(work, 60)
    assert run.counts.total("in_doubt") <= 8  # four under way, and a few probes
    assert run.counts.total("completed") == 40 - run.counts.total("in_doubt")


class Bucket:
    """An uploader that can be reached or not."""

    def __init__(self) -> None:
        self.reached = False
        self.tries = 0

    async def upload(self, file: LocalFile, /) -> str:
        """Return an address, or fail as without a network."""
        self.tries += 1
        if not self.reached:
            raise UploadError("error sending request")
        return f"https://bucket.example.com/{file.name}"


def photos(folder: Path, count: int) -> list[tuple[str, Any]]:
    files = [folder / f"{n}.png" for n in range(count)]
    for number, file in enumerate(files):
        file.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes([number]))
    return [(file.name, AgeFaces(file, years=30)) for file in files]


@pytest.fixture
def quick_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the pauses between two tries of an upload short."""
    monkeypatch.setattr("akool_async.uploads.lane._FIRST", 0.002)
    monkeypatch.setattr("akool_async.uploads.lane._LONGEST", 0.02)


@pytest.mark.usefixtures("quick_pauses")
async def test_rows_wait_while_no_file_can_be_uploaded(
    simulator: Simulator,
    connect: Connect,
    folder: RunFolder,
    until: Until,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await simulator.start()
    bucket, rows = Bucket(), photos(folder.root, 6)
    run = Run(folder, RunOptions())
    async with under_way(run, rows, connect(simulator, uploads=bucket, max_concurrency=4)) as work:
        await until(lambda: run.figures().phase == "no connection")
        await until(lambda: bucket.tries > 60)
        assert not run.counts.news
        bucket.reached = True
        await asyncio.wait_for(work, 60)
    assert counts_of(run) == {"completed": 6}
    assert len([each for each in caplog.records if "upload" in each.message]) == 2


@pytest.mark.usefixtures("quick_pauses")
async def test_a_run_whose_files_cannot_be_uploaded_drains(
    simulator: Simulator, connect: Connect, folder: RunFolder, until: Until
) -> None:
    await simulator.start()
    rows = photos(folder.root, 6)
    run = Run(folder, RunOptions(), planned={rows[0][1].label: 6})
    async with under_way(
        run, rows, connect(simulator, uploads=Bucket(), max_concurrency=4)
    ) as work:
        await until(lambda: run.figures().phase == "no connection")
        run.drain("it was interrupted")
        await asyncio.wait_for(work, 30)
    assert counts_of(run) == {"skipped": 6}


@pytest.mark.usefixtures("quick_pauses")
async def test_a_file_that_alone_cannot_be_uploaded_is_refused(
    simulator: Simulator, connect: Connect, folder: RunFolder
) -> None:
    class Picky(Bucket):
        async def upload(self, file: LocalFile, /) -> str:
            self.reached = file.path.name != "0.png"
            return await super().upload(file)

    await simulator.start()
    rows = photos(folder.root, 2)
    more = [(f"again-{key}", request) for key, request in photos(folder.root, 40)[2:]]
    run = Run(folder, RunOptions())
    async with under_way(run, rows + more, connect(simulator, uploads=Picky())) as work:
        await asyncio.wait_for(work, 60)
    assert counts_of(run) == {"completed": 39, "failed": 1}
