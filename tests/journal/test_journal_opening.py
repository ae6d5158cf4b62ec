"""Who may open a journal, what is opened, and what is refused in words."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from akool_async import JournalError, JournalInUse
from akool_async.journal import UNFINISHED, Change, Journal, State, schema
from tests.journal.creates import intend, speech

Run = Callable[..., subprocess.CompletedProcess[str]]


def write_rows(path: Path, count: int) -> None:
    """Make a journal with some rows, and close it."""

    async def main() -> None:
        journal = Journal(path)
        await asyncio.gather(
            *(intend(journal, speech(f"k{n}", request=b"x" * 500)) for n in range(count))
        )
        await journal.close()

    asyncio.run(main())


def refusal(path: Path | str) -> str:
    """Fail to open a journal; return the sentence that says why."""
    with pytest.raises(JournalError) as caught:
        Journal(path)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_only_its_owner_may_read_a_journal_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        journal = Journal(path)
        asyncio.run(journal.intend(speech()))
        files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        journal.close_now()
    finally:
        os.umask(before)
    name = path.name
    assert files == dict.fromkeys((name, f"{name}-wal", f"{name}-shm", f"{name}.lock"), 0o600)


def test_what_was_written_is_there_when_opened_again(path: Path) -> None:
    write_rows(path, 3)
    journal = Journal(str(path))
    assert [entry.key for entry in journal.entries(*UNFINISHED)] == ["k0", "k1", "k2"]
    journal.close_now()


def test_journals_in_memory_are_apart_and_leave_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one, other = Journal(":memory:"), Journal(":memory:")
    asyncio.run(intend(one, speech("k")))
    assert one.find("k")
    assert other.find("k") is None
    one.close_now()
    other.close_now()
    assert not list(tmp_path.iterdir())


def test_a_second_journal_in_this_process_is_refused(journal: Journal, path: Path) -> None:
    assert "another client in this one" in refusal(path)
    assert asyncio.run(journal.intend(speech())).row == 1


@pytest.mark.usefixtures("journal")
def test_a_refused_opener_is_told_what_to_do(path: Path) -> None:
    with pytest.raises(JournalInUse, match=r"each worker of a web server, a journal of its own\.$"):
        Journal(path)


def test_a_link_to_an_open_journal_is_no_second_journal(journal: Journal, path: Path) -> None:
    link = path.with_name("link.sqlite")
    link.symlink_to(path)
    assert "uses this journal" in refusal(link)


def test_a_refused_opener_does_not_open_the_file_to_others(
    journal: Journal, path: Path, run: Run
) -> None:
    for _ in range(2):
        refusal(path)
    done = run("import sys; from akool_async.journal import Journal; Journal(sys.argv[1])")
    assert "another process" in done.stderr


def test_a_second_process_is_refused_until_the_first_has_closed(
    journal: Journal, path: Path, run: Run
) -> None:
    opening = "import sys; from akool_async.journal import Journal; print(Journal(sys.argv[1]))"
    refused = run(opening)
    assert refused.returncode != 0
    problem = f"JournalInUse: journal {str(path)!r}: another process ("
    assert problem in refused.stderr  # and its number
    journal.close_now()
    assert run(opening).stdout.startswith("Journal(")


_WRITE_FOR_EVER = """
import asyncio, os, sys
from akool_async.journal import Change, Intent, Journal, State

def say(*words):
    os.write(1, " ".join(map(str, words)).encode() + b"\\n")

async def work(journal, prefix):
    step = 0
    while True:
        step += 1
        key = f"{prefix}/{step}"
        intent = Intent(name="audio.tts", request=b"{}", fingerprint="0" * 64, key=key)
        (row,) = await journal.claim([intent])
        number = (await journal.intend(intent, row)).row
        say("intent", number, key)
        await journal.note(number, Change(State.CREATED, id=f"id-{key}"))
        say("created", number, key)
        journal.note_soon(number, Change(State.COMPLETED, result=b"{}"))

