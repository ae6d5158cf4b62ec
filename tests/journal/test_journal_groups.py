"""Changes of different rows are written with one statement, and each is still on its own."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path

import pytest

from akool_async import JournalError
from akool_async.journal import Attempt, Change, Journal, State, rows
from akool_async.journal.database import open_writer
from tests.journal import creates
from tests.journal.creates import speech

COUNT = 100


@pytest.fixture(params=[True, False], ids=["together", "an old SQLite"])
def _together(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.param:
        monkeypatch.setattr(rows, "TOGETHER", False)


async def intended(journal: Journal) -> list[int]:
    return [await creates.intend(journal, speech(f"row {number}")) for number in range(COUNT)]


def settled(futures: list[Future[None]]) -> list[BaseException | None]:
    return [future.exception(10) for future in futures]


@pytest.mark.usefixtures("_together")
async def test_each_of_many_changes_is_written_down(journal: Journal) -> None:
    numbers = await intended(journal)
    change = {n: Change(State.CREATED, f"id-{n}", f"job-{n}", n, f"why {n}") for n in numbers}
    assert settled([journal.note_soon(number, change[number]) for number in numbers]) == (
        [None] * COUNT
    )
    for number in numbers:
        journal.take_note(number, Change(State.COMPLETED, result=b"{}", saved=f"{number}.wav"))
    await journal.look_up("row 0")  # it comes after all that was put before
    for number in numbers:
        entry = journal.get(number)
        assert entry is not None
        assert (entry.state, entry.id, entry.job_id, entry.created_at, entry.reason) == (
            State.COMPLETED,
            f"id-{number}",
            f"job-{number}",
            number,
            f"why {number}",
        )
        assert (entry.result, entry.saved) == (b"{}", f"{number}.wav")


@pytest.mark.usefixtures("_together")
async def test_a_change_that_cannot_be_written_fails_alone(journal: Journal) -> None:
    numbers = await intended(journal)
    changes: list[tuple[int, Change]] = [
        (number, Change(State.CREATED, id=f"id-{number}")) for number in numbers
    ]
    changes[10] = (10_000, Change(State.CREATED))  # there is no such row
    changes[20] = (numbers[20], Change(State.CREATED, created_at=2**80))  # no number of SQLite's
    outcomes = settled([journal.note_soon(row, change) for row, change in changes])
    assert [place for place, error in enumerate(outcomes) if error is not None] == [10, 20]
    assert isinstance(outcomes[10], JournalError)
    assert isinstance(outcomes[20], JournalError)
    states = [entry.state for entry in journal.entries()]
    assert states.count(State.CREATED) == COUNT - 2


@pytest.mark.usefixtures("_together")
async def test_changes_of_one_row_keep_their_order(journal: Journal) -> None:
    numbers = await intended(journal)
    for number in numbers:
        journal.take_note(number, Change(State.CREATED, id="first"))
        journal.take_note(number, Change(State.UNKNOWN, reason="not any more"))
        journal.take_note(number, Change(State.REFUSED, reason="busy"))
        attempt = await journal.intend(speech(f"row {number - numbers[0]}"), number)
        assert attempt == (number, 2)
    assert {entry.state for entry in journal.entries()} == {State.INTENT}


@pytest.mark.usefixtures("_together")
async def test_ends_that_are_owed_are_written_with_their_changes(journal: Journal) -> None:
    numbers = await intended(journal)
    for number in numbers:
        journal.take_note(number, Change(State.COMPLETED, result=b"{}", owed=number + 7))
    assert [(end, entry.number) async for end, entry in journal.owed()] == [
        (number + 7, number) for number in numbers
    ]


async def test_many_changes_take_few_statements(path: Path) -> None:
    said: list[str] = []
    journal = Journal(path)
    numbers = await intended(journal)
    await journal.close()
    with closing(open_writer(str(path), shown="it").connection) as connection:
        connection.set_trace_callback(said.append)
        changes = [(number, Change(State.CREATED, id="id")) for number in numbers]
        assert rows.note_many(connection, changes)
        assert len(said) == 2  # 64 rows each
        assert connection.execute("SELECT count(*) FROM job WHERE id = 'id'").fetchone() == (COUNT,)


@pytest.mark.usefixtures("_together")
async def test_many_intents_are_written_together_and_one_that_is_refused_fails_alone(
    journal: Journal,
) -> None:
    intents = [speech(f"row {number}") for number in range(COUNT)]
    claimed = await journal.claim(intents)
    numbers = [row for row in claimed if isinstance(row, int)]
    await journal.intend(intents[7], numbers[7])  # it is under way already
    attempts = await asyncio.gather(
        *(journal.intend(each, row) for each, row in zip(intents, numbers, strict=True)),
        *(journal.intend(speech()) for _ in range(COUNT)),
        return_exceptions=True,
    )
    refused = [place for place, each in enumerate(attempts) if isinstance(each, BaseException)]
    assert refused == [7]
    assert "not to be sent again" in str(attempts[7])
    made = [each for each in attempts if isinstance(each, Attempt)]
    assert len({attempt.row for attempt in made}) == 2 * COUNT - 1
    assert {attempt.attempt for attempt in made} == {1}
    assert [entry.state for entry in journal.entries()] == [State.INTENT] * 2 * COUNT
    assert [entry.key for entry in journal.entries()] == (
        [intent.key for intent in intents] + [None] * COUNT
    )


async def test_a_claimed_row_is_intended_with_one_statement(path: Path) -> None:
    said: list[str] = []
    journal = Journal(path)
    (number,) = await journal.claim([speech("one")])
    await journal.close()
    with closing(open_writer(str(path), shown="it").connection) as connection:
        connection.set_trace_callback(said.append)
        from akool_async.journal import claims

        assert isinstance(number, int)
        assert claims.intend(connection, speech("one"), number) == (number, 1)
        assert len(said) == 1
