"""`akool report`: the page of a run, and the commands that it shows."""

from __future__ import annotations

import json
import shlex
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from akool_async.batch import load
from akool_async.simulator import Simulator
from tests.batch.report_parts import FAILING, QUICK, Page
from tests.cli.commands import Command, point_at

ROW = {"operation": "audio.tts", "voice_id": "voice"}


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Simulator]:
    with Simulator(pace=0.01, omit_rate=0.0, instant_audio_rate=0.0).in_thread() as running:
        point_at(running, monkeypatch)
        monkeypatch.chdir(tmp_path)
        yield running


def test_the_command_that_the_page_shows_repeats_what_failed(
    akool: Command, simulator: Simulator, tmp_path: Path
) -> None:
    lines = [{**ROW, "key": f"row-{n}", "input_text": f"text {n}"} for n in range(6)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert akool("run", "rows.jsonl", "--quiet", "--max-creates", "0").status == 3
    assert akool("report", "rows.run").status == 0
    page = Page(tmp_path / "rows.run" / "report.html")
    assert "0 creates were allowed" in page.source
    assert page.figures["not sent"].startswith("6")
    (command,) = page.commands
    simulator.world.behaviour = FAILING
    assert akool(*shlex.split(command.partition(" && akool ")[2]), "--quiet").status == 1
    assert akool("run", "rows.jsonl", "--quiet").status == 1
    ended = akool("report", "rows.run", "--portable", "run.zip")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.splitlines() == [str(Path("rows.run", "report.html")), "run.zip: 3 files"]
    assert zipfile.is_zipfile("run.zip")
    simulator.world.behaviour = QUICK
    for command in set(Page(tmp_path / "rows.run" / "report.html").commands):  # one a reason
        akool(*shlex.split(command.partition(" && akool ")[2]), "--quiet")
    assert sum(each.status == "completed" for each in load("rows.run")) == 6
    assert simulator.world.creates.total() == 12


def rows_in(folder: Path, count: int) -> None:
    lines = [{**ROW, "key": f"row-{n}", "input_text": f"text {n}"} for n in range(count)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_run_makes_its_report_at_its_end_and_anew_when_something_has_changed(
    akool: Command, simulator: Simulator, tmp_path: Path
) -> None:
    rows_in(tmp_path, 3)
    page = tmp_path / "rows.run" / "report.html"
    ended = akool("run", "rows.jsonl", "--max-creates", "1")
    assert (ended.status, page.exists()) == (3, True)
    assert "Report: " in ended.err
    assert Page(page).figures["completed"].startswith("1")
    assert akool("run", "rows.jsonl", "--quiet").err == ""
    assert Page(page).figures["completed"].startswith("3")
    made = page.stat().st_mtime_ns
    assert akool("run", "rows.jsonl").err == ""
    assert page.stat().st_mtime_ns == made  # nothing has changed
    page.unlink()
    assert "Report: " in akool("run", "rows.jsonl").err
    assert page.exists()


def test_a_run_without_a_report_makes_none(
    akool: Command, simulator: Simulator, tmp_path: Path
) -> None:
    rows_in(tmp_path, 1)
    ended = akool("run", "rows.jsonl", "--no-report")
    assert (ended.status, ended.err) == (0, "")
    assert not (tmp_path / "rows.run" / "report.html").exists()


def test_a_report_that_cannot_be_made_is_one_line_and_changes_no_exit_status(
    akool: Command, simulator: Simulator, tmp_path: Path
) -> None:
    rows_in(tmp_path, 3)
    page = tmp_path / "rows.run" / "report.html"
    page.mkdir(parents=True)
    for creates, status in (("1", 3), ("9", 0)):
        ended = akool("run", "rows.jsonl", "--quiet", "--max-creates", creates)
        assert ended.status == status
        (line,) = [each for each in ended.err.splitlines() if "report" in each]
        assert line.startswith("No report: ")
        assert "akool report rows.run makes it" in line
    assert sorted(page.parent.glob(".*")) == []


def test_a_run_without_the_extra_names_it_and_ends_as_ever(
    akool: Command, simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows_in(tmp_path, 1)
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    ended = akool("run", "rows.jsonl")
    assert ended.status == 0
    assert ended.err.startswith("No report: a report needs jinja2 and vl-convert-python: pip")
    assert len(ended.err.splitlines()) == 1


def test_what_is_no_run_is_refused_in_a_sentence(akool: Command, tmp_path: Path) -> None:
    ended = akool("report", str(tmp_path))
    assert ended.status == 1
    assert "is not the folder of a run" in ended.err


def test_a_missing_extra_is_one_sentence(
    akool: Command, simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps({**ROW, "input_text": "a"}))
    assert akool("run", "rows.jsonl", "--quiet").status == 0
    for name in ("jinja2", "vl_convert"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, name, None)
            ended = akool("report", "rows.run")
        assert ended.status == 1
        assert "pip install 'akool_async[report]'" in ended.err
        assert len(ended.err.splitlines()) == 1
