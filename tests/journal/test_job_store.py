"""What the engine may rely on, of every job store; and what the SQLite journal adds."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from akool_async import JournalError, KeyConflict
from akool_async.journal import Attempt, Change, Entry, JobStore, Journal, State, TellsSaved, schema
from tests.journal.creates import OTHER_PRINT, PRINT, intend, speech
from tests.journals import file_of

Open = Callable[[], JobStore]

STORES: dict[str, Callable[[Path], JobStore]] = {
    "sqlite": lambda folder: Journal(folder / "jobs.sqlite"),
}
"""Each store under test: how a process opens the one that belongs to a folder."""

NEVER_SENT_AGAIN = sorted(set(State) - {State.QUEUED, State.REFUSED, State.FAILED})


@pytest.fixture(params=STORES)
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Open the store of this test, as one process after the other does."""
    return lambda: STORES[request.param](tmp_path)


@pytest.fixture
async def store(open_store: Open) -> AsyncIterator[JobStore]:
    """Open a store without rows."""
    opened = open_store()
    yield opened
    await opened.close()


async def noted(store: JobStore, row: int, change: Change) -> None:
    await asyncio.wrap_future(store.note_soon(row, change))


async def row_in(store: JobStore, state: State, key: str = "k") -> int:
    """Make a row in some state."""
    (row,) = await store.claim([speech(key)])
    assert isinstance(row, int)
    if state is not State.QUEUED:
        await store.intend(speech(key), row)
        await noted(store, row, Change(state, reason="so it was"))
    return row


async def entry_of(store: JobStore, key: str) -> Entry:
    """Return the row of a key that was sent."""
    (claim,) = await store.claim([speech(key)])
    assert isinstance(claim, Entry)
    return claim


# Claiming a key


async def test_new_keys_get_rows_of_their_own_in_the_order_of_the_intents(store: JobStore) -> None:
    numbers = await store.claim([speech(f"k{n}") for n in range(600)])
    assert numbers == list(range(1, 601))
    assert [row async for row in store.unfinished()] == []


async def test_no_intents_are_claimed_at_once(store: JobStore) -> None:
    assert list(await store.claim([])) == []


async def test_a_key_that_was_claimed_and_never_sent_keeps_its_row(open_store: Open) -> None:
    store = open_store()
    (row,) = await store.claim([speech("k")])
    assert list(await store.claim([speech("other"), speech("k")])) == [2, row]
    await store.close()
    again = open_store()
    assert list(await again.claim([speech("k", request=b'{"input_text":"anew"}')])) == [row]
    assert isinstance(row, int)
    await again.intend(speech("k", request=b'{"input_text":"anew"}'), row)
    assert (await entry_of(again, "k")).request == b'{"input_text":"anew"}'
    await again.close()


async def test_a_refused_row_may_be_sent_again_and_is_not_changed_by_the_claim(
    store: JobStore,
) -> None:
    row = await row_in(store, State.REFUSED)
    assert list(await store.claim([speech("k"), speech("k")])) == [row, row]


async def test_a_failed_row_is_sent_again_only_if_that_is_wanted(store: JobStore) -> None:
    row = await row_in(store, State.FAILED)
    refused, allowed = await store.claim([speech("k"), speech("k", retry_failed=True)])
    assert isinstance(refused, Entry)
    assert (refused.state, refused.reason) == (State.FAILED, "so it was")
    assert allowed == row
    assert (await store.intend(speech("k", retry_failed=True), row)).row == row


@pytest.mark.parametrize("state", NEVER_SENT_AGAIN)
async def test_a_row_in_any_other_state_is_the_answer_itself(store: JobStore, state: State) -> None:
    row = await row_in(store, state)
    (claim,) = await store.claim([speech("k", retry_failed=True)])
    assert isinstance(claim, Entry)
    assert (claim.number, claim.state, claim.attempt) == (row, state, 1)


@pytest.mark.parametrize("state", State)
async def test_a_key_of_another_request_is_a_conflict_that_is_returned(
    store: JobStore, state: State
) -> None:
    row = await row_in(store, state)
    other = speech("k", fingerprint=OTHER_PRINT, retry_failed=True)
    before, conflict, after = await store.claim([speech("a"), other, speech("b")])
    assert isinstance(conflict, KeyConflict)
    assert "'k'" in str(conflict)
    assert [before, after] == [row + 1, row + 2]


async def test_of_two_intents_with_one_new_key_the_second_sees_the_first(store: JobStore) -> None:
    first, same, other = await store.claim(
        [speech("k"), speech("k"), speech("k", fingerprint=OTHER_PRINT)]
    )
    assert first == same == 1
    assert isinstance(other, KeyConflict)


