"""A disk that takes nothing while a run goes on: it stops, says why, and the next run goes on.

Nothing is created for which there is no room, nothing is paid for twice, and nothing is lost.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest

from akool_async import Akool
from akool_async.batch import RunOptions
from akool_async.batch.files import saving
from akool_async.batch.folder import RunFolder
from akool_async.batch.manifest.rows import read
from akool_async.batch.outcomes import writing
from akool_async.batch.runner import Run
from akool_async.endpoints import TTS
from akool_async.simulator import Simulator
from tests.clients import Connect
from tests.clocks import Until

ROWS = 150

Mount: TypeAlias = Callable[[Path, str], None]
"""Mount a new disk of some size at a folder, or change the one that is there."""


class Trouble(NamedTuple):
    """A folder of a run whose media can be made useless."""

    out: Path
    begin: Callable[[], object]
    end: Callable[[], object]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait long for a disk."""
    monkeypatch.setattr(saving, "RESTS", (0.05, 0.1))
    monkeypatch.setattr(writing, "PATIENCE", 0.5)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "night"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def akool(simulator: Simulator, connect: Connect) -> Akool:
    return connect(simulator, max_concurrency=4)


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Mount disks of some size; they are gone at the end."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root mounts a disk, and only Linux has tmpfs")
    mounted: list[Path] = []

    def change(place: Path, options: str) -> None:
        kind = ["-o", f"remount,{options}"] if place in mounted else ["-t", "tmpfs", "-o", options]
        source = [] if place in mounted else ["tmpfs"]
        place.mkdir(parents=True, exist_ok=True)
        for _ in range(200):  # a file that is being written keeps a disk from being read-only
            ended = subprocess.run(
                ["/bin/mount", *kind, *source, str(place)],
                capture_output=True,
                text=True,
                check=False,
            )
            if ended.returncode == 0:
                break
            if place not in mounted:
                pytest.skip(f"no disk can be mounted here: {ended.stderr.strip()}")
            time.sleep(0.01)
        else:
            raise AssertionError(ended.stderr)
        if place not in mounted:
            mounted.append(place)

    yield change
    for place in mounted:
        subprocess.run(["/bin/umount", "--lazy", str(place)], check=True)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(pace=0.02, omit_rate=0.0, instant_audio_rate=0.0) as running:
        yield running


def speeches() -> list[tuple[str, TTS]]:
    return [(f"row-{n}", TTS(input_text=f"text {n}", voice_id="voice")) for n in range(ROWS)]


def lines_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


def check(out: Path, simulator: Simulator) -> None:
    """Compare the run's folder with what the server made."""
    assert simulator.world.creates.total() == ROWS
    lines = lines_of(out)
    assert sorted(each["key"] for each in lines) == sorted(key for key, _ in speeches())
    for each in lines:
        assert (out / each["path"]).read_bytes() == simulator.world.jobs[each["id"]].media().content


def put_aside(media: Path) -> None:
    media.rename(media.with_name("aside"))
    media.touch()


def put_back(media: Path) -> None:
    media.unlink()
    media.with_name("aside").rename(media)


def fill(disk: Path) -> None:
    with suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


@pytest.fixture(params=["full", "read-only", "a file"])
def trouble(request: pytest.FixtureRequest, out: Path) -> Trouble:
    media = out / "media"
    media.mkdir()
    if request.param == "a file":
        return Trouble(out, lambda: put_aside(media), lambda: put_back(media))
    mount: Mount = request.getfixturevalue("mount")
    mount(media, "size=10m")
    if request.param == "full":
        return Trouble(out, lambda: fill(media), (media / "filler").unlink)
    return Trouble(out, lambda: mount(media, "ro"), lambda: mount(media, "rw"))


@pytest.fixture
def disk(out: Path, mount: Mount) -> Path:
    """Return the folder of a run that is a disk of its own."""
    mount(out, "size=10m")
    return out


async def test_a_run_whose_disk_takes_no_results_stops_and_the_next_one_goes_on(
    trouble: Trouble,
    akool: Akool,
    simulator: Simulator,
    until: Until,
    caplog: pytest.LogCaptureFixture,
) -> None:
    carried = Run(RunFolder.at(trouble.out), RunOptions(), planned={"audio.tts": ROWS})
    work = asyncio.create_task(carried.carry_out(read(speeches()), akool))
    await until(lambda: carried.counts.saved >= 5)
    await asyncio.to_thread(trouble.begin)
    await asyncio.wait_for(work, 60)
    assert "the disk takes no results: " in carried.stopped_by
    assert "nothing more is created: the disk takes no results" in caplog.text
    assert simulator.world.creates.total() < ROWS
    assert carried.counts.unsaved > 0
    counts = carried.figures().operations["audio.tts"]
    assert counts.completed == simulator.world.creates.total()
    trouble.end()
    again = Run(RunFolder.at(trouble.out), RunOptions())
    await again.carry_out(read(speeches()), akool)
    assert (again.stopped_by, again.counts.unsaved) == ("", 0)
    check(trouble.out, simulator)


async def test_a_run_whose_journal_has_no_room_waits_for_it_so_that_no_id_is_lost(
    akool: Akool,
    simulator: Simulator,
    disk: Path,
    until: Until,
    caplog: pytest.LogCaptureFixture,
) -> None:
    carried = Run(RunFolder.at(disk), RunOptions(), planned={"audio.tts": ROWS})
    work = asyncio.create_task(carried.carry_out(read(speeches()), akool))
    await until(lambda: carried.counts.saved >= 5)
    fill(disk)
    await until(lambda: "the run waits until it does" in caplog.text)
    assert "room" in carried.stopped_by  # for the journal or for a file, whichever is told first
    created = simulator.world.creates.total()
    assert created < ROWS
    assert not work.done()
    (disk / "filler").unlink()
    await asyncio.wait_for(work, 60)
    assert carried.in_doubt == []
    assert simulator.world.creates.total() == created
    again = Run(RunFolder.at(disk), RunOptions())
    await again.carry_out(read(speeches()), akool)
    assert again.stopped_by == ""
    check(disk, simulator)


async def test_a_run_whose_journal_has_no_room_is_left_at_once_all_the_same(
    akool: Akool,
    simulator: Simulator,
    disk: Path,
    until: Until,
    caplog: pytest.LogCaptureFixture,
) -> None:
    carried = Run(RunFolder.at(disk), RunOptions())
    work = asyncio.create_task(carried.carry_out(read(speeches()), akool))
    await until(lambda: carried.counts.saved >= 5)
    fill(disk)
    await until(lambda: "has no room left on its disk" in caplog.text)
    work.cancel()
    await asyncio.wait([work], timeout=60)
    assert work.done()
    (disk / "filler").unlink()
    again = Run(RunFolder.at(disk), RunOptions())
    await again.carry_out(read(speeches()), akool)
    # What could not be written down is for a person to decide, and is not paid for again.
    assert simulator.world.creates.total() <= ROWS
    assert again.counts.total("in_doubt") + again.counts.total("completed") == ROWS
