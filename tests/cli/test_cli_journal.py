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
from akool_async.batch.outcomes.endings import line_of
from akool_async.batch.outcomes.outcome import Outcome
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


@pytest.fixture
def many(journal: Path) -> list[str]:
    """Keys in the journal whose creates are in doubt, beside `row-1`; one is a recipe's."""
    opened = Journal(journal)
    for key, known_as in (("row-2", PAYLOAD), ("row 3", PAYLOAD), ("swap/1", "swap/1")):
        intent = Intent(name="audio.tts", request=b"{}", fingerprint=known_as, key=key)
        (row,) = asyncio.run(opened.claim([intent]))
        assert isinstance(row, int)
        asyncio.run(opened.intend(intent, row))
    opened.close_now()
    return ["row-2", "row 3", "swap"]


def states_in(journal: Path) -> dict[str | None, State]:
    opened = Journal(journal)
    found = {entry.key: entry.state for entry in opened.entries()}
    opened.close_now()
    return found


def test_many_rows_are_decided_at_once_and_a_recipe_by_its_own_key(
    journal: Path, akool: Command, many: list[str]
) -> None:
    decided = akool("resolve", *many, "#1", "row-1", "--resend")
    assert (decided.status, decided.out) == (0, "4 creates may be sent again\n")
    assert states_in(journal) == dict.fromkeys(["row-1", "row-2", "row 3", "swap/1"], State.REFUSED)


@pytest.mark.parametrize("wrong", ["row-9", "swap/2", "row-2"])
def test_nothing_is_decided_if_one_of_many_rows_is_not_in_doubt(
    journal: Path, akool: Command, many: list[str], wrong: str
) -> None:
    assert akool("resolve", "row-2", "--abandon").status == 0
    refused = akool("resolve", "row 3", *many[2:], wrong, "--resend")
    assert refused.status == 1
    assert "nothing was decided" in refused.err
    assert states_in(journal)["row 3"] is State.INTENT


def test_a_run_s_file_of_errors_names_the_rows_that_are_still_in_doubt(
    journal: Path, akool: Command, many: list[str], tmp_path: Path
) -> None:
    errors = tmp_path / "errors.jsonl"
    statuses = dict.fromkeys(many, State.UNKNOWN) | {"row-1": State.FAILED}
    errors.write_bytes(
        b"".join(
            line_of(Outcome(key=key, line=1, operation="audio.tts", status=status))
            for key, status in statuses.items()
        )
    )
    token = akool("resolve", "row-2", "--accept", "65f8017f56559aa67f0ecde7")
    assert "akj1." in token.out
    decided = akool("resolve", "--from", str(errors), "--abandon")
    assert (decided.status, decided.out) == (
        0,
        "2 creates given up; 1 key of the list not in doubt\n",
    )
    assert states_in(journal) == {
        "row-1": State.INTENT,
        "row-2": State.CREATED,
        "row 3": State.ABANDONED,
        "swap/1": State.ABANDONED,
    }


def test_a_plain_list_of_keys_is_taken_and_a_line_that_is_broken_is_named(
    journal: Path, akool: Command, many: list[str], tmp_path: Path
) -> None:
    keys = tmp_path / "keys.txt"
    keys.write_text("\n".join(many) + "\n\n{torn")
    refused = akool("resolve", "--from", str(keys), "--resend")
    assert refused.status == 1
    assert "keys.txt, line 5" in refused.err
    assert State.REFUSED not in states_in(journal).values()
    keys.write_text("\n".join(many))
    assert akool("resolve", "--from", str(keys), "--resend").out.startswith("3 creates")


@pytest.mark.parametrize(
    "words", [["--resend"], ["row-1", "row-2", "--accept", "65f8017f56559aa67f0ecde7"]]
)
def test_a_decision_about_no_row_or_one_id_for_two_is_refused(
    akool: Command, words: list[str]
) -> None:
    assert akool("resolve", *words).status == 2


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
