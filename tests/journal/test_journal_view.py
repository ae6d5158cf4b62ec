"""A journal that is looked into while another process uses it."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from akool_async.errors import JournalError
from akool_async.journal import Change, Intent, Journal, State, fingerprint, schema
from akool_async.journal.browsing import TROUBLE, Wanted
from akool_async.journal.entry import UNFINISHED
from akool_async.journal.looking import JournalView
from tests.journal.conftest import Run


async def created(journal: Journal, key: str, id: str) -> int:
    """Write down a job that was created; return the number of its row."""
    mark = fingerprint("audio.tts", {"input_text": key})
    intent = Intent(name="audio.tts", request=b"{}", fingerprint=mark, key=key)
    (row,) = await journal.claim([intent])
    assert isinstance(row, int)
    await journal.intend(intent, row)
    await asyncio.wrap_future(journal.note_soon(row, Change(State.CREATED, id=id)))
    return row


async def test_a_view_sees_what_the_journals_owner_has_just_written(
    path: Path, journal: Journal
) -> None:
    first = await created(journal, "order-1", "id-1")
    view = JournalView(path)
    second = await created(journal, "order-2", "id-2")
    found, other = view.of_job("id-2"), view.row(first)
    assert found is not None
    assert (found.number, found.key) == (second, "order-2")
    assert other is not None
    assert other.key == "order-1"
    assert view.of_job("id-3") is None
    view.close()


async def test_another_process_sees_it_while_the_journal_is_in_use(
    path: Path, journal: Journal, run: Run
) -> None:
    await created(journal, "order-1", "id-1")
    journal.remember("who", b"me")
    seen = run("""
        import sys
        from akool_async.journal.looking import JournalView
        view = JournalView(sys.argv[1])
        print(view.of_job("id-1").key, view.recall("who"))
        view.close()
        """)
    assert seen.stdout == "order-1 b'me'\n", seen.stderr
    await created(journal, "order-2", "id-2")


async def test_a_journal_that_nobody_uses_is_seen_too(path: Path) -> None:
    opened = Journal(path)
    await created(opened, "order-1", "id-1")
    opened.close_now()
    view = JournalView(path)
    assert view.of_job("id-1") is not None
    view.close()


def test_a_view_makes_no_file(path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be opened"):
        JournalView(path)
    assert not path.exists()


@pytest.mark.parametrize("content", [b"no database at all " * 100])
def test_what_is_no_journal_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(JournalError, match="not a journal"):
        JournalView(path)


def test_the_database_of_another_program_is_refused(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine (number INTEGER)")
    connection.close()
    with pytest.raises(JournalError, match="another program"):
        JournalView(path)


async def finished(journal: Journal, key: str, state: State) -> int:
    """Write down a job that has ended; return the number of its row."""
    row = await created(journal, key, f"id-{key}")
    await asyncio.wrap_future(journal.note_soon(row, Change(state, reason="as it happens")))
    return row


async def test_a_reader_lists_rows_while_the_journal_is_written(
    path: Path, journal: Journal
) -> None:
    for number in range(600):  # more than two pages
        await created(journal, f"key {number}", f"id-{number}")
    with Journal.reader(path) as reader:
        rows = reader.entries()
        assert next(rows).key == "key 0"
        await created(journal, "late", "id-late")
        assert [entry.key for entry in rows] == [*(f"key {n}" for n in range(1, 600)), "late"]
        assert [entry.number for entry in reader.entries(after=599)] == [600, 601]


async def test_a_reader_finds_rows_by_state_and_by_key(path: Path, journal: Journal) -> None:
    failed = await finished(journal, "bad", State.FAILED)
    await finished(journal, "good", State.COMPLETED)
    await created(journal, "open", "id-open")
    with Journal.reader(path) as reader:
        assert [entry.number for entry in reader.entries(State.FAILED)] == [failed]
        assert reader.counts() == {State.FAILED: 1, State.COMPLETED: 1, State.CREATED: 1}
        found = reader.find("bad")
        assert found is not None
        assert found.number == failed
        assert reader.find("other") is None


async def test_many_keys_are_asked_for_at_once(path: Path, journal: Journal) -> None:
    keys = [f"key {number}" for number in range(700)]
    for key in keys:
        await created(journal, key, "id")
    with Journal.reader(path) as reader:
        known = reader.known([*keys, "unknown"])
    assert known == journal.known([*keys, "unknown"])
    assert set(known) == set(keys)
    assert known["key 699"].state is State.CREATED
    assert known["key 699"].fingerprint == fingerprint("audio.tts", {"input_text": "key 699"})
    assert journal.known([]) == {}


def plan_of_page(view: JournalView, wanted: Wanted) -> str:
    """Return how SQLite finds a page of rows."""
    run: list[str] = []
    view.read(lambda connection: connection.set_trace_callback(run.append))
    view.jobs.page(wanted)
    (query,) = (each for each in run if "FROM job" in each and "ORDER BY" in each)
    return str(view.read(lambda found: found.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()))


@pytest.mark.parametrize("state", [*TROUBLE, *UNFINISHED])
async def test_rows_in_trouble_and_unfinished_ones_have_an_index(
    path: Path, journal: Journal, state: State
) -> None:
    await finished(journal, "bad", State.FAILED)
    with JournalView(path) as view:
        index = "unfinished" if state in UNFINISHED else "trouble"
        assert f"INDEX {index}" in plan_of_page(view, Wanted(states=(state,)))
        assert "INDEX trouble" in plan_of_page(view, Wanted(states=TROUBLE))


async def test_a_reader_cannot_write(path: Path, journal: Journal) -> None:
    await created(journal, "order-1", "id-1")
    with Journal.reader(path) as reader, pytest.raises(JournalError, match="readonly"):
        reader.read(lambda connection: connection.execute("DELETE FROM job"))


async def test_a_reader_slows_no_writer_down_for_good(path: Path, journal: Journal) -> None:
    """A reader in the middle of a page keeps no commit waiting."""
    await created(journal, "order-1", "id-1")
    with Journal.reader(path) as reader:
        rows = reader.entries()
        next(rows)
        await asyncio.wait_for(created(journal, "order-2", "id-2"), 10)
        await journal.close()
        assert reader.find("order-2") is not None


def test_a_reader_brings_an_older_file_up_to_date(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        schema.migrate(connection, schema.MIGRATIONS[:1])
        connection.execute(
            "INSERT INTO job VALUES (1, 'old', 'audio.tts', '', 'queued', 0, NULL, NULL, NULL,"
            " '', NULL, 0, 0, x'7b7d', NULL)"
        )
    connection.close()
    with Journal.reader(path) as reader:
        assert [entry.key for entry in reader.entries()] == ["old"]


def test_a_reader_of_a_missing_file_makes_none(path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be opened"):
        Journal.reader(path)
    assert not path.exists()
