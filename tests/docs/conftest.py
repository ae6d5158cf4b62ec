"""What a reader of a page has around: a simulated Akool, and the files that the page speaks of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from akool_async.simulator import Simulator

PHOTO = b"\xff\xd8\xff\xe0" + bytes(100)
WITH_FILES = ("uploads.md", "manifests.md", "[README.md")


@pytest.fixture
def simulator_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Simulator]:
    """Run a simulator, with an environment and a folder in which a reader could be."""
    with Simulator(pace=0.05).in_thread() as simulator:
        monkeypatch.setenv("AKOOL_BASE_URL", simulator.url)
        monkeypatch.setenv("AKOOL_API_KEY", simulator.api_key)
        monkeypatch.setenv("AKOOL_CLIENT_ID", simulator.client_id)
        monkeypatch.setenv("AKOOL_CLIENT_SECRET", simulator.client_secret)
        monkeypatch.chdir(tmp_path)
        yield simulator


@pytest.fixture
def files_around(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Give the pages on files a bucket, and the files that they speak of."""
    if not any(page in request.node.name for page in WITH_FILES):
        return
    s3 = request.getfixturevalue("s3").named("my-bucket")
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "ann.jpg").write_bytes(PHOTO)
    (photos / "notes.txt").write_text("no picture")