async def test_an_intent_without_a_key_cannot_be_claimed(store: JobStore) -> None:
    with pytest.raises(JournalError, match="with a key"):
        await store.claim([speech("k"), speech()])
    assert list(await store.claim([speech("other")])) == [1]


async def test_a_cancelled_claim_leaves_rows_that_may_be_sent(store: JobStore) -> None:
    claiming = asyncio.create_task(store.claim([speech("k")]))
    await asyncio.sleep(0)
    claiming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await claiming
    assert list(await store.claim([speech("k")])) == [1]
    assert [row async for row in store.unfinished()] == []


# Writing the intent


async def test_an_attempt_is_counted_when_the_create_is_about_to_be_sent(store: JobStore) -> None:
    row = await row_in(store, State.REFUSED)
    assert (await store.intend(speech("k"), row)).row == row
    entry = await entry_of(store, "k")
    assert (entry.state, entry.attempt, entry.reason) == (State.INTENT, 2, "")


async def test_creates_without_a_key_have_rows_of_their_own(store: JobStore) -> None:
    numbers = [(await store.intend(speech())).row for _ in range(3)]
    assert len(set(numbers)) == 3
    rows = [row async for row in store.unfinished()]
    assert [(row.number, row.key, row.attempt) for row in rows] == [(n, None, 1) for n in numbers]


async def test_a_keyed_create_that_was_not_claimed_is_not_intended(store: JobStore) -> None:
    with pytest.raises(JournalError, match="claimed first"):
        await store.intend(speech("k"))
    with pytest.raises(JournalError, match="no row 7"):
        await store.intend(speech("k"), 7)


@pytest.mark.parametrize("state", [*NEVER_SENT_AGAIN, State.FAILED])
async def test_a_row_that_may_not_be_sent_is_not_intended(store: JobStore, state: State) -> None:
    row = await row_in(store, state)
    with pytest.raises(JournalError, match=state):
        await store.intend(speech("k"), row)
    assert (await entry_of(store, "k")).state is state


async def test_the_row_of_another_request_is_not_intended(store: JobStore) -> None:
    row = await row_in(store, State.QUEUED)
    for wrong in (speech("k", fingerprint=OTHER_PRINT), speech("other"), speech()):
        with pytest.raises(JournalError, match="another request"):
            await store.intend(wrong, row)
    assert (await store.intend(speech("k"), row)).row == row


async def test_a_row_is_intended_once_however_many_try(store: JobStore) -> None:
    row = await row_in(store, State.QUEUED)
    outcomes = await asyncio.gather(
        *(store.intend(speech("k"), row) for _ in range(20)), return_exceptions=True
    )
    assert outcomes.count(Attempt(row, 1)) == 1
    assert sum(isinstance(outcome, JournalError) for outcome in outcomes) == 19


async def test_a_cancelled_intent_may_be_sent_again(store: JobStore) -> None:
    row = await row_in(store, State.QUEUED)
    waiting = asyncio.create_task(store.intend(speech("k"), row))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert list(await store.claim([speech("k")])) == [row]
    assert [each async for each in store.unfinished()] == []


# What became of it


async def test_a_claim_and_an_intent_see_every_change_noted_before_them(store: JobStore) -> None:
    row = await row_in(store, State.UNKNOWN)
    for step in range(50):
        store.note_soon(row, Change(State.REFUSED, reason=f"step {step}"))
        assert list(await store.claim([speech("k")])) == [row]
        store.note_soon(row, Change(State.REFUSED))
        assert (await store.intend(speech("k"), row)).row == row
        store.note_soon(row, Change(State.CREATED, id=f"i{step}"))
        assert (await entry_of(store, "k")).id == f"i{step}"
        store.note_soon(row, Change(State.UNKNOWN))


async def test_a_change_leaves_what_it_does_not_name(store: JobStore) -> None:
    row = await row_in(store, State.CREATED)
    await noted(store, row, Change(State.CREATED, "i1", "j1", 1_700_000_000))
    await noted(store, row, Change(State.COMPLETED, result=b"{}"))
    entry = await entry_of(store, "k")
    assert (entry.id, entry.job_id, entry.created_at) == ("i1", "j1", 1_700_000_000)
    assert (entry.state, entry.result, entry.saved) == (State.COMPLETED, b"{}", None)


async def test_a_change_of_no_row_is_refused(store: JobStore) -> None:
    with pytest.raises(JournalError, match="no row 7"):
        await noted(store, 7, Change(State.CREATED))


# After a restart


