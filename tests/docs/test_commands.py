"""The commands that pages show are run as a reader runs them, against a simulated Akool."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest
from click import Option

from akool_async import Akool
from akool_async.batch import load
from akool_async.cli.tree import COMMANDS, akool
from akool_async.endpoints import SpeakText
from akool_async.endpoints.registry import NAMESPACES
from tests.clocks import Until
from tests.docs.pages import README, ROOT, blocks_of, text_of
from tests.docs.spreadsheets import write_texts

COMMAND_LINE: Final = ROOT / "docs/command-line.md"
MADE: Final = {
    "command-line.md": ["morning.wav"],
    "dashboard.md": [],
    "manifests.md": ["texts.run/results.jsonl", "photos.run/results.jsonl"],
    "reports.md": ["rows.run/report.html", "run.zip"],
    "runs.md": ["rows.run/results.jsonl"],
    "stuck_and_lost_jobs.md": ["jobs.sqlite"],
    "uploads.md": ["out"],
}
"""The pages, each with some of what its commands make."""
EXPLAINED: Final = {
    "dashboard": ["dashboard"],
    "fetch": ["runs"],
    "jobs": ["dashboard"],
    "report": ["reports"],
    "run": ["manifests", "runs"],
}
"""Commands, each with the pages that explain its options."""
NOT_HERE: Final = ("pip install", "akool webhooks", "akool dashboard")
"""It installs, or it serves until Ctrl-C: tests/cli and the last tests of this file run that."""
OF_A_RUN: Final = {"dashboard.md", "reports.md"}
"""These pages begin with a run that is there."""
OF_A_JOURNAL: Final = {"stuck_and_lost_jobs.md"}
"""These pages begin with a journal that is there."""


def run_script(script: str) -> subprocess.CompletedProcess[str]:
    """Run lines of a shell; the first one that fails ends them."""
    return subprocess.run(
        ["/bin/sh", "-c", f"set -e\n{script}"], capture_output=True, text=True, check=False
    )


@pytest.fixture
def commands_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Put `akool` on the path, and the tables that pages speak of into the folder."""
    folder = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONWARNINGS", "error,ignore:Akool endpoint")
    (tmp_path / "examples").mkdir()
    for place in ("rows.csv", "examples/rows.csv"):
        shutil.copy(ROOT / "examples/rows.csv", tmp_path / place)
    write_texts(tmp_path / "texts.xlsx")


async def keep_a_journal() -> None:
    async with Akool(journal="jobs.sqlite") as client:
        await client.submit(SpeakText(input_text="Good morning.", voice_id="v"), key="row 1")


@pytest.mark.parametrize("name", MADE)
@pytest.mark.usefixtures("simulator_around", "commands_around", "files_around")
def test_every_command_of_a_page_runs(name: str, tmp_path: Path) -> None:
    if name in OF_A_RUN:
        assert run_script("akool run rows.csv --quiet").returncode == 0
    if name in OF_A_JOURNAL:
        asyncio.run(keep_a_journal())
    for block in blocks_of(ROOT / f"docs/{name}", "sh"):
        lines = [line for line in block.splitlines() if not line.startswith(NOT_HERE)]
        ended = run_script("\n".join(lines))
        assert ended.returncode == 0, ended.stderr
    assert [place for place in MADE[name] if not (tmp_path / place).exists()] == []


def test_the_page_on_the_command_line_has_a_row_for_every_command() -> None:
    listed = re.findall(r"^\| `akool (\w+)", text_of(COMMAND_LINE), re.MULTILINE)
    assert sorted({*listed} - {*NAMESPACES}) == sorted(COMMANDS)


@pytest.mark.parametrize("name", EXPLAINED)
def test_every_option_of_a_command_is_explained(name: str) -> None:
    command = akool.get_command(akool.make_context("akool", ["errors"]), name)
    assert command is not None
    text = "".join(text_of(ROOT / f"docs/{page}.md") for page in EXPLAINED[name])
    options = [each.opts[-1] for each in command.params if isinstance(each, Option)]
    assert [each for each in options if not re.search(rf"`[^`]*{each}\b", text)] == []


# The three lines of the README


@contextmanager
def terminal(line: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a line of a page in a process of its own; press Ctrl-C at the end, if it still runs."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", f"exec {line}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    try:
        yield process
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        _, said = process.communicate()
        assert process.returncode == 0, said
    finally:
        process.kill()
        process.communicate()


def exported(process: subprocess.Popen[str]) -> dict[str, str]:
    """Return what the lines with `export` say that a simulator prints."""
    assert process.stdout is not None
    found: dict[str, str] = {}
    for line in process.stdout:
        words = line.split()
        if words[:1] == ["export"]:
            found |= dict(word.split("=", 1) for word in words[1:])
        if "Ctrl-C" in line:
            break
    return found


def read(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=30) as page:  # noqa: S310 - loopback
        content: bytes = page.read()
        return content


@pytest.mark.usefixtures("commands_around")
async def test_the_three_lines_of_the_readme_run_in_three_terminals(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, until: Until
) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = (block for block in blocks_of(README, "sh") if "akool run" in block)
    simulate, run, dashboard = block.splitlines()
    with ExitStack() as terminals:
        environment = exported(terminals.enter_context(terminal(simulate, {})))
        assert {"AKOOL_BASE_URL", "AKOOL_API_KEY"} <= environment.keys()
        running = terminals.enter_context(terminal(run, environment))
        await until((tmp_path / "rows.run/journal.sqlite").exists)
        looking = terminals.enter_context(terminal(dashboard, {}))
        assert looking.stdout is not None
        address = await asyncio.to_thread(looking.stdout.readline)
        assert b"<html" in await asyncio.to_thread(read, address.strip())
        _, said = await asyncio.to_thread(running.communicate)
        assert running.returncode == 0, said
    outcomes = list(load("rows.run"))
    assert len(outcomes) == len(text_of(ROOT / "examples/rows.csv").splitlines()) - 1
    assert all((tmp_path / "rows.run" / str(outcome.path)).is_file() for outcome in outcomes)