async def main(path, prefix):
    journal = Journal(path)
    await asyncio.gather(*(work(journal, f"{prefix}/{worker}") for worker in range(32)))

asyncio.run(main(sys.argv[1], sys.argv[2]))
"""


def write_until_killed(path: Path, prefix: str, lines: int) -> list[list[str]]:
    """Let a process write, kill it after so many lines, and return all that it said."""
    command = [sys.executable, "-c", _WRITE_FOR_EVER, str(path), prefix]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        said += process.stdout.readlines()
    return [line.decode().split() for line in said if line.endswith(b"\n")]


def test_a_killed_process_leaves_an_open_lock_and_all_that_it_was_told_was_written(
    path: Path,
) -> None:
    draw = random.Random()
    told: list[list[str]] = []
    for prefix in range(6):
        told += write_until_killed(path, str(prefix), draw.randint(1, 3000))
        journal = Journal(path)  # at once: the kernel has freed the lock
        for state, number, key in told:
            entry = journal.find(key)
            assert entry is not None
            assert entry.number == int(number)
            if state == "created":
                assert entry.state in {State.CREATED, State.COMPLETED}
                assert entry.id == f"id-{key}"
        journal.close_now()
    assert len(told) > 6
    with closing(sqlite3.connect(path)) as plain:
        assert plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


_FORK = """
import asyncio, os, sys
from akool_async import JournalError
from akool_async.journal import Change, Intent, Journal, State

intent = Intent(name="audio.tts", request=b"{}", fingerprint="0" * 64, key="k")
unkeyed = Intent(name="audio.tts", request=b"{}", fingerprint="0" * 64)
journal = Journal(sys.argv[1])
(number,) = asyncio.run(journal.claim([intent]))
assert asyncio.run(journal.intend(intent, number)).row == number
journal.note_soon(number, Change(State.CREATED, id="i1"))
child = os.fork()
if not child:
    for attempt in (
        lambda: journal.find("k"),
        lambda: next(journal.entries()),
        lambda: journal.note_soon(number, Change(State.FAILED)),
        lambda: asyncio.run(journal.intend(unkeyed)),
        lambda: asyncio.run(journal.claim([intent])),
        lambda: journal.resolve("k", abandon=True),
    ):
        try:
            attempt()
        except JournalError as error:
            assert "forked" in str(error), error
        else:
            os._exit(1)
    try:
        Journal(sys.argv[1])
    except JournalError as error:
        assert "another process" in str(error), error
    else:
        os._exit(2)
    journal.close_now()
    asyncio.run(journal.close())
    del journal
    sys.exit(0)  # with all that the interpreter does at its end
_, status = os.waitpid(child, 0)
assert status == 0, status
asyncio.run(journal.note(number, Change(State.COMPLETED)))
assert journal.find("k").id == "i1"
journal.close_now()
again = Journal(sys.argv[1])
assert [entry.state for entry in again.entries()] == [State.COMPLETED]
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_is_refused_and_harms_nothing(run: Run) -> None:
    # Newer Pythons warn of any fork while there are threads, which is what is tested here.
    done = run("import warnings; warnings.simplefilter('ignore')\n" + _FORK)
    assert (done.returncode, done.stderr) == (0, "")


