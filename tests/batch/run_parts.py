"""Rows of runs, and runs that are looked at from outside while they go on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from akool_async import Akool
from akool_async.batch import RunOptions
from akool_async.batch.folder import RunFolder
from akool_async.batch.manifest.rows import read
from akool_async.batch.runner import Run
from akool_async.endpoints import TTS, SpeakingPhoto, SwapFaces
from akool_async.uploads import LocalFile


def speeches(count: int) -> list[tuple[str, TTS]]:
    return [(f"row-{n}", TTS(input_text=f"text {n}", voice_id="voice")) for n in range(count)]


def talks(count: int) -> list[tuple[str, SpeakingPhoto]]:
    """Return rows of a recipe with two paid steps, a speech and a video."""
    photo = "https://host.example/photo.jpg"
    return [
        (
            f"talk-{n}",
            SpeakingPhoto(talking_photo_url=photo, input_text=f"text {n}", voice_id="voice"),
        )
        for n in range(count)
    ]


def swaps(sources: list[Any]) -> list[tuple[str, SwapFaces]]:
    """Return rows of a recipe with one paid step, after two questions that cost nothing."""
    target = "https://host.example/target.jpg"
    return [(f"swap-{n}", SwapFaces(source=each, target=target)) for n, each in enumerate(sources)]


def photos(folder: Path, count: int) -> list[Path]:
    found = [folder / f"{n}.jpg" for n in range(count)]
    for number, each in enumerate(found):
        each.write_bytes(b"\xff\xd8\xff" + bytes([number]) * 50)
    return found


class Shelf:
    """Where files are uploaded to, once the shop is open."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.waiting = 0

    async def upload(self, file: LocalFile, /) -> str:
        self.waiting += 1
        await self.opened.wait()
        return f"https://files.example/{file.name}"


def started(rows: Any, akool: Akool, out: Path, **options: Any) -> tuple[Run, asyncio.Task[None]]:
    """Begin a run; return it, and the task that carries it out."""
    out.mkdir(exist_ok=True)
    begun = Run(RunFolder.at(out), RunOptions(**options))
    return begun, asyncio.create_task(begun.carry_out(read(rows), akool))


async def finished(rows: Any, akool: Akool, out: Path, **options: Any) -> Run:
    """Carry a run out to its end."""
    begun, work = started(rows, akool, out, **options)
    await work
    return begun


async def left(work: asyncio.Task[None]) -> None:
    """Leave a run at once, as the second Ctrl-C does."""
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def statuses(out: Path) -> dict[str, str]:
    """Return the status in the line of each row, by key."""
    lines = lines_of(out / "results.jsonl")
    assert len({each["key"] for each in lines}) == len(lines)
    return {each["key"]: each["status"] for each in lines}
