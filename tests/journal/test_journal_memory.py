"""What a client has learned outlives it, and is never worth an error."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from akool_async import JournalError
from akool_async.journal import Journal, State, schema
from tests.journal.creates import PRINT, speech
from tests.journals import file_of


def reopened(journal: Journal, path: Path) -> Journal:
    journal.close_now()
    return Journal(path)


def test_a_value_is_there_when_the_journal_is_opened_again(journal: Journal, path: Path) -> None:
    assert journal.recall("schedule/audio.tts") is None
    journal.remember("schedule/audio.tts", b"\0first")
    journal.remember("schedule/audio.tts", b"\0second")
    again = reopened(journal, path)
    assert again.recall("schedule/audio.tts") == b"\0second"
    assert again.recall("schedule/") is None
    again.close_now()


def test_values_are_found_by_what_their_names_begin_with(journal: Journal, path: Path) -> None:
    for name in ("b/2", "a/%", "b/1", "b", "B/3", "", "b/ü"):
        journal.remember(name, name.encode())
    again = reopened(journal, path)
    assert list(again.recall_all("b/")) == ["b/1", "b/2", "b/ü"]
    assert again.recall_all("a/%") == {"a/%": b"a/%"}
    assert again.recall_all("%") == {}
    assert len(again.recall_all("")) == 7
    again.close_now()


async def test_remembering_waits_for_nobody_and_is_written_in_order(
    journal: Journal, path: Path
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # nothing can be written now
        for step in range(100):
            journal.remember("cap", b"%d" % step)
        assert journal.recall("cap") is None
        other.execute("ROLLBACK")
    await journal.intend(speech())  # what was queued before is written by then
    assert journal.recall("cap") == b"99"


async def test_what_cannot_be_remembered_is_logged_and_raises_nothing(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    writing = file_of(journal).writer.connection
    (pages,) = writing.execute("PRAGMA page_count").fetchone()
    writing.execute(f"PRAGMA max_page_count = {pages}")
    journal.remember("schedule", b"x" * 20_000)
    after = file_of(journal).writer.write_soon(lambda _connection: None, awaited=True)
    with suppress(JournalError):
        await asyncio.wrap_future(after)
    assert "no room left" in caplog.text
    writing.execute("PRAGMA max_page_count = 1000000")
    number = (await journal.intend(speech())).row
    assert journal.recall("schedule") is None
    assert [entry.number for entry in journal.entries(State.INTENT)] == [number]


async def test_a_closed_journal_remembers_nothing_and_says_so(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    await journal.close()
    with caplog.at_level(logging.WARNING, "akool_async"):
        journal.remember("cap", b"100")
    assert "'cap' cannot be remembered" in caplog.text
    assert "is closed" in caplog.text


def test_a_journal_of_the_first_version_learns_to_remember(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        schema.migrate(connection, schema.MIGRATIONS[:1])
        connection.execute(
            """
            INSERT INTO job (key, name, fingerprint, state, attempt, reason, intended_at,
                updated_at, request)
            VALUES ('k', 'audio.tts', ?, 'created', 1, '', 0, 0, x'7b7d')""",
            (PRINT,),
        )
    journal = Journal(path)
    journal.remember("cap", b"100")
    journal = reopened(journal, path)
    assert journal.recall("cap") == b"100"
    entry = journal.find("k")
    assert entry is not None
    assert entry.state is State.CREATED
    journal.close_now()
    with closing(sqlite3.connect(path)) as plain:
        assert plain.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS),)


def test_remembering_works_from_any_thread(journal: Journal) -> None:
    remember: Callable[[str, bytes], None] = journal.remember

    async def main() -> None:
        await asyncio.gather(*(asyncio.to_thread(remember, f"n{n}", b"") for n in range(20)))
        await journal.intend(speech())

    asyncio.run(main())
    assert len(journal.recall_all("n")) == 20
