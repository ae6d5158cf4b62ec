"""The end of `akool run`: its exit status, its last words, and the commands that they name."""

from __future__ import annotations

import json
import re
import shlex
import signal
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from akool_async.batch import load
from akool_async.simulator import Simulator
from tests.cli.commands import Command, point_at, serving

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


def test_results_that_an_earlier_run_was_not_to_save_are_saved_by_the_next_one(
    bare: Command, simulator: Simulator
) -> None:
    manifest = written(*speeches(5))
    assert bare("run", manifest, "--quiet", "--no-report", "--no-save").status == 0
    assert {each.path for each in load("rows.run")} == {None}
    assert bare("run", manifest, "--quiet", "--no-report").status == 0
    assert sorted(each.path or "" for each in load("rows.run")) == [
        f"media/row-{n}.wav" for n in range(5)
    ]
    assert simulator.world.creates.total() == 5
    assert bare("verify", "rows.run").status == 0


@pytest.mark.usefixtures("simulator")
def test_files_that_are_gone_are_told_with_the_command_that_saves_them(bare: Command) -> None:
    manifest = written(*speeches(5))
    first = bare("run", manifest, "--quiet", "--no-report")
    assert (first.status, first.err) == (0, "")
    for number in (1, 3):
        Path("rows.run", "media", f"row-{number}.wav").unlink()
    again = bare("run", manifest, "--quiet", "--no-report")
    assert (
        again.err
        == "2 saved files not there any more: akool fetch rows.run saves what is missing\n"
    )
    assert bare("fetch", "rows.run", "--quiet").status == 0
    assert bare("run", manifest, "--quiet", "--no-report").err == ""


def test_what_is_wrong_before_anything_is_sent_is_one_exit_status_and_leaves_no_folder(
    bare: Command, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = written(*speeches(2))
    Path("file").write_text("no folder")
    ended = bare("run", manifest, "--out", "file/run")
    assert (ended.status, "nothing can be saved in file/run" in ended.err) == (2, True)
    for option, value, hint in (
        ("--price", "audio.tss=3", "did you mean 'audio.tts'?"),
        ("--price", "audio.*=3", "must name an operation"),
        ("--price", "audio.tts=cheap", "is no price"),
        ("--limits", "vidoe.*=3", "did you mean 'video.*'?"),
        ("--limits", "audio.*=few", "is no number"),
    ):
        ended = bare("run", manifest, option, value)
        assert ended.status == 2
        assert hint in ended.err
    monkeypatch.delenv("AKOOL_API_KEY")
    ended = bare("run", manifest)
    assert (ended.status, "no credential" in ended.err) == (2, True)
    assert not Path("rows.run").exists()
    monkeypatch.setenv("AKOOL_API_KEY", simulator.api_key)
    Path("rows.run").mkdir()
    Path("rows.run", "journal.sqlite").write_text("no journal at all, but a text of some length")
    ended = bare("run", manifest)
    assert (ended.status, "journal" in ended.err) == (2, True)
    assert not simulator.world.creates
    options = ("--price", "faceswap.swap=2", "--limits", "*.swap=1", "--limits", "audio.*=2")
    assert bare("run", manifest, "--out", "good", "--quiet", "--no-report", *options).status == 0


@pytest.mark.usefixtures("simulator")
def test_a_limit_on_credits_says_by_how_much_it_may_be_and_was_exceeded(bare: Command) -> None:
    manifest = written(*speeches(30))
    options = ("--quiet", "--no-report", "--max-credits", "5")
    ended = bare("run", manifest, *options)
    assert ended.status == 3
    assert "--max-credits 5 may be exceeded by the price of 10 rows" in ended.err
    assert "audio.tts" in ended.err
    assert re.search(r"\d+ credits were spent: \d more than --max-credits 5", ended.err)
    again = bare("run", manifest, *options)  # with the price that was learned
    assert "exceeded" not in again.err
    assert "more than" not in again.err


def test_what_is_missing_is_found_and_fetched(bare: Command, simulator: Simulator) -> None:
    bare("run", written(*speeches(9)), "--limit", "5", "--name", "{line}-{key}", "--no-report")
    media = Path("rows.run/media")
    first, second, *_ = sorted(media.iterdir())
    first.unlink()
    second.write_bytes(b"other")
    (media / "stranger.txt").touch()
    ended = bare("verify", "rows.run")
    assert ended.status == 1
    assert f"media/{first.name} is missing" in ended.out
    assert f"media/{second.name} has 5 bytes instead of" in ended.out
    assert "media/stranger.txt belongs to no row" in ended.out
    second.unlink()
    assert bare("fetch", "rows.run", "--dry-run")[:2] == (1, "2 results without a file\n")
    ended = bare("fetch", "rows.run")
    assert (ended.status, ended.err) == (0, "2 results saved\n")
    assert json.loads(ended.out.splitlines()[-1])["saved"] == 5
    (media / "stranger.txt").unlink()
    assert bare("verify", "rows.run").status == 0
    assert simulator.world.creates.total() == 5


def test_the_dashboard_of_a_run_that_is_over_serves_until_it_is_stopped(
    bare: Command, simulator: Simulator
) -> None:
    assert bare("run", written(*speeches(2)), "--quiet", "--no-report").status == 0
    with serving("dashboard", "rows.run") as dashboard:
        address = dashboard.out.readline().strip()
        with urllib.request.urlopen(address, timeout=30) as page:  # noqa: S310 - loopback
            assert b"Drain" in page.read()
        dashboard.send(signal.SIGINT)
        assert dashboard.ended() == (0, "", "")
