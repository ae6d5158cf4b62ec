"""`akool jobs`, and the commands that control a run from another terminal."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from akool_async.cli.job_lines import JobLines, fitted
from akool_async.journal import Journal, State
from akool_async.journal.browsing import JobRow
from akool_async.simulator import Simulator
from tests.cli.commands import COMMAND, Command, run_here

ROWS = 200


class Terminal:
    """A terminal in a folder with a manifest, against a simulated Akool."""

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        self.folder = folder
        self.simulator = simulator
        self.started: list[asyncio.subprocess.Process] = []

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start `akool` with some arguments."""
        settings = {"AKOOL_API_KEY": self.simulator.api_key, "AKOOL_BASE_URL": self.simulator.url}
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            *arguments,
            env=os.environ | settings | {"COLUMNS": "80"},
            cwd=self.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self.started.append(process)
        return process

    async def akool(self, *arguments: str) -> tuple[int | None, str, str]:
        """Run `akool` to its end; return status, output and complaints."""
        if arguments[0] != "run":  # which hears signals, and so needs a process
            return await asyncio.to_thread(run_here, *arguments)
        return await self.away(*arguments)

    async def away(self, *arguments: str) -> tuple[int | None, str, str]:
        """Run `akool` in a process of its own."""
        process = await self.start(*arguments)
        output, errors = await asyncio.wait_for(process.communicate(), 90)
        return process.returncode, output.decode(), errors.decode()

    async def runs(self) -> None:
        """Wait until the run takes commands, and has sent something."""
        while True:
            _, output, _ = await self.akool("jobs", "rows.run", "--json")
            if output and json.loads(output)[0]["state"] == "running":
                return


@pytest.fixture
async def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Terminal]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    rows = [
        {"operation": "audio.tts", "key": f"row-{n}", "input_text": f"text {n}", "voice_id": "v"}
        for n in range(ROWS)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    async with Simulator(pace=0.5, fail_rate=0.1, omit_rate=0.0) as simulator:
        opened = Terminal(tmp_path, simulator)
        yield opened
        for process in opened.started:
            if process.returncode is None:
                process.kill()
                await process.communicate()


def words_of(line: str) -> list[str]:
    return line.split()


async def test_a_run_is_paused_changed_resumed_and_drained_from_another_terminal(
    terminal: Terminal,
) -> None:
    run = await terminal.start("run", "rows.jsonl", "--concurrency", "4")
    while not (terminal.folder / "rows.run" / "control.sock").exists():  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    await terminal.runs()
    code, output, errors = await terminal.akool("pause", "rows.run")
    assert (code, errors) == (0, "")
    assert output.startswith("rows.run is paused; in flight: ")
    _, output, _ = await terminal.akool("jobs")
    assert words_of(output.splitlines()[1])[:2] == ["rows.run", "paused"]
    assert await terminal.akool("set", "rows.run", "concurrency=2") == (
        *(0, "rows.run has at most 2 jobs at Akool at once\n", ""),
    )
    assert await terminal.akool("resume", "rows.run") == (0, "rows.run is running\n", "")
    code, output, _ = await terminal.akool("drain", "rows.run")
    assert output.startswith("rows.run is draining; in flight: ")
    assert (await asyncio.wait_for(run.communicate(), 90))[1].decode().startswith("Stopped early")
    assert run.returncode == 3
    assert terminal.simulator.world.creates.total() < ROWS
    code, _, errors = await terminal.akool("pause", "rows.run")
    assert (code, "no process carries the run out" in errors) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("set", ".", "concurency=5"), "'concurency=5' is no setting; concurrency=50 is one"),
        (("set", ".", "concurrency=many"), "'many' is no number of jobs"),
        (("set", ".", "concurrency=0"), "concurrency is 1 or more"),
        (("pause", "."), "is no run's folder"),
        (("dashboard", "."), "is no run's folder"),
        (("jobs",), "there is no journal in the working folder"),
    ],
)
async def test_what_makes_no_sense_is_said_in_one_line(
    terminal: Terminal, arguments: tuple[str, ...], said: str
) -> None:
    code, output, errors = await terminal.akool(*arguments)
    assert code in {1, 2}
    assert output == ""
    assert said in errors
    assert errors.count("\n") == 1


