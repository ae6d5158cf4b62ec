from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from akool_async import Status
from akool_async.simulator import Behaviour, Simulator
from tests.docs.spreadsheets import write_texts
from tests.s3 import S3

EXAMPLES = Path(__file__).parents[2] / "examples"
MOST_LINES = 39

Run: TypeAlias = Callable[..., list[str]]


@pytest.fixture
def simulator_beside() -> Iterator[Simulator]:
    """Run a simulator that other processes can reach."""
    with Simulator(pace=0.05, fail_rate=0.1).in_thread() as simulator:
        yield simulator


@pytest.fixture
def run(simulator_beside: Simulator, tmp_path: Path) -> Run:
    """Run an example as a user would, in an empty folder; return the lines that it prints."""
    environment = {
        "AKOOL_BASE_URL": simulator_beside.url,
        "AKOOL_API_KEY": simulator_beside.api_key,
        "PYTHONWARNINGS": "error,ignore:Akool endpoint",
    }

    def run(name: str, *arguments: str, progress: bool = False) -> list[str]:
        ended = subprocess.run(
            [sys.executable, str(EXAMPLES / name), *arguments],
            cwd=tmp_path,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        assert ("ended" in ended.stderr) if progress else not ended.stderr
        return ended.stdout.splitlines()

    return run


def shown_ids(simulator: Simulator, status: Status) -> list[str]:
    return [job.id for job in simulator.world.jobs.values() if job.outcome is status]


def test_the_photos_are_aged_together_and_saved(
    run: Run, simulator_beside: Simulator, tmp_path: Path
) -> None:
    photos = [f"https://photos.example/{number}.jpg" for number in range(40)]
    printed = run("gather_fanout.py", *photos)
    done = shown_ids(simulator_beside, Status.COMPLETED)
    failed = shown_ids(simulator_beside, Status.FAILED)
    assert [line.split(" ")[0].rstrip(":") for line in printed] == photos
    assert sum(" -> " in line for line in printed) == len(done)
    assert sum("Akool reports that the job failed" in line for line in printed) == len(failed)
    assert failed
    saved = {file.stem: file.read_bytes() for file in (tmp_path / "aged").iterdir()}
    assert sorted(saved) == sorted(done)
    assert all(name.encode() in content for name, content in saved.items())


def test_two_thousand_requests_run_from_a_stream(run: Run, simulator_beside: Simulator) -> None:
    *failures, summary = run("many_jobs.py")
    done = shown_ids(simulator_beside, Status.COMPLETED)
    failed = shown_ids(simulator_beside, Status.FAILED)
    assert summary == f"{len(done)} done, {len(failed)} failed"
    assert sorted(line.split(":")[0] for line in failures) == sorted(failed)
    assert simulator_beside.world.creates == Counter({"voice.tts": 2_000})


def test_a_folder_of_photos_is_aged_and_goes_on_where_it_stopped(
    run: Run,
    simulator_beside: Simulator,
    s3: S3,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for name, value in (s3.environment | {"AKOOL_UPLOADS": s3.place()}).items():
        monkeypatch.setenv(name, value)
    simulator_beside.world.behaviour = Behaviour(pace=0.05)
    (tmp_path / "photos").mkdir()
    names = ["ann", "bob", "cleo"]
    for name in names:
        photo = tmp_path / f"photos/{name}.jpg"
        photo.write_bytes(b"\xff\xd8\xff\xe0" + name.encode())
    for _ in range(2):
        assert run("reage_folder.py", "photos/", progress=True) == []
    assert sorted(path.stem for path in (tmp_path / "aged").iterdir()) == names
    assert simulator_beside.world.creates == Counter({"reage.image": 3})


def test_a_spreadsheet_of_texts_is_spoken(
    run: Run, simulator_beside: Simulator, tmp_path: Path
) -> None:
    simulator_beside.world.behaviour = Behaviour(pace=0.05)
    write_texts(tmp_path / "texts.xlsx")
    for _ in range(2):
        printed = run("speak_spreadsheet.py", "texts.xlsx", "voice-nicole")
        lines = dict(line.split(" ", 1) for line in printed)
        assert sorted(lines) == ["2", "3"]
        assert all((tmp_path / "speech" / path).is_file() for path in lines.values())
    assert simulator_beside.world.creates == Counter({"voice.tts": 2})


def test_a_job_that_one_process_starts_is_finished_by_another(
    run: Run, simulator_beside: Simulator, tmp_path: Path
) -> None:
    (token,) = run("resume.py", "start")
    (path,) = run("resume.py", "finish", token)
    (job,) = simulator_beside.world.jobs.values()
    assert token.startswith("akj")
    assert path == f"resumed/{job.id}.png"
    assert job.id.encode() in (tmp_path / path).read_bytes()
    assert simulator_beside.world.creates == Counter({"reage.image": 1})


def test_the_resuming_example_says_how_it_is_used() -> None:
    asked = subprocess.run(
        [sys.executable, str(EXAMPLES / "resume.py")], capture_output=True, text=True, check=False
    )
    assert asked.returncode == 1
    assert "resume.py finish TOKEN" in asked.stderr


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_an_example_is_short_and_tested(name: str) -> None:
    assert len((EXAMPLES / name).read_text().splitlines()) <= MOST_LINES
    assert f'"{name}"' in Path(__file__).read_text()
