"""`akool streaming reap`: what it closes, what it asks, and how it ends."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from akool_async import Akool
from akool_async.endpoints import OpenSession
from akool_async.journal import Intent, Journal, State, fingerprint
from akool_async.simulator import Simulator
from tests.cli.commands import Command


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite"


async def opened(simulator: Simulator, path: Path | None) -> str:
    """Open a session, and leave it open as a crash does; return its id."""
    async with Akool(simulator.api_key, base_url=simulator.url, journal=path) as akool:
        job = await akool.submit(OpenSession(avatar_id="Alma_streaming", duration=600)).created()
        return job.id or ""


def running(simulator: Simulator) -> int:
    return simulator.world.in_flight


def test_sessions_of_a_journal_are_closed_and_printed_with_their_ids_and_ages(
    akool: Command, akool_simulator: Simulator, path: Path
) -> None:
    session = asyncio.run(opened(akool_simulator, path))
    other = asyncio.run(opened(akool_simulator, None))
    reaped = akool("streaming", "reap", "--file", str(path))
    assert (reaped.status, reaped.err) == (0, "1 session closed; 0 not\n")
    assert session in reaped.out
    assert " s " in reaped.out
    assert "guess" not in reaped.out
    assert other not in reaped.out
    assert running(akool_simulator) == 1
    with Journal.reader(path) as view:
        assert [entry.state for entry in view.entries()] == [State.CLOSED]
    again = akool("streaming", "reap", "--file", str(path))
    assert (again.status, again.out, again.err) == (0, "", "0 sessions closed; 0 not\n")


def test_json_has_each_session(akool: Command, akool_simulator: Simulator, path: Path) -> None:
    session = asyncio.run(opened(akool_simulator, path))
    (one,) = json.loads(akool("streaming", "reap", "--file", str(path), "--json").out)
    assert (one["id"], one["closed"], one["row"], one["guessed"]) == (session, True, 1, False)
    assert 0 <= one["age"] < 60


@pytest.mark.parametrize("answer", ["y\n", "n\n", ""])
def test_all_asks_first(
    akool: Command,
    akool_simulator: Simulator,
    answer: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    typed = tmp_path / "typed"
    typed.write_text(answer, encoding="utf-8")
    session = asyncio.run(opened(akool_simulator, None))
    with typed.open(encoding="utf-8") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        reaped = akool("streaming", "reap", "--all")
    assert "Close 1 session?" in reaped.err
    assert session in reaped.err
    agreed = answer == "y\n"
    assert reaped.status == (0 if agreed else 130)
    assert running(akool_simulator) == (0 if agreed else 1)


def test_yes_asks_nothing_and_an_age_by_the_id_is_said_to_be_a_guess(
    akool: Command, akool_simulator: Simulator
) -> None:
    session = asyncio.run(opened(akool_simulator, None))
    reaped = akool("streaming", "reap", "--all", "--yes")
    assert (reaped.status, reaped.err) == (0, "1 session closed; 0 not\n")
    assert session in reaped.out
    assert ("guess" in reaped.out) or ("unknown" in reaped.out)
    assert running(akool_simulator) == 0


def test_a_create_without_an_answer_is_reported_and_the_status_says_so(
    akool: Command, path: Path
) -> None:
    journal = Journal(path)
    intent = Intent(
        name="streaming.session", request=b"{}", fingerprint=fingerprint("streaming.session", {})
    )
    asyncio.run(journal.intend(intent))
    journal.close_now()
    reaped = akool("streaming", "reap", "--file", str(path))
    assert (reaped.status, reaped.err) == (1, "0 sessions closed; 1 not\n")
    assert "nobody knows its id" in reaped.out


def test_a_journal_is_named_unless_all_are_closed(akool: Command) -> None:
    refused = akool("streaming", "reap")
    assert refused.status == 2
    assert "--file" in refused.err


def test_the_command_stands_beside_those_of_the_endpoints(bare: Command) -> None:
    listed = bare("streaming", "--help").out
    assert "reap " in listed
    assert "close " in listed
