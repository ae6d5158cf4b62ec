"""A journal that is looked into while another process uses it."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from akool_async.errors import JournalError
from akool_async.journal import Change, Intent, Journal, State, fingerprint
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
