"""The end of `akool run`: its exit status, its last words, and the commands that they name."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from akool_async.batch import load
from akool_async.simulator import Simulator
from tests.cli.commands import Command, point_at

SPEECH = {"operation": "audio.tts", "voice_id": "voice"}
SWAP = {
    "operation": "faceswap.swap",
    "source": "https://photos.example/face.png",
    "target": "https://photos.example/photo.png",
}


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Simulator]:
    with Simulator(pace=0.01, omit_rate=0.0, instant_audio_rate=0.0).in_thread() as running:
        point_at(running, monkeypatch)
        monkeypatch.chdir(tmp_path)
        yield running


def written(*rows: Mapping[str, Any]) -> str:
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return "rows.jsonl"


def speeches(count: int) -> list[dict[str, Any]]:
    return [{**SPEECH, "key": f"row-{n}", "input_text": f"text {n}"} for n in range(count)]


def test_the_commands_about_creates_in_doubt_decide_also_about_recipes_and_all_at_once(
    bare: Command, simulator: Simulator
) -> None:
    async def page(name: str, _request: web.Request) -> web.Response | None:
        return web.Response(status=502) if name in {"audio.tts", "faceswap.image"} else None

    simulator.fault = page
    manifest = written(*speeches(1), {**SWAP, "key": "swap"})
    ended = bare("run", manifest, "--quiet", "--no-report")
    assert ended.status == 4
    assert "2 creates may have made a job" in ended.err
    simulator.fault = None
    (line,) = (line for line in ended.err.splitlines() if "--from" in line)
    command = line.partition("akool ")[2].replace("(--resend | --abandon)", "--resend")
    assert bare(*shlex.split(command)).out == "2 creates may be sent again\n"
    assert bare("run", manifest, "--quiet", "--no-report").status == 0
    assert {each.key: each.status for each in load("rows.run")} == {
        "row-0": "completed",
        "swap": "completed",
    }