async def test_rows_that_akool_may_know_are_unfinished_and_queued_ones_are_not(
    open_store: Open,
) -> None:
    store = open_store()
    for state in State:
        await row_in(store, state, key=state)
    await store.close()
    again = open_store()
    unfinished = [row.state async for row in again.unfinished()]
    assert unfinished == [State.INTENT, State.CREATED, State.UNKNOWN]
    await again.close()


async def test_unfinished_rows_are_read_after_every_change_noted_before(store: JobStore) -> None:
    rows = [(await store.intend(speech())).row for _ in range(50)]
    for row in rows:
        store.note_soon(row, Change(State.REFUSED))
    assert [entry async for entry in store.unfinished()] == []
    for row in rows:
        store.note_soon(row, Change(State.COMPLETED, result=b"{}"))
    assert [entry.number async for entry in store.unsaved()] == rows


async def test_unsaved_rows_completed_and_have_their_result_and_no_file(store: JobStore) -> None:
    for key in ("unsaved", "saved", "without result"):
        row = await row_in(store, State.COMPLETED, key)
        result = None if key == "without result" else b"{}"
        await noted(store, row, Change(State.COMPLETED, result=result))
        await noted(store, row, Change(State.COMPLETED, saved="a.png" if key == "saved" else None))
    await row_in(store, State.FAILED, "failed")
    assert [row.key async for row in store.unsaved()] == ["unsaved"]


async def test_a_journal_tells_which_rows_were_saved(journal: Journal) -> None:
    for key in ("unsaved", "saved", "without result"):
        row = await row_in(journal, State.COMPLETED, key)
        result = None if key == "without result" else b"{}"
        path = None if key == "unsaved" else "a.png"
        await noted(journal, row, Change(State.COMPLETED, result=result, saved=path))
    assert isinstance(journal, TellsSaved)
    assert [(row.key, row.saved) async for row in journal.saved()] == [("saved", "a.png")]


async def test_many_rows_are_walked_while_they_are_written(store: JobStore) -> None:
    numbers = [(await store.intend(speech())).row for _ in range(5)]
    attempts = await asyncio.gather(*(store.intend(speech()) for _ in range(600)))
    numbers += [attempt.row for attempt in attempts]
    seen: list[int] = []
    async for row in store.unfinished():
        seen.append(row.number)
        if len(seen) == 1:
            await noted(store, numbers[-1], Change(State.COMPLETED))
    assert seen == sorted(numbers[:-1])


async def test_a_closed_store_refuses_everything(open_store: Open) -> None:
    store = open_store()
    row = await row_in(store, State.QUEUED)
    late = store.unfinished()
    await store.close()
    await store.close()
    with pytest.raises(JournalError, match="is closed"):
        await store.claim([speech("k")])
    with pytest.raises(JournalError, match="is closed"):
        await store.intend(speech("k"), row)
    with pytest.raises(JournalError, match="is closed"):
        store.note_soon(row, Change(State.CREATED))
    with pytest.raises(JournalError, match="is closed"):
        await anext(late)
    with pytest.raises(JournalError, match="is closed"):
        await anext(store.unsaved())


# The SQLite journal


_CLAIM_AND_INTEND = """
import asyncio, os, sys
from akool_async.journal import Intent, Journal

def say(*words):
    os.write(1, " ".join(map(str, words)).encode() + b"\\n")

async def main(path):
    journal = Journal(path)
    for wave in range(10**6):
        intents = [
            Intent(name="audio.tts", request=b"{}", fingerprint="0" * 64, key=f"{wave}/{n}")
            for n in range(20)
        ]
        for intent, row in zip(intents, await journal.claim(intents)):
            say("queued", row, intent.key)
        for intent, row in list(zip(intents, await journal.claim(intents)))[:10]:
            await journal.intend(intent, row)
            say("intent", row, intent.key)

asyncio.run(main(sys.argv[1]))
"""


