"""On the command line, what is no address is the path of a file, where a field takes files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from akool_async.cli.tree import run
from akool_async.simulator import Simulator

if TYPE_CHECKING:
    from pathlib import Path

    from tests.s3 import S3

JPEG = b"\xff\xd8\xff\xe0" + bytes(100)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "old photo.jpg").write_bytes(JPEG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def uploads(s3: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AKOOL_UPLOADS", s3.place())
    return s3


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Simulator:
    simulator = Simulator(pace=0.01)
    monkeypatch.setenv("AKOOL_API_KEY", simulator.api_key)
    return simulator


@pytest.mark.parametrize("spelling", ["old photo.jpg", "./old photo.jpg", "file:old%20photo.jpg"])
@pytest.mark.usefixtures("here")
def test_a_file_in_place_of_an_address_is_uploaded(
    spelling: str, simulated: Simulator, uploads: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    with simulated.in_thread():
        monkeypatch.setenv("AKOOL_BASE_URL", simulated.url)
        assert run(["reage", "photo", "--url", spelling]) == 0
    [job] = simulated.world.jobs.values()
    assert uploads.url in job.request.to_wire()["modifyImage"]
    assert uploads.puts() == 1


@pytest.mark.usefixtures("here")
def test_faces_and_documents_take_files_too(
    simulated: Simulator, uploads: S3, monkeypatch: pytest.MonkeyPatch, here: Path
) -> None:
    (here / "request.json").write_text('{"url": "old photo.jpg"}')
    command = ["--face-reage", "5", "--modify-image", "https://example.com/a.jpg"]
    with simulated.in_thread():
        monkeypatch.setenv("AKOOL_BASE_URL", simulated.url)
        face = "old photo.jpg@262,175:363,175:313,215:272,279"
        assert run(["reage", "image", "--target-image", face, *command]) == 0
        assert run(["reage", "photo", "--request", "request.json"]) == 0
    assert len(simulated.world.jobs) == 2
    assert uploads.puts() == 1


@pytest.mark.usefixtures("here", "s3")
def test_without_a_place_for_uploads_the_command_says_what_to_set(
    simulated: Simulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AKOOL_BASE_URL", "http://127.0.0.1:1")
    assert run(["reage", "photo", "--url", "old photo.jpg"]) != 0
    assert "AKOOL_UPLOADS" in capsys.readouterr().err
    monkeypatch.setenv("AKOOL_UPLOADS", "s3://bucket")
    assert run(["reage", "photo", "--url", "old photo.jpg"]) != 0
    assert "AKOOL_UPLOADS needs credentials" in capsys.readouterr().err


@pytest.mark.usefixtures("here", "uploads")
def test_a_misspelt_address_is_no_file(
    simulated: Simulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AKOOL_BASE_URL", "http://127.0.0.1:1")
    assert run(["reage", "photo", "--url", "htp://example.com/a.jpg"]) != 0
    assert "must be an http or https URL" in capsys.readouterr().err
    assert run(["reage", "photo", "--url", "missing.jpg"]) != 0
    assert "there is no such file" in capsys.readouterr().err