async def test_jobs_are_listed_summary_first_and_a_line_each(terminal: Terminal) -> None:
    await terminal.akool("run", "rows.jsonl", "--quiet")
    code, output, errors = await terminal.akool("jobs")
    summary, jobs = output.split("\n\n")
    heading, counts = summary.splitlines()
    assert code == 0
    assert words_of(heading)[:4] == ["journal", "state", "done", "failed"]
    name, state, done, failed, *_, rows = words_of(counts)
    assert (name, state, rows) == ("rows.run", "over", str(ROWS))
    assert int(done) + int(failed) == ROWS
    assert len(jobs.splitlines()) == 20
    assert "--limit 0 all" in errors
    assert all(len(line) <= 80 for line in output.splitlines())

    _, output, _ = await terminal.akool("jobs", "rows.run", "--failed", "--limit", "0")
    lines = output.split("\n\n")[1].splitlines()
    assert len(lines) == int(failed)
    assert {words_of(line)[0] for line in lines} == {"failed"}

    _, output, _ = await terminal.akool("jobs", "--key", "row-1[01]", "--json")
    (document,) = json.loads(output)
    assert {job["key"] for job in document["jobs"]} == {"row-10", "row-11"}
    assert document["counts"]["rows"] == ROWS

    _, output, _ = await terminal.akool("jobs", "--limit", "0")
    assert len(output.split("\n\n")[1].splitlines()) == ROWS


async def test_of_many_journals_the_summary_alone_is_printed(terminal: Terminal) -> None:
    for name in ("one", "two"):
        await terminal.akool("run", "rows.jsonl", "--out", name, "--limit", "3", "--quiet")
    (terminal.folder / "other.db").write_bytes(b"SQLite format 3\0" + bytes(100))
    _, output, errors = await terminal.akool("jobs")
    assert [words_of(line)[0] for line in output.splitlines()] == ["journal", "two", "one"]
    assert errors == ""
    _, output, _ = await terminal.akool("jobs", "--key", "row-1")
    assert output.count("row-1 ") == 2


async def test_hundreds_of_journals_are_no_more_than_a_few_open_files(
    terminal: Terminal,
) -> None:
    await terminal.akool("run", "rows.jsonl", "--limit", "2", "--quiet")
    for number in range(150):
        folder = terminal.folder / "nights" / f"{number}.run"
        folder.mkdir(parents=True)
        shutil.copy(terminal.folder / "rows.run" / "journal.sqlite", folder)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, before[1]))
    try:
        code, output, errors = await terminal.away("jobs", "nights")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert (code, errors) == (0, "")
    assert len(output.splitlines()) == 151
    _, output, errors = await terminal.akool("jobs", "nights", "--key", "no-*")
    assert errors == "no such job\n"  # once
    assert len(output.splitlines()) == 151


async def test_the_dashboard_prints_its_address_and_ends_at_ctrl_c(terminal: Terminal) -> None:
    await terminal.akool("run", "rows.jsonl", "--limit", "3", "--quiet")
    process = await terminal.start("dashboard", "rows.run")
    assert process.stdout is not None
    address = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
    assert address.startswith("http://127.0.0.1:")
    assert len(address.strip().rpartition(":")[2]) > 32
    process.terminate()
    _, errors = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, errors) == (0, b"")


def row(**changed: Any) -> JobRow:
    known: dict[str, Any] = {
        "number": 1,
        "key": "row-1",
        "name": "audio.tts",
        "state": State.FAILED,
        "attempt": 1,
        "id": None,
        "reason": "",
        "created_at": None,
        "updated_at": 0.0,
        "saved": None,
        "line": None,
    }
    return JobRow(**known | changed)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_line_fits_whatever_is_in_it(width: int) -> None:
    wide = row(key="鍵" * 60, name="video.talking_photo", reason="no\nface \x1b[31m" * 30)
    lines = JobLines([row(), wide], width, now=7200.0)
    for each in (row(), wide, row(name="x" * 50)):
        line = lines.line_of(each)
        assert cell_len(line) <= width
        assert line.isprintable()
        assert " 2 h" in line


def test_a_path_is_cut_on_its_left() -> None:
    assert fitted("/a/long/path/to/night.run", 12, left=True) == "…o/night.run"
    assert fitted("a long text", 6) == "a lon…"


def test_without_its_package_the_dashboard_says_what_to_install(
    bare: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Journal(tmp_path / "journal.sqlite").close_now()
    monkeypatch.setattr("akool_async.cli.dashboard.find_spec", lambda _name: None)
    ended = bare("dashboard", str(tmp_path))
    assert ended.status == 1
    assert "pip install 'akool_async[batch]'" in ended.err
