"""`akool journal find`: all rows in doubt are looked for at Akool, and what is found is settled."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from akool_async import Akool
from akool_async.cli.statuses import REFUSED
from akool_async.endpoints import TTS, SpeakText
from akool_async.journal import Journal, State
from akool_async.protocol.endpoint import Operation
from akool_async.simulator import Simulator
from tests.cli.commands import Command

VOICE = "6a0000000000000000000402"


def lose(simulator: Simulator, path: Path, requests: dict[str, Operation[Any]]) -> None:
    """Leave rows in doubt, and their jobs at Akool."""
    world = simulator.world
    answering = world.behaviour
    world.behaviour = msgspec.structs.replace(answering, drop_reply_rate=1.0)

    async def submit() -> None:
        client = Akool(simulator.api_key, base_url=simulator.url, journal=path)
        async with client as akool:
            jobs = [akool.submit(each, key=key) for key, each in requests.items()]
            await asyncio.gather(*jobs, return_exceptions=True)

    asyncio.run(submit())
    world.behaviour = answering


def speech(text: str, voice: str = VOICE) -> SpeakText:
    return SpeakText(input_text=text, voice_id=voice)


def rows_of(path: Path) -> dict[str | None, tuple[State, str | None]]:
    journal = Journal(path)
    rows = {each.key: (each.state, each.id) for each in journal.entries()}
    journal.close_now()
    return rows


@pytest.fixture
def find(akool: Command, path: Path) -> Command:
    """Run `akool journal find`, for the journal."""
    return lambda *arguments: akool("journal", "find", "--file", str(path), *arguments)


def test_all_rows_in_doubt_are_looked_for(
    find: Command, akool_simulator: Simulator, path: Path
) -> None:
    requests: dict[str, Operation[Any]] = {
        "one": speech("One."),
        "gone": speech("Gone."),
        "ann": speech("Hi.", "ann"),
        "bob": speech("Hi.", "bob"),
        "old": TTS(input_text="Hi.", voice_id="v"),
    }
    lose(akool_simulator, path, requests)
    jobs = akool_simulator.world.jobs
    ids = {getattr(job.request, "input_text", ""): known for known, job in jobs.items()}
    del jobs[ids["Gone."]]

    ended = find()

    assert ended.status == 0
    assert "1 job found; 4 creates still in doubt" in ended.err
    lines = {words[1]: words[3] for words in map(str.split, ended.out.splitlines()[2:])}
    assert lines == {
        "one": "yes",
        "gone": "no",
        "ann": "perhaps",
        "bob": "perhaps",
        "old": "cannot",
    }
    assert "akj1." in ended.out
    rows = rows_of(path)
    assert rows["one"][1] == ids["One."]
    assert {rows[key][0] for key in requests.keys() - {"one"}} == {State.UNKNOWN}
    assert akool_simulator.world.creates.total() == 5


def test_rows_are_named_by_their_keys_or_numbers(
    find: Command, akool_simulator: Simulator, path: Path
) -> None:
    lose(akool_simulator, path, {"one": speech("One."), "two": speech("Two.")})
    assert "two" not in find("one").out
    assert rows_of(path)["two"] == (State.UNKNOWN, None)
    assert "1 job found; 0 creates still in doubt" in find("#2").err
    assert "0 jobs found" in find().err
    refused = find("one")
    assert (refused.status, "not in doubt" in refused.err) == (1, True)


def test_json_names_the_jobs_that_may_be_it(
    find: Command, akool_simulator: Simulator, path: Path
) -> None:
    lose(akool_simulator, path, {"ann": speech("Hi.", "ann"), "bob": speech("Hi.", "bob")})
    found: Any = find("--json").document
    assert [each["found"] for each in found] == ["perhaps", "perhaps"]
    assert all(len(each["candidates"]) == 2 for each in found)


def test_what_was_found_before_an_error_is_found(
    find: Command, akool_simulator: Simulator, path: Path
) -> None:
    asked: list[str] = []

    async def refuse(name: str, _request: web.Request) -> web.Response | None:
        asked.append(name)
        refusal = {"code": 1101, "msg": "no"}
        return web.json_response(refusal) if asked.count("voice.resources") > 2 else None

    lose(akool_simulator, path, {"one": speech("One."), "two": speech("Two.")})
    akool_simulator.fault = refuse
    ended = find()
    assert ended.status == REFUSED
    assert "one" in ended.out
    assert "Illegal token" in ended.err
    rows = rows_of(path)
    assert rows["one"][1] is not None
    assert rows["two"] == (State.UNKNOWN, None)


def test_a_run_goes_on_with_what_was_found(
    akool: Command, akool_simulator: Simulator, tmp_path: Path
) -> None:
    manifest = tmp_path / "rows.jsonl"
    row = {"operation": "voice.tts", "input_text": "One.", "voice_id": VOICE}
    manifest.write_bytes(msgspec.json.encode(row) + b"\n")
    world = akool_simulator.world
    answering = world.behaviour
    world.behaviour = msgspec.structs.replace(answering, drop_reply_rate=1.0)
    out = tmp_path / "out"

    def run() -> Any:
        return akool("run", str(manifest), "--out", str(out))

    first = run()
    world.behaviour = answering
    journal = next(out.rglob("*.sqlite"))
    assert f"akool journal find --file {journal}" in first.err
    assert "1 job found" in akool("journal", "find", "--file", str(journal)).err
    assert run().status == 0
    assert world.creates.total() == 1
    (made,) = world.jobs
    assert rows_of(journal).popitem()[1] == (State.COMPLETED, made)
