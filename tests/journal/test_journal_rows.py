"""What the journal is told, it knows; what may not happen, it refuses."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

import pytest

from akool_async import JournalError, KeyConflict
from akool_async.journal import UNFINISHED, Attempt, Change, Entry, Journal, State
from akool_async.journal.rows import PAGE
from tests.journal import creates
from tests.journal.creates import OTHER_PRINT, PRINT, REQUEST, speech


async def intend(journal: Journal, key: str | None = None, **of: Any) -> int:
    return await creates.intend(journal, speech(key, **of))


def row(journal: Journal, number: int) -> Entry:
    entry = journal.get(number)
    assert entry is not None
    return entry


@pytest.mark.parametrize("place", ["file", ":memory:"])
async def test_an_intent_is_found_by_its_key_and_its_number(tmp_path: Path, place: str) -> None:
    journal = Journal(tmp_path / "jobs.sqlite" if place == "file" else place)
    before = time.time()
    number = await intend(journal, "night/1")
    entry = journal.find("night/1")
    assert entry == journal.get(number)
    assert entry is not None
    assert before <= entry.intended_at == entry.updated_at <= time.time()
    assert entry == Entry(
        number=number,
        key="night/1",
        name="audio.tts",
        request=REQUEST,
        fingerprint=PRINT,
        state=State.INTENT,
        attempt=1,
        id=None,
        job_id=None,
        created_at=None,
        reason="",
        result=None,
        saved=None,
        intended_at=entry.intended_at,
        updated_at=entry.updated_at,
    )
    assert journal.find("night/2") is None
    assert journal.get(number + 1) is None
    await journal.close()


async def test_rows_without_a_key_are_each_their_own(journal: Journal) -> None:
    numbers = [await intend(journal) for _ in range(3)]
    assert len(set(numbers)) == 3


async def test_a_note_changes_what_it_names_and_leaves_the_rest(journal: Journal) -> None:
    number = await intend(journal)
    await journal.note(
        number, Change(State.CREATED, id="i1", job_id="j1", created_at=1_700_000_000)
    )
    created = row(journal, number)
    assert created.state is State.CREATED
    assert (created.id, created.job_id, created.created_at) == ("i1", "j1", 1_700_000_000)

    await journal.note(number, Change(State.COMPLETED, result=b'{"_id":"i1"}'))
    await journal.note(number, Change(State.COMPLETED, saved="out/i1.mp3"))
    await journal.note(number, Change(State.COMPLETED))
    done = row(journal, number)
    assert (done.state, done.id, done.job_id) == (State.COMPLETED, "i1", "j1")
    assert (done.result, done.saved, done.reason) == (b'{"_id":"i1"}', "out/i1.mp3", "")
    assert done.updated_at >= created.updated_at >= created.intended_at


async def test_a_note_about_no_row_is_refused(journal: Journal) -> None:
    with pytest.raises(JournalError, match="no row 7"):
        await journal.note(7, Change(State.CREATED))


async def test_a_note_soon_is_seen_once_its_future_ends(journal: Journal) -> None:
    number = await intend(journal)
    written = journal.note_soon(number, Change(State.FAILED, reason="no face found"))
    assert not written.cancel()
    await asyncio.wrap_future(written)
    assert row(journal, number).reason == "no face found"


async def test_a_note_soon_that_fails_keeps_its_error_and_logs_it_once(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    written = journal.note_soon(7, Change(State.CREATED))
    assert isinstance(written.exception(), JournalError)
    await intend(journal)
    assert [record.name for record in caplog.records if record.levelno == logging.ERROR] == [
        "akool_async"
    ]


@pytest.mark.parametrize("state", [State.REFUSED, State.FAILED])
async def test_a_key_may_be_sent_again_when_that_cannot_be_a_second_time(
    journal: Journal, state: State
) -> None:
    number = await intend(journal, "k")
    await journal.note(number, Change(State.CREATED, id="i1", job_id="j1", created_at=5))
    await journal.note(number, Change(state, reason="why", result=b"{}", saved="x"))
    assert await intend(journal, "k", retry_failed=True) == number
    again = row(journal, number)
    assert (again.state, again.attempt, again.request) == (State.INTENT, 2, REQUEST)
    assert (again.id, again.job_id, again.created_at) == (None, None, None)
    assert (again.reason, again.result, again.saved) == ("", None, None)


@pytest.mark.parametrize("state", sorted(set(State) - {State.QUEUED, State.REFUSED}))
async def test_a_key_is_not_sent_again_in_any_other_state(journal: Journal, state: State) -> None:
    number = await intend(journal, "k")
    await journal.note(number, Change(state))
    before = row(journal, number)
    with pytest.raises(JournalError, match=state):
        await intend(journal, "k")
    assert row(journal, number) == before


async def test_of_two_intents_of_one_key_one_is_written(journal: Journal) -> None:
    outcomes = await asyncio.gather(
        *(intend(journal, "k") for _ in range(20)), return_exceptions=True
    )
    assert sum(isinstance(outcome, int) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, JournalError) for outcome in outcomes) == 19
    assert len(list(journal.entries())) == 1


async def test_another_request_under_a_used_key_is_a_conflict_of_its_caller_alone(
    journal: Journal,
) -> None:
    await intend(journal, "k")
    conflict = intend(journal, "k", request=b"{}", fingerprint=OTHER_PRINT)
    one, error, other = await asyncio.gather(
        intend(journal, "a"), conflict, intend(journal, "b"), return_exceptions=True
    )
    assert isinstance(error, KeyConflict)
    assert isinstance(one, int)
    assert isinstance(other, int)
    assert journal.find("a")
    assert journal.find("b")


async def test_a_refused_key_still_belongs_to_its_request(journal: Journal) -> None:
    await journal.note(await intend(journal, "k"), Change(State.REFUSED))
    with pytest.raises(KeyConflict):
        await intend(journal, "k", request=b"{}", fingerprint=OTHER_PRINT)


async def test_what_cannot_be_written_fails_its_caller_alone(journal: Journal) -> None:
    surrogate = "\ud800"  # has no UTF-8
    one, error, other = await asyncio.gather(
        intend(journal), intend(journal, surrogate), intend(journal), return_exceptions=True
    )
    assert isinstance(error, JournalError)
    assert isinstance(one, int)
    assert isinstance(other, int)
    assert len(list(journal.entries())) == 2


async def test_the_unfinished_rows_are_those_of_which_something_is_to_come(
    journal: Journal,
) -> None:
    for state in State:
        await journal.note(await intend(journal), Change(state))
    states = [entry.state async for entry in journal.unfinished()]
    assert states == [State.INTENT, State.CREATED, State.UNKNOWN]
    assert [entry.state for entry in journal.entries()] == list(State)
    assert [entry.state for entry in journal.entries(State.FAILED)] == [State.FAILED]
    assert {state for state in State if state.finished} == set(State) - {State.QUEUED, *states}


async def test_rows_are_walked_while_they_are_written(journal: Journal) -> None:
    numbers = await asyncio.gather(*(intend(journal) for _ in range(3 * PAGE)))
    seen: list[int] = []
    late = 0
    async for entry in journal.unfinished():
        seen.append(entry.number)
        if len(seen) == 1:  # a row of a later page ends, and a new one comes
            await journal.note(numbers[-1], Change(State.COMPLETED))
            late = await intend(journal)
        if len(seen) % 100 == 0:  # a row that was seen already ends
            await journal.note(entry.number, Change(State.COMPLETED))
    assert seen == sorted([*numbers[:-1], late])


async def test_every_key_is_found_while_others_are_written(journal: Journal) -> None:
    async def write_and_find(worker: int) -> None:
        for step in range(20):
            key = f"{worker}/{step}"
            number = await intend(journal, key)
            entry = journal.find(key)
            assert entry is not None
            assert entry.number == number

    await asyncio.gather(*(write_and_find(worker) for worker in range(20)))


@pytest.mark.parametrize("state", [State.INTENT, State.UNKNOWN])
async def test_an_unknown_outcome_is_resolved_by_an_id(journal: Journal, state: State) -> None:
    number = await intend(journal, "k")
    await journal.note(number, Change(state))
    resolved = journal.resolve("k", accept="i1", job_id="j1")
    assert resolved == row(journal, number)
    assert (resolved.state, resolved.id, resolved.job_id) == (State.CREATED, "i1", "j1")
    # The token needs a time; the nearest that is known is when the create was about to leave.
    assert resolved.created_at == int(resolved.intended_at)


async def test_an_unknown_outcome_is_resolved_to_be_sent_again(journal: Journal) -> None:
    number = await intend(journal, "k")
    assert journal.resolve(number, resend=True).state is State.REFUSED
    assert await intend(journal, "k") == number


async def test_an_unknown_outcome_is_abandoned(journal: Journal) -> None:
    number = await intend(journal)
    assert journal.resolve(number, abandon=True).state is State.ABANDONED
    assert not list(journal.entries(*UNFINISHED))


@pytest.mark.parametrize("state", sorted(set(State) - {State.INTENT, State.UNKNOWN}))
async def test_a_known_outcome_is_not_resolved(journal: Journal, state: State) -> None:
    await journal.note(await intend(journal, "k"), Change(state))
    before = journal.find("k")
    with pytest.raises(JournalError, match=state):
        journal.resolve("k", resend=True)
    assert journal.find("k") == before


async def test_no_row_is_resolved_by_a_key_or_number_that_is_not_there(journal: Journal) -> None:
    number = await intend(journal, "k")
    for missing in ("K", str(number), number + 1):
        with pytest.raises(JournalError, match="no row"):
            journal.resolve(missing, abandon=True)


async def test_resolving_takes_exactly_one_decision(journal: Journal) -> None:
    await intend(journal, "k")
    with pytest.raises(JournalError, match="one decision"):
        journal.resolve("k")
    with pytest.raises(JournalError, match="one decision"):
        journal.resolve("k", accept="i1", abandon=True)
    with pytest.raises(JournalError, match="one decision"):
        journal.resolve("k", resend=True, abandon=True)
    with pytest.raises(JournalError, match="one decision"):
        journal.resolve("k", resend=True, job_id="j1")
    with pytest.raises(JournalError, match="the id"):
        journal.resolve("k", accept="")
    assert [entry.state for entry in journal.entries()] == [State.INTENT]


async def test_compaction_keeps_what_says_that_a_key_was_used(journal: Journal) -> None:
    number = await intend(journal, "k")
    await journal.note(number, Change(State.CREATED, id="i1", job_id="j1", created_at=5))
    await journal.note(number, Change(State.COMPLETED, result=b"{}", saved="out/i1.mp3"))
    full = row(journal, number)
    assert await journal.compact(full.updated_at + 1) == 1
    compacted = row(journal, number)
    assert (compacted.request, compacted.result) == (b"", None)
    for kept in set(Entry.__struct_fields__) - {"request", "result"}:
        assert getattr(compacted, kept) == getattr(full, kept), kept
    with pytest.raises(KeyConflict):
        await intend(journal, "k", request=b"{}", fingerprint=OTHER_PRINT)


async def test_compaction_leaves_young_and_unfinished_rows_alone(journal: Journal) -> None:
    numbers = [await intend(journal) for _ in State]
    for number, state in zip(numbers, State, strict=True):
        await journal.note(number, Change(state, result=b"{}"))
    moment = row(journal, numbers[-1]).updated_at
    young = await intend(journal)
    await journal.note(young, Change(State.COMPLETED, result=b"{}"))
    assert await journal.compact(moment) == 5  # the last of six did not end before it
    untouched = {row(journal, number).state for number in numbers if row(journal, number).request}
    assert untouched == {State.QUEUED, State.INTENT, State.CREATED, State.UNKNOWN, State.CLOSED}
    assert row(journal, young).result == b"{}"


async def test_compaction_of_many_rows_counts_each_once(journal: Journal) -> None:
    numbers = await asyncio.gather(*(intend(journal) for _ in range(2 * PAGE + 1)))
    await asyncio.gather(*(journal.note(number, Change(State.REFUSED)) for number in numbers))
    assert await journal.compact(time.time() + 1) == 2 * PAGE + 1
    assert await journal.compact(time.time() + 1) == 0


async def test_a_compacted_key_that_was_refused_is_sent_again_in_full(journal: Journal) -> None:
    number = await intend(journal, "k")
    await journal.note(number, Change(State.REFUSED))
    await journal.compact(time.time() + 1)
    assert await intend(journal, "k") == number
    assert row(journal, number).request == REQUEST


def test_a_journal_shows_its_path_and_nothing_else(journal: Journal, path: Path) -> None:
    assert repr(journal) == f"Journal({str(path)!r})"


async def test_that_an_outcome_is_unknown_is_no_news_of_a_row_that_has_an_id() -> None:
    journal = Journal(":memory:")
    number = await intend(journal, "night/1")
    assert await journal.adopt(Attempt(number, 1), "a" * 24)
    await asyncio.wrap_future(journal.note_soon(number, Change(State.UNKNOWN, reason="cut off")))
    assert (row(journal, number).state, row(journal, number).id) == (State.CREATED, "a" * 24)
    with pytest.raises(JournalError, match="no row"):
        await asyncio.wrap_future(journal.note_soon(number + 1, Change(State.UNKNOWN)))
    await journal.close()


async def test_a_journal_that_only_its_readers_hold_stays_open_until_they_have_read_all(
    tmp_path: Path,
) -> None:
    journal = Journal(tmp_path / "jobs.sqlite")
    for _ in range(PAGE + 1):
        await intend(journal)
    await journal.close()
    blocking = [entry.number for entry in Journal(tmp_path / "jobs.sqlite").entries()]
    assert len(blocking) == PAGE + 1
    opened = Journal(tmp_path / "jobs.sqlite").unfinished()
    assert [entry.number async for entry in opened] == blocking
