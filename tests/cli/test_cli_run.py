"""`akool run`, `akool fetch` and `akool verify`, as processes against a simulated Akool."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from akool_async.batch import load
from akool_async.simulator import Simulator
from tests.clocks import Until

ROW = {"operation": "audio.tts", "voice_id": "voice"}


class Process(Protocol):
    """Starts `akool` with some arguments."""

    async def __call__(
        self, *arguments: str, stdin: int | None = None
    ) -> asyncio.subprocess.Process:
        """Return the process."""
        ...


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(pace=0.05, omit_rate=0.0, instant_audio_rate=0.0) as running:
        yield running


@pytest.fixture
async def start(simulator: Simulator, tmp_path: Path) -> AsyncIterator[Process]:
    started: list[asyncio.subprocess.Process] = []

    async def starting(*arguments: str, stdin: int | None = None) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "akool_async.cli", *arguments),
            env=os.environ | {"AKOOL_API_KEY": simulator.api_key, "AKOOL_BASE_URL": simulator.url},
            cwd=tmp_path,
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        started.append(process)
        return process

    yield starting
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return written(tmp_path, 30)


def written(folder: Path, rows: int) -> Path:
    file = folder / "rows.jsonl"
    lines = [{**ROW, "key": f"row-{n}", "input_text": f"text {n}"} for n in range(rows)]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


async def outcome_of(process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    output, errors = await asyncio.wait_for(process.communicate(), 90)
    return process.returncode, output.decode(), errors.decode()


def last_figures(output: str) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads(output.splitlines()[-1])
    return figures


async def test_a_run_leaves_a_folder_named_after_its_manifest(
    start: Process, manifest: Path, tmp_path: Path
) -> None:
    code, output, errors = await outcome_of(await start("run", "rows.jsonl"))
    deprecated, told = errors.splitlines()  # 30 rows warn once, in one line
    assert deprecated.startswith("akool: Akool endpoint audio.tts: no longer in Akool's documen")
    assert (code, told) == (0, f"Report: {Path('rows.run', 'report.html')}")
    figures = last_figures(output)
    assert figures["operations"]["audio.tts"]["completed"] == 30
    assert "\x1b" not in output  # no control characters in a pipe
    folder = tmp_path / "rows.run"
    assert len(list(load(folder))) == 30
    assert sorted(each.name for each in folder.iterdir()) == [
        *("errors.jsonl", "journal.sqlite", "journal.sqlite.lock", "media"),
        *("report.html", "results.jsonl", "run.json"),
    ]
    record = json.loads((folder / "run.json").read_text())
    assert record["arguments"]["manifest"] == ["rows.jsonl"]
    assert len(record["manifests"][0]["sha256"]) == 64
    code, output, _ = await outcome_of(await start("verify", "rows.run"))
    assert (code, output) == (0, "30 files as results.jsonl says\n")


async def test_exit_statuses_tell_what_became_of_the_rows(
    start: Process, simulator: Simulator, manifest: Path, tmp_path: Path
) -> None:
    code, _, errors = await outcome_of(await start("run", "rows.jsonl", "--max-creates", "10"))
    assert code == 3
    assert "10 creates were allowed" in errors
    assert simulator.world.creates.total() == 10
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"operation": "audio.tss"}\n')
    code, _, errors = await outcome_of(await start("run", "bad.jsonl"))
    assert code == 2
    assert "did you mean 'audio.tts'" in errors
    assert not (tmp_path / "bad.run").exists()
    code, _, errors = await outcome_of(await start("run", "rows.jsonl", "--name", "../{key}"))
    assert code == 2
    assert "relative" in errors


async def test_failed_rows_are_an_exit_status_of_their_own(
    start: Process, simulator: Simulator, manifest: Path
) -> None:
    simulator.world.behaviour = type(simulator.world.behaviour)(
        fail_rate=1.0, pace=0.01, omit_rate=0.0
    )
    code, output, _ = await outcome_of(await start("run", "rows.jsonl"))
    assert code == 1
    figures = last_figures(output)
    assert figures["operations"]["audio.tts"]["failed"] == 30
    assert figures["errors"][0]["error"] == "JobFailed"


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent")
async def test_ctrl_c_drains_and_a_second_one_leaves(
    start: Process, simulator: Simulator, tmp_path: Path, until: Until
) -> None:
    written(tmp_path, 400)
    process = await start("run", "rows.jsonl", "--concurrency", "5")
    await until(lambda: simulator.world.creates.total() >= 20)
    process.send_signal(signal.SIGINT)
    code, output, errors = await outcome_of(process)
    created = simulator.world.creates.total()
    assert code == 3
    assert "Nothing more is created" in errors
    assert created < 60
    counts = last_figures(output)["operations"]["audio.tts"]
    assert (counts["completed"], counts["skipped"]) == (created, 400 - created)
    assert len(list(load(tmp_path / "rows.run"))) == created
    assert (tmp_path / "rows.run/report.html").exists()

    process = await start("run", "rows.jsonl", "--concurrency", "5")
    await until(lambda: simulator.world.creates.total() >= created + 20)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        await asyncio.sleep(0.2)  # two signals at once are one
    code, _, _ = await outcome_of(process)
    assert code in {3, 4}
    code, output, errors = await outcome_of(await start("run", "rows.jsonl"))
    assert code in {0, 4}, errors
    assert simulator.world.creates.total() <= 400


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent")
async def test_sigterm_drains_and_sigusr1_prints_the_figures(
    start: Process, simulator: Simulator, tmp_path: Path, until: Until
) -> None:
    written(tmp_path, 400)
    process = await start("run", "rows.jsonl", "--concurrency", "5", "--quiet")
    await until(lambda: simulator.world.creates.total() >= 10)
    process.send_signal(signal.SIGUSR1)
    assert process.stdout is not None
    figures = json.loads(await process.stdout.readline())
    assert figures["phase"] == "running"
    assert figures["operations"]["audio.tts"]["rows"] == 400
    process.send_signal(signal.SIGTERM)
    code, output, _ = await outcome_of(process)
    assert (code, output) == (3, "")


async def test_a_second_run_on_one_folder_says_which_process_has_it(
    start: Process, simulator: Simulator, tmp_path: Path, until: Until
) -> None:
    written(tmp_path, 200)
    first = await start("run", "rows.jsonl", "--concurrency", "2")
    await until(lambda: simulator.world.creates.total() >= 2)
    code, _, errors = await outcome_of(await start("run", "rows.jsonl"))
    assert code == 2
    assert f"another process ({first.pid})" in errors


async def test_rows_from_standard_input_are_carried_out_as_they_come(
    start: Process, simulator: Simulator, tmp_path: Path, until: Until
) -> None:
    process = await start("run", "-", "--out", "stream", stdin=asyncio.subprocess.PIPE)
    assert process.stdin is not None
    for number in range(3):
        row = json.dumps({**ROW, "input_text": f"text {number}"})
        process.stdin.write(row.encode() + b"\n")
        await process.stdin.drain()
        await until(lambda: simulator.world.creates.total() == number + 1)  # noqa: B023 - now
    process.stdin.write(b'{"operation": "audio.tts"}\n')
    process.stdin.close()
    await process.stdin.wait_closed()
    code, output, _ = await outcome_of(process)
    assert code == 1
    counts = last_figures(output)["operations"]
    assert counts["audio.tts"]["completed"] == 3
    assert counts[""]["failed"] == 1
    (error,) = map(json.loads, (tmp_path / "stream/errors.jsonl").read_text().splitlines())
    assert error["line"] == 4


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent")
async def test_ctrl_c_ends_a_run_that_waits_for_rows_from_standard_input(
    start: Process, simulator: Simulator, until: Until
) -> None:
    process = await start("run", "-", "--out", "stream", stdin=asyncio.subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(json.dumps({**ROW, "input_text": "text"}).encode() + b"\n")
    await process.stdin.drain()
    await until(lambda: simulator.world.creates.total() == 1)
    process.send_signal(signal.SIGINT)  # standard input stays open, as that of `tail -f` does
    assert process.stdout is not None
    assert process.stderr is not None
    output, errors = await asyncio.gather(process.stdout.read(), process.stderr.read())
    assert await process.wait() == 3, errors.decode()
    assert b"Fatal" not in errors
    assert last_figures(output.decode())["operations"]["audio.tts"]["completed"] == 1


@pytest.mark.skipif(sys.platform == "win32", reason="a shell's command")
async def test_a_command_at_the_end_gets_the_figures(
    start: Process, manifest: Path, tmp_path: Path
) -> None:
    command = 'cat > figures.json; echo "$AKOOL_EXIT_CODE $AKOOL_COMPLETED $AKOOL_RUN" > told'
    code, _, errors = await outcome_of(
        await start("run", "rows.jsonl", "--limit", "4", "--on-end", f"{command}; exit 5")
    )
    assert code == 0
    assert "--on-end ended with 5" in errors
    assert (tmp_path / "told").read_text().split() == ["0", "4", str(tmp_path / "rows.run")]
    assert json.loads((tmp_path / "figures.json").read_text())["saved"] == 4


async def test_a_check_and_a_dry_run_send_nothing(
    start: Process, simulator: Simulator, manifest: Path, tmp_path: Path
) -> None:
    code, output, _ = await outcome_of(await start("run", "rows.jsonl", "--check"))
    assert (code, output) == (0, "30 rows: 30 audio.tts\n")
    code, output, _ = await outcome_of(
        await start("run", "rows.jsonl", "--dry-run", "--price", "audio.tts=0.5")
    )
    assert code == 0
    assert output.splitlines()[:2] == ["audio.tts: 30 rows: 30 would be sent", "credits: 15"]
    assert not (tmp_path / "rows.run").exists()
    assert simulator.requests.total() == 0


async def test_files_of_this_machine_need_a_bucket_and_are_looked_at_before_anything_is_sent(
    start: Process, simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "face.jpg").touch()
    row = {"operation": "reage.image", "target_image": "face.jpg", "face_reage": 10}
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(row | {"modify_image": "https://photos.example/a.jpg"}) + "\n")
    code, _, errors = await outcome_of(await start("run", "rows.jsonl"))
    assert code == 2
    assert "AKOOL_UPLOADS" in errors
    monkeypatch.setenv("AKOOL_UPLOADS", "s3://bucket")
    code, _, errors = await outcome_of(await start("run", "rows.jsonl", "--check"))
    assert code == 2
    assert "empty" in errors
    assert simulator.requests.total() == 0
