"""`akool journal`: its list of rows, and decisions about rows of unknown outcome."""

from __future__ import annotations

import asyncio
import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from akool_async import Akool
from akool_async.endpoints import TTS
from akool_async.errors import CreateOutcomeUnknown
from akool_async.journal import Intent, Journal, State, fingerprint
from akool_async.simulator import Simulator
from tests.cli.commands import Command

SPEECH = TTS(input_text="hello", voice_id="v")
PAYLOAD = fingerprint("audio.tts", SPEECH.to_wire())


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A journal with a speech that was about to be sent when its process died."""
    path = tmp_path / "jobs.sqlite"
    opened = Journal(path)
    intent = Intent(name="audio.tts", request=b"{}", fingerprint=PAYLOAD, key="row-1")
    (row,) = asyncio.run(opened.claim([intent]))
    assert isinstance(row, int)
    asyncio.run(opened.intend(intent, row))
    opened.close_now()
    return path


@pytest.fixture
def akool(bare: Command, journal: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run `akool journal` in this process, for the journal."""
    monkeypatch.setenv("AKOOL_JOURNAL", str(journal))
    return functools.partial(bare, "journal")


def state_of(journal: Path) -> State:
    opened = Journal(journal)
    entry = opened.find("row-1")
    opened.close_now()
    assert entry is not None
    return entry.state


def test_rows_are_listed_and_rows_of_unknown_outcome_are_counted(akool: Command) -> None:
    listed = akool("list")
    assert listed.status == 0
    assert "row-1" in listed.out
    assert "intent" in listed.out
    assert "1 may have been created" in listed.err


def test_rows_are_listed_as_json_by_state(akool: Command) -> None:
    rows = json.loads(akool("list", "--json", "--state", "intent").out)
    assert [(row["row"], row["key"], row["operation"]) for row in rows] == [
        ("#1", "row-1", "audio.tts")
    ]
    assert json.loads(akool("list", "--json", "--state", "created").out) == []


@pytest.mark.parametrize(
    ("row", "decision", "state"),
    [
        ("row-1", ["--accept", "65f8017f56559aa67f0ecde7"], State.CREATED),
        ("#1", ["--resend"], State.REFUSED),
        ("row-1", ["--abandon"], State.ABANDONED),
    ],
)
def test_a_decision_is_written_down(
    journal: Path, akool: Command, row: str, decision: list[str], state: State
) -> None:
    assert akool("resolve", row, *decision).status == 0
    assert state_of(journal) is state


def test_an_accepted_row_has_a_token(akool: Command) -> None:
    resolved = akool("resolve", "row-1", "--accept", "65f8017f56559aa67f0ecde7")
    assert "akj1." in resolved.out


@pytest.mark.parametrize(
    "wrong", [[], ["--resend", "--abandon"], ["--accept", "two,ids"], ["--accept", ""]]
)
def test_a_wrong_decision_changes_nothing(journal: Path, akool: Command, wrong: list[str]) -> None:
    refused = akool("resolve", "row-1", *wrong)
    assert refused.status == 2
    assert len(refused.err.strip().splitlines()) == 1
    assert state_of(journal) is State.INTENT


def test_a_decided_row_cannot_be_decided_again(journal: Path, akool: Command) -> None:
    assert akool("resolve", "row-1", "--abandon").status == 0
    again = akool("resolve", "row-1", "--resend")
    assert again.status == 1
    assert state_of(journal) is State.ABANDONED


def in_another_process(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "akool_async.cli", "journal", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_journal_in_use_is_listed_and_is_not_changed(journal: Path) -> None:
    opened = Journal(journal)
    try:
        listed = in_another_process("list", "--file", str(journal))
        busy = in_another_process("compact", "--file", str(journal))
    finally:
        opened.close_now()
    assert (listed.returncode, "row-1" in listed.stdout) == (0, True)
    assert busy.returncode == 1
    assert "another process" in busy.stderr


def test_old_rows_are_emptied(akool: Command) -> None:
    akool("resolve", "row-1", "--abandon")
    assert akool("compact", "--days", "0").out == "1 row emptied\n"


async def test_a_row_of_unknown_outcome_is_sent_only_after_the_decision(
    journal: Path, akool: Command
) -> None:
    async with Simulator(pace=0.05) as simulator:
        settings: Any = {"base_url": simulator.url, "api_key": simulator.api_key}
        async with Akool(**settings, journal=journal) as client:
            with pytest.raises(CreateOutcomeUnknown):
                await client.submit(SPEECH, key="row-1")
        assert simulator.world.creates.total() == 0
        await asyncio.to_thread(akool, "resolve", "row-1", "--resend")
        async with Akool(**settings, journal=journal) as client:
            assert (await client.submit(SPEECH, key="row-1")).url
        assert simulator.world.creates.total() == 1
