"""Each tutorial is followed from its first block to its last, as a reader follows it."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
import xlsxwriter
from aiohttp import web

from akool_async.journal import Journal, State
from akool_async.simulator import Behaviour, Simulator
from tests.docs.conftest import PHOTO
from tests.docs.pages import FENCED, ROOT, text_of
from tests.docs.reader import Reader, Step, printed_as, steps_of
from tests.s3 import S3

FOLDER: Final = ROOT / "docs/tutorials"
TUTORIALS: Final = sorted(page.stem for page in FOLDER.glob("*.md"))
SIMULATE: Final = "akool simulate"
STRAIGHT: Final = (
    "from_a_polling_loop",
    "overnight_spreadsheet",
    "test_your_code",
    "thousand_jobs",
)
"""Followed from top to bottom, beside a simulator that runs already."""


def steps(name: str) -> list[Step]:
    return steps_of(FOLDER / f"{name}.md")


@pytest.fixture
def reader(simulator_around: Simulator) -> Reader:
    return Reader()


@pytest.fixture
def table_around(tmp_path: Path) -> None:
    """Save the table that the tutorial shows as the spreadsheet that it names."""
    page = text_of(FOLDER / "overnight_spreadsheet.md")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.splitlines()
        if line.startswith("| ") and not line.startswith("| ---")
    ]
    assert len(rows) == 4
    with xlsxwriter.Workbook(tmp_path / "texts.xlsx") as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)


@pytest.mark.parametrize("name", STRAIGHT)
@pytest.mark.usefixtures("table_around")
def test_a_tutorial_does_what_it_says(
    name: str, reader: Reader, simulator_around: Simulator
) -> None:
    if name == "thousand_jobs":
        simulator_around.world.behaviour = Behaviour(pace=0.05, fail_rate=0.02)
    for step in steps(name):
        if not step.commands.startswith(SIMULATE):
            reader.follow(step)


def test_the_first_job_starts_with_a_simulator_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    reader = Reader()
    simulator: subprocess.Popen[str] | None = None
    try:
        for step in steps("first_job"):
            if step.commands == SIMULATE:
                simulator = reader.start(f"{SIMULATE} --pace 0.05")
                reader.printed = "".join(up_to_ctrl_c(simulator))
                reader.environment |= exported(reader.printed)
            else:
                reader.follow(step)
    finally:
        assert simulator is not None
        simulator.send_signal(signal.SIGINT)
        simulator.communicate()


def up_to_ctrl_c(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        yield line
        if "Ctrl-C" in line:
            return


def exported(printed: str) -> dict[str, str]:
    """Return what the printed lines with `export` say."""
    lines = [line.split()[1:] for line in printed.splitlines() if line.startswith("  export ")]
    return dict(pair.split("=", 1) for line in lines for pair in line)


# Survive a crash

ENDED: Final = 10
"""Rows that have ended when the program is killed."""


def waited(condition: Callable[[], object]) -> None:
    while not condition():
        time.sleep(0.01)


def answer_lookups_of(most: int, simulator: Simulator) -> Callable[[], None]:
    """Leave lookups of further jobs without an answer; return what ends that.

    From the beginning: once the program runs, lookups on their way would be answered still.
    """
    answered: set[str] = set()
    held = threading.Event()
    held.set()

    async def fault(endpoint: str, request: web.Request) -> web.Response | None:
        if endpoint == "voice.resource":
            if len(answered) < most:
                answered.add(request.path)
            while request.path not in answered and held.is_set():  # noqa: ASYNC110 - another thread clears it
                await asyncio.sleep(0.01)
        return None

    simulator.fault = fault
    return held.clear


def kill_amid(program: subprocess.Popen[str]) -> None:
    """Kill a program whose first rows have ended, when five others are at Akool."""
    assert program.stdout is not None
    for _ in range(1 + ENDED):
        program.stdout.readline()

    def journal_knows() -> bool:
        with Journal.reader("jobs.sqlite") as journal:
            rows = journal.counts()
        return (rows.get(State.COMPLETED), rows.get(State.CREATED)) == (ENDED, 5)

    waited(journal_knows)
    program.kill()
    program.communicate()


def test_a_program_that_is_killed_goes_on_and_pays_for_nothing_twice(
    reader: Reader, simulator_around: Simulator
) -> None:
    simulator_around.world.behaviour = Behaviour(pace=0.1, instant_audio_rate=0.0)
    killed: list[int] = []
    program: subprocess.Popen[str] | None = None
    for step in steps("survive_a_crash"):
        if step.commands == "python speeches.py" and program is None:
            release = answer_lookups_of(ENDED, simulator_around)
            program = reader.start(step.commands)
        elif step.commands.startswith("kill -9"):
            assert program is not None
            kill_amid(program)
            release()
            killed.append(program.returncode)
        elif step.commands != SIMULATE:
            reader.follow(step)
    assert killed == [-signal.SIGKILL]
    assert simulator_around.world.creates == Counter({"voice.tts": 40})


# A web backend


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/docs", timeout=30):
            return True
    except OSError:
        return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def test_a_web_backend_that_is_killed_knows_its_orders(
    reader: Reader, simulator_around: Simulator
) -> None:
    port = free_port()
    server: subprocess.Popen[str] | None = None
    try:
        for step in steps("web_backend"):
            here = step._replace(text=step.text.replace("8000", str(port)))
            if here.commands.startswith("uvicorn"):
                if server is not None:
                    server.kill()
                    server.communicate()
                server = reader.start(f"{here.commands} --log-level warning")
                waited(lambda: answers(port))
            elif '"done":true' in here.text:
                wait_until_printed(reader, here)
            else:
                reader.follow(here)
                reader_asked(reader, here)
    finally:
        assert server is not None
        server.kill()
        server.communicate()
    assert simulator_around.world.creates == Counter({"voice.tts": 1})
    assert [path.name for path in Path("speech").glob("[!.]*")] == ["order-7.wav"]


def reader_asked(reader: Reader, step: Step) -> None:
    """Remember the last command, which may have to be given again."""
    if step.commands:
        reader.environment["ASKED"] = step.commands


def wait_until_printed(reader: Reader, step: Step) -> None:
    waited(lambda: printed_as(step.text, reader.run(reader.environment["ASKED"])))


# Files on your disk


def test_a_file_on_disk_is_uploaded(
    reader: Reader, s3: S3, simulator_around: Simulator, tmp_path: Path
) -> None:
    reader.environment |= s3.named("my-bucket").environment
    (tmp_path / "ann.jpg").write_bytes(PHOTO)
    for step in steps("files_on_disk"):
        reader.follow(step)
    assert simulator_around.world.creates == Counter({"reage.image": 3})


# All of them


def test_every_tutorial_is_followed() -> None:
    shown = Path(__file__).read_text()
    assert [name for name in TUTORIALS if f'"{name}"' not in shown] == []


@pytest.mark.parametrize("name", TUTORIALS)
def test_every_program_of_a_tutorial_is_saved_and_run(name: str) -> None:
    found = steps(name)
    programs = [step for step in found if step.language == "python"]
    run = " ".join(step.commands for step in found)
    modules = " ".join(step.text for step in programs)
    for program in programs:
        stem = Path(program.file).stem
        assert program.file
        assert program.file in run or f"{stem}:app" in run or f"from {stem} import" in modules


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_is_a_path_with_numbered_steps_and_an_end(name: str) -> None:
    page = text_of(FOLDER / f"{name}.md")
    lines = FENCED.sub("", page).splitlines()
    headings = [line for line in lines if line.startswith("#") and line[:2] != "# "]
    numbered = [line for line in headings if line.startswith("## ") and line[3].isdigit()]
    assert page.startswith("# Tutorial: ")
    assert numbered == headings[:-2]
    assert [int(line.split()[1].rstrip(".")) for line in numbered] == [*range(1, len(numbered) + 1)]
    assert headings[-2:] == ["## With the real Akool", "## Next"]
    assert "ten minutes" in page