_FORK_AND_DIE = """
import os, signal, sys
from akool_async.journal import Journal

journal = Journal(sys.argv[1])
if not os.fork():
    os.write(1, b"child\\n")
    sys.stdin.read()  # outlives its parent
    os._exit(0)
signal.pause()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_that_outlives_its_killed_parent_holds_no_lock(path: Path) -> None:
    command = [sys.executable, "-c", _FORK_AND_DIE, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"child\n"
        parent.kill()
        parent.wait()
        Journal(path).close_now()


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(path: Path) -> None:
    path.write_bytes(b"To be, or not to be.\n" * 500)
    before = path.read_bytes()
    assert "nor any database" in refusal(path)
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_refused_and_left_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE invoices (number)")
    before = path.read_bytes()
    assert "another program" in refusal(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("first_page", [0, 2])
def test_a_damaged_file_is_refused(path: Path, first_page: int) -> None:
    write_rows(path, 200)
    blocks = path.read_bytes()
    noise = random.Random(1).randbytes(3 * 4096)
    start = first_page * 4096
    path.write_bytes(blocks[:start] + noise + blocks[start + len(noise) :])
    assert ("nor any database" if first_page == 0 else "damaged") in refusal(path)


def test_a_file_cut_short_is_refused(path: Path) -> None:
    write_rows(path, 200)
    os.truncate(path, path.stat().st_size // 2)
    assert "damaged" in refusal(path)


def test_a_row_that_makes_no_sense_is_told_when_it_is_read(path: Path) -> None:
    write_rows(path, 2)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE job SET state = 'asleep' WHERE number = 2")
    journal = Journal(path)
    assert journal.find("k0")
    with pytest.raises(JournalError, match="asleep"):
        journal.find("k1")
    journal.close_now()


def test_a_journal_of_a_newer_version_is_refused_and_left_as_it_is(path: Path) -> None:
    write_rows(path, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    before = path.read_bytes()
    assert "newer akool_async" in refusal(path)
    assert path.read_bytes() == before


def add_a_column(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE job ADD COLUMN priority INTEGER NOT NULL DEFAULT 7")


def test_an_older_file_is_brought_up_to_date_and_keeps_its_rows(path: Path) -> None:
    write_rows(path, 3)
    newer = (*schema.MIGRATIONS, add_a_column)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert schema.problem_with(connection, newer) is None
        schema.migrate(connection, newer)
        schema.migrate(connection, newer)  # nothing is left to do
        found = connection.execute("SELECT key, priority FROM job ORDER BY number").fetchall()
        assert found == [("k0", 7), ("k1", 7), ("k2", 7)]
        assert connection.execute("PRAGMA user_version").fetchone() == (len(newer),)


def test_a_migration_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    write_rows(path, 3)

    def failing(connection: sqlite3.Connection) -> None:
        add_a_column(connection)
        raise RuntimeError

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with pytest.raises(RuntimeError):
            schema.migrate(connection, (*schema.MIGRATIONS, failing))
        columns = [name for _, name, *_ in connection.execute("PRAGMA table_info(job)")]
        assert "priority" not in columns
    journal = Journal(path)
    assert len(list(journal.entries())) == 3
    journal.close_now()


def test_a_file_that_may_not_be_written_is_refused(unprivileged: Path) -> None:
    path = unprivileged / "jobs.sqlite"
    write_rows(path, 1)
    path.chmod(0o400)
    assert "Permission denied" in refusal(path)


def test_a_folder_that_may_not_be_written_is_refused(unprivileged: Path) -> None:
    unprivileged.chmod(0o500)
    assert "Permission denied" in refusal(unprivileged / "jobs.sqlite")


def test_a_place_where_no_file_can_be_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "nowhere" / "jobs.sqlite")
    assert "directory" in refusal(tmp_path)
    assert "no name" in refusal("")
    with pytest.raises(JournalError, match="no name"):
        Journal("a\0b")


def test_a_refused_opening_leaves_nothing_locked(path: Path) -> None:
    path.write_bytes(b"To be, or not to be.\n" * 500)
    refusal(path)
    path.unlink()
    Journal(path).close_now()


def test_a_queue_of_notes_survives_its_file_being_read_by_others(
    journal: Journal, path: Path
) -> None:
    number = asyncio.run(journal.intend(speech())).row
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM job").fetchone()
        asyncio.run(journal.note(number, Change(State.CREATED)))
    assert [entry.state for entry in journal.entries()] == [State.CREATED]
