"""A journal whose folder is gone: a `JournalError` says so, wherever it is noticed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from akool_async import Akool, InvalidInput, JournalError
from akool_async.endpoints import TTS
from akool_async.journal import Journal
from akool_async.simulator import Simulator
from tests.clients import Connect

SPEECH = TTS(input_text="Hello.", voice_id="v")

OPENERS: list[Callable[[str], object]] = [Journal, lambda path: Akool("k", journal=path)]


@pytest.fixture
def gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is gone, and is the working folder."""
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    return folder


@pytest.mark.parametrize("opened", OPENERS)
def test_a_journal_in_a_working_folder_that_is_gone_is_refused(
    opened: Callable[[str], object], gone: Path
) -> None:
    for name in ("jobs.sqlite", "deeper/jobs.sqlite", str(gone / "jobs.sqlite")):
        with pytest.raises(JournalError, match=r"jobs\.sqlite.*No such file"):
            opened(name)


def test_a_folder_to_save_in_whose_place_is_unknown_is_refused_by_name(gone: Path) -> None:
    with pytest.raises(InvalidInput, match=r"save_to.*No such file"):
        Akool("k", save_to="out")


@pytest.mark.parametrize("opened", OPENERS)
@pytest.mark.parametrize("name", ["", "a\0b", "\ud800", "x" * 5000])
def test_a_path_that_no_journal_can_have_is_refused(
    opened: Callable[[str], object], name: str
) -> None:
    with pytest.raises(JournalError):
        opened(name)


def test_what_is_no_path_is_refused_by_name() -> None:
    wrong: Any = 5
    with pytest.raises(InvalidInput, match=r"Journal\.path"):
        Journal(wrong)


async def test_a_folder_that_is_deleted_under_a_client_ends_its_jobs_with_the_reason(
    simulator: Simulator, connect: Connect, tmp_path: Path
) -> None:
    folder = tmp_path / "journals"
    folder.mkdir()
    akool = connect(simulator, journal=folder / "jobs.sqlite")
    shutil.rmtree(folder)
    for options in ({}, {"key": "row 1"}):
        with pytest.raises(JournalError, match="no longer in its place"):
            await akool.submit(SPEECH, **options)  # type: ignore[arg-type]
    with pytest.raises(JournalError, match="no longer in its place"):
        _ = [job async for job in akool.recover()]
    assert simulator.requests["audio.tts"] == 0
    await akool.close()
    with pytest.raises(JournalError, match="No such file"):
        await akool.__aenter__()


async def test_a_relative_journal_belongs_to_where_it_was_given(
    quick: Simulator, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a client that is entered again would open another file, and pay once more."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    monkeypatch.chdir(here)
    akool = connect(quick, journal="jobs.sqlite")
    async with akool:
        first = await akool.submit(SPEECH, key="row 1")
    monkeypatch.chdir(there)
    async with akool:
        second = await akool.submit(SPEECH, key="row 1")
    assert (first.id, quick.world.creates.total()) == (second.id, 1)
    assert list(there.iterdir()) == []