def write_until_killed(path: Path, lines: int) -> list[list[str]]:
    """Let a process claim and intend, kill it after some lines, and return all that it said."""
    command = [sys.executable, "-c", _CLAIM_AND_INTEND, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        said += process.stdout.readlines()
    return [line.decode().split() for line in said if line.endswith(b"\n")]


@pytest.mark.parametrize("lines", [1, 7, 20, 25, 31, 400])
async def test_a_killed_process_leaves_each_key_queued_or_in_doubt_and_never_both(
    path: Path, lines: int
) -> None:
    words = await asyncio.to_thread(write_until_killed, path, lines)
    rows = {key: int(number) for _, number, key in words}
    sent = {key for state, _, key in words if state == "intent"}
    journal = Journal(path)
    intents = [speech(key, fingerprint="0" * 64) for key in rows]
    claims = dict(zip(rows, await journal.claim(intents), strict=True))
    for key, claim in claims.items():
        if isinstance(claim, Entry):  # about to be sent, and perhaps not yet said to be
            assert (claim.number, claim.state, claim.attempt) == (rows[key], State.INTENT, 1)
        else:
            assert claim == rows[key]
    in_doubt = {row.key async for row in journal.unfinished()}
    assert sent <= in_doubt
    assert len(in_doubt - sent) <= 1
    assert in_doubt == {key for key, claim in claims.items() if isinstance(claim, Entry)}
    await journal.close()


async def test_claims_wait_on_a_thread_and_are_on_disk_when_they_are_answered(
    journal: Journal, path: Path
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # nothing can be committed now
        claiming = asyncio.create_task(journal.claim([speech("k")]))
        done, _ = await asyncio.wait([claiming], timeout=0.05)
        assert not done
        other.execute("ROLLBACK")
        assert await claiming == [1]
        found = other.execute("SELECT key, state, attempt FROM job").fetchall()
        assert found == [("k", "queued", 0)]


async def test_rows_are_read_in_another_thread_than_the_loop_s(journal: Journal) -> None:
    await intend(journal, speech("k"))
    readers: set[int] = set()
    reading = file_of(journal)._reader.connection  # noqa: SLF001 - to trace its statements
    reading.set_trace_callback(lambda _statement: readers.add(threading.get_ident()))
    assert [row.key async for row in journal.unfinished()] == ["k"]
    assert [row.key async for row in journal.unsaved()] == []
    reading.set_trace_callback(None)
    assert readers
    assert threading.get_ident() not in readers


async def test_many_keys_are_looked_up_with_few_statements(journal: Journal) -> None:
    await journal.claim([speech(f"k{n}") for n in range(0, 500, 2)])
    statements: list[str] = []
    file_of(journal).writer.connection.set_trace_callback(statements.append)
    await journal.claim([speech(f"k{n}") for n in range(500)])
    file_of(journal).writer.connection.set_trace_callback(None)
    assert sum("SELECT" in statement for statement in statements) <= 3
    assert sum("COMMIT" in statement for statement in statements) == 1


async def test_claimed_rows_are_listed_as_queued_and_survive_compaction(journal: Journal) -> None:
    await journal.claim([speech("k")])
    assert [row.key for row in journal.entries(State.QUEUED)] == ["k"]
    before = journal.find("k")
    assert before is not None
    assert await journal.compact(before.updated_at + 1) == 0
    assert journal.find("k") == before


async def test_a_queued_row_needs_no_decision(journal: Journal) -> None:
    await journal.claim([speech("k")])
    with pytest.raises(JournalError, match="queued"):
        journal.resolve("k", abandon=True)


async def test_a_full_disk_fails_a_claim_and_the_next_is_written(journal: Journal) -> None:
    writing = file_of(journal).writer.connection
    (pages,) = writing.execute("PRAGMA page_count").fetchone()
    writing.execute(f"PRAGMA max_page_count = {pages}")
    large = [speech(f"k{n}", request=b"x" * 9000) for n in range(3)]
    with pytest.raises(JournalError, match="no room left"):
        await journal.claim(large)
    assert list(journal.entries()) == []
    writing.execute("PRAGMA max_page_count = 1000000")
    assert await journal.claim(large) == [1, 2, 3]


def _version_2(path: Path) -> None:
    """Make a file as the package wrote it before keys were claimed."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        schema.migrate(connection, schema.MIGRATIONS[:2])
        for key, state in (("sent", "created"), ("again", "refused")):
            connection.execute(
                """
                INSERT INTO job (key, name, fingerprint, state, attempt, reason, intended_at,
                    updated_at, request)
                VALUES (?, 'audio.tts', ?, ?, 1, '', 0, 0, x'7b7d')""",
                (key, PRINT, state),
            )


async def test_a_file_from_before_keys_were_claimed_goes_on(path: Path) -> None:
    _version_2(path)
    journal = Journal(path)
    sent, again, new = await journal.claim([speech("sent"), speech("again"), speech("new")])
    assert isinstance(sent, Entry)
    assert (again, new) == (2, 3)
    assert (await journal.intend(speech("again"), 2)).row == 2
    entry = journal.get(2)
    assert entry is not None
    assert (entry.state, entry.attempt) == (State.INTENT, 2)
    await journal.close()


async def test_a_package_that_knows_no_queued_rows_refuses_the_file(path: Path) -> None:
    _version_2(path)
    Journal(path).close_now()
    with closing(sqlite3.connect(path)) as connection:
        problem = schema.problem_with(connection, schema.MIGRATIONS[:2])
    assert problem == "was written by a newer akool_async (version 7; known: 2)"
