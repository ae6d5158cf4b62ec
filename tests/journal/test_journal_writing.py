"""One thread writes: in order, together, and only what is on disk is said to be written."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import struct
import subprocess
import threading
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from akool_async import JournalError
from akool_async.journal import Attempt, Change, Journal, State, writer
from tests.journal import creates
from tests.journal.creates import speech
from tests.journals import file_of

Run = Callable[..., subprocess.CompletedProcess[str]]


async def intend(journal: Journal, key: str | None = None) -> int:
    return await creates.intend(journal, speech(key))


def rows(path: Path) -> list[tuple[int, str, str]]:
    """Read the file without the journal's own code."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT number, state, coalesce(id, '') FROM job")
        return found.fetchall()


def commits(path: Path) -> int:
    """Count the commits in a write-ahead log, by its documented format."""
    log = path.with_name(path.name + "-wal").read_bytes()
    page_size, salts = struct.unpack(">8xI4x8s", log[:24])
    starts = range(32, len(log), 24 + page_size)
    headers = (struct.unpack(">4xI8s", log[start : start + 16]) for start in starts)
    return sum(1 for pages, salt in headers if pages and salt == salts)


@contextmanager
def held(path: Path) -> Generator[None]:
    """Keep the journal from committing, as a program would that changes the same file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


async def test_a_job_whose_end_is_being_written_is_not_undecided(
    journal: Journal, path: Path
) -> None:
    number = await intend(journal, "a-key")
    assert [known.state for known in await journal.outcomes.undecided()] == [State.INTENT]
    with held(path):
        journal.note_soon(number, Change(State.COMPLETED))
        asked = asyncio.create_task(journal.outcomes.undecided())
        await asyncio.sleep(0.05)  # time in which a reader answers what was there before
    assert await asked == []


async def test_another_reader_sees_the_row_when_intend_returns(
    journal: Journal, path: Path
) -> None:
    for expected in range(1, 20):
        number = await intend(journal)
        assert rows(path)[-1] == (number, "intent", "")
        await journal.note(number, Change(State.CREATED, id="i1"))
        assert rows(path)[-1] == (number, "created", "i1")
        assert len(rows(path)) == expected


async def test_nothing_is_said_to_be_written_before_it_is(journal: Journal, path: Path) -> None:
    with held(path):
        written = asyncio.create_task(intend(journal))
        await asyncio.sleep(0)
        soon = journal.note_soon(1, Change(State.CREATED))
        done, _ = await asyncio.wait([written], timeout=0.05)
        assert not done
        assert not soon.done()
        assert not rows(path)
    assert await written == 1
    await asyncio.wrap_future(soon)
    assert rows(path) == [(1, "created", "")]


async def test_every_commit_is_flushed_to_the_disk(journal: Journal) -> None:
    (full,) = file_of(journal).writer.connection.execute("PRAGMA synchronous").fetchone()
    assert full == 2


async def test_those_who_wait_together_share_a_commit(journal: Journal, path: Path) -> None:
    before = commits(path)
    with held(path):  # the first is being committed while all others queue up
        waiting = [asyncio.create_task(intend(journal)) for _ in range(400)]
        await asyncio.sleep(0)
    numbers = await asyncio.gather(*waiting)
    assert sorted(numbers) == list(range(1, 401))
    assert commits(path) - before <= 2


async def test_a_single_caller_gets_a_commit_for_each_write(journal: Journal, path: Path) -> None:
    before = commits(path)
    for _ in range(10):
        await intend(journal)
    assert commits(path) - before == 10


async def test_writes_happen_in_the_order_in_which_they_were_asked_for(journal: Journal) -> None:
    number = await intend(journal)
    for step in range(1000):
        journal.note_soon(number, Change(State.CREATED, id=f"i{step}"))
    await journal.note(number, Change(State.COMPLETED))
    entry = journal.get(number)
    assert entry is not None
    assert (entry.state, entry.id) == (State.COMPLETED, "i999")


async def test_an_intent_cancelled_before_its_commit_is_not_left_as_sent(
    journal: Journal, path: Path
) -> None:
    (row,) = await journal.claim([speech("k")])
    assert isinstance(row, int)
    with held(path):
        waiting = asyncio.create_task(journal.intend(speech("k"), row))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    number = await intend(journal, "k")  # at once: nothing has to be waited for
    again = journal.get(number)
    assert again is not None
    assert (again.state, again.attempt) == (State.INTENT, 2)


async def test_a_cancelled_intent_holds_up_none_of_those_it_was_written_with(
    journal: Journal, path: Path
) -> None:
    with held(path):
        waiting = [asyncio.create_task(intend(journal)) for _ in range(5)]
        await asyncio.sleep(0)
        waiting[2].cancel()
        await asyncio.sleep(0)
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert [isinstance(outcome, int) for outcome in done] == [True, True, False, True, True]


async def test_an_intent_cancelled_after_its_commit_is_not_left_as_sent(journal: Journal) -> None:
    (row,) = await journal.claim([speech("k")])
    assert isinstance(row, int)
    waiting = asyncio.create_task(journal.intend(speech("k"), row))
    await asyncio.sleep(0)
    while not list(journal.entries(State.INTENT)):  # on disk, and this loop does not know yet
        pass
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await intend(journal, "other")  # what was queued before is written by then
    withdrawn = journal.find("k")
    assert withdrawn is not None
    assert withdrawn.state is State.REFUSED


async def test_a_cancelled_intent_that_was_refused_takes_nothing_back(
    journal: Journal, path: Path
) -> None:
    number = await intend(journal, "k")
    with held(path):
        waiting = asyncio.create_task(journal.intend(speech("k"), number))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await intend(journal, "other")
    assert rows(path)[0] == (number, "intent", "")


class Stall:
    """A write that takes until it is told to end, and then may spoil its transaction."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error
        self._begun = threading.Event()
        self._end = threading.Event()

    def __call__(self, _connection: sqlite3.Connection, /) -> None:
        self._begun.set()
        self._end.wait(10)
        if self._error is not None:
            raise self._error

    async def begun(self) -> None:
        """Wait until it runs: what is queued from then on is in a later transaction."""
        assert await asyncio.to_thread(self._begun.wait, 10)

    def end(self) -> None:
        """Let it end."""
        self._end.set()


async def test_a_cancelled_intent_whose_commit_failed_takes_nothing_else_back(
    journal: Journal,
) -> None:
    first, second = Stall(), Stall(sqlite3.OperationalError("disk I/O error"))
    file_of(journal).writer.write_soon(first, awaited=True)
    await first.begun()
    lost = asyncio.create_task(journal.intend(speech(request=b"lost")))
    await asyncio.sleep(0)
    file_of(journal).writer.write_soon(second, awaited=True)
    first.end()
    await second.begun()  # in one transaction with the intent, which it will take down
    other = asyncio.create_task(journal.intend(speech(request=b"other")))
    await asyncio.sleep(0)
    lost.cancel()
    await asyncio.wait([lost])
    second.end()
    # The other has the row's number now, and the cancelled one's way back comes after it.
    number = (await other).row
    await intend(journal)
    assert b"lost" not in [entry.request for entry in journal.entries()]
    entry = journal.get(number)
    assert entry is not None
    assert (entry.request, entry.state) == (b"other", State.INTENT)
    assert number == 1


async def test_a_cancelled_note_is_written_all_the_same(journal: Journal, path: Path) -> None:
    number = await intend(journal)
    with held(path):
        waiting = asyncio.create_task(journal.note(number, Change(State.CREATED, id="i1")))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await intend(journal)
    assert rows(path)[0] == (number, "created", "i1")


def test_loops_in_several_threads_write_to_one_journal(journal: Journal) -> None:
    async def work(worker: int) -> None:
        numbers = await asyncio.gather(*(intend(journal, f"{worker}/{n}") for n in range(200)))
        await asyncio.gather(*(journal.note(number, Change(State.CREATED)) for number in numbers))

    threads = [threading.Thread(target=asyncio.run, args=(work(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(journal.entries(State.CREATED))) == 800


def test_a_loop_that_ended_is_followed_by_another(journal: Journal) -> None:
    assert [asyncio.run(intend(journal)) for _ in range(3)] == [1, 2, 3]


def test_a_loop_that_ends_before_its_writes_harms_nobody(journal: Journal, path: Path) -> None:
    (row,) = asyncio.run(journal.claim([speech("k")]))

    async def leave() -> None:
        assert isinstance(row, int)
        tasks.append(asyncio.create_task(journal.intend(speech("k"), row)))
        await asyncio.sleep(0)

    tasks: list[asyncio.Task[Attempt]] = []
    with held(path):
        asyncio.run(leave())
    assert tasks[0].cancelled()
    asyncio.run(intend(journal))
    left = journal.find("k")
    assert left is not None
    assert left.state is State.REFUSED


async def test_a_full_disk_fails_its_writes_and_nothing_else(journal: Journal, path: Path) -> None:
    first = await intend(journal, "first")
    writing = file_of(journal).writer.connection
    (pages,) = writing.execute("PRAGMA page_count").fetchone()
    writing.execute(f"PRAGMA max_page_count = {pages}")
    large = b"x" * 20_000
    outcomes = await asyncio.gather(
        *(journal.intend(speech(request=large)) for _ in range(5)), return_exceptions=True
    )
    assert all(isinstance(outcome, JournalError) for outcome in outcomes)
    assert "no room left" in str(outcomes[0])
    assert str(path) in str(outcomes[0])
    assert [entry.number for entry in journal.entries()] == [first]

    writing.execute("PRAGMA max_page_count = 1000000")
    assert (await journal.intend(speech(request=large))).row == first + 1
    assert len(rows(path)) == 2


@pytest.mark.parametrize("room", [0, 4096, 20_000, 60_000])
def test_a_file_that_may_not_grow_fails_its_writes_and_then_goes_on(run: Run, room: int) -> None:
    done = run(
        """
        import asyncio, pathlib, resource, sqlite3, sys
        from akool_async import JournalError
        from akool_async.journal import Intent, Journal

        async def main(path, room):
            journal = Journal(path)
            large = Intent(name="audio.tts", request=b"x" * 3000, fingerprint="")
            small = Intent(name="audio.tts", request=b"{}", fingerprint="")
            known = {(await journal.intend(small)).row}
            size = pathlib.Path(path + "-wal").stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, resource.RLIM_INFINITY))
            failures = 0
            while failures < 5:
                wave = [journal.intend(large) for _ in range(4)]
                for outcome in await asyncio.gather(*wave, return_exceptions=True):
                    if isinstance(outcome, tuple):
                        known.add(outcome.row)
                    else:
                        assert isinstance(outcome, JournalError), outcome
                        assert outcome.__context__ is outcome.__cause__ is None
                        failures += 1
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            known.add((await journal.intend(small)).row)
            assert {entry.number for entry in journal.entries()} == known
            await journal.close()
            plain = sqlite3.connect(path)
            assert plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert {n for n, in plain.execute("SELECT number FROM job")} == known
            plain.close()
            print("rows", len(known))

        asyncio.run(main(sys.argv[1], int(sys.argv[2])))
        """,
        str(room),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("rows ")


@contextmanager
def full(journal: Journal) -> Generator[None]:
    """Let the journal's file grow no more."""
    writing = file_of(journal).writer.connection
    (pages,) = writing.execute("PRAGMA page_count").fetchone()
    writing.execute(f"PRAGMA max_page_count = {pages}")
    yield
    with suppress(sqlite3.ProgrammingError):  # closed meanwhile
        writing.execute("PRAGMA max_page_count = 1000000")


async def test_notes_wait_for_room_on_the_disk_and_no_intent_comes_before_them(
    journal: Journal,
    path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer, "REPEAT_AFTER", 0.01)
    first = await intend(journal)
    with full(journal):
        created = journal.note_soon(first, Change(State.CREATED, id="i1"))
        large = journal.note_soon(first, Change(State.COMPLETED, result=b"x" * 20_000))
        with pytest.raises(JournalError):
            await intend(journal)
        await asyncio.sleep(0.05)  # time in which it is tried again, and again
        assert not large.done()
    await asyncio.wait_for(asyncio.wrap_future(large), 10)  # by itself
    await asyncio.wrap_future(created)
    assert rows(path) == [(first, "completed", "i1")]
    assert len(caplog.records) <= 2  # it is said once of each
    assert all("not done yet" in record.message for record in caplog.records)


async def test_notes_that_found_no_room_are_written_with_the_next_intent(
    journal: Journal, path: Path
) -> None:
    number = await intend(journal, "k")
    with full(journal):
        journal.note_soon(number, Change(State.REFUSED, reason="x" * 20_000))
        with pytest.raises(JournalError):
            await intend(journal)
    assert await intend(journal, "k") == number  # it was refused, so it may be sent again
    assert rows(path) == [(number, "intent", "")]


async def test_notes_that_never_find_room_are_told_when_the_journal_is_closed(
    journal: Journal, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    number = await intend(journal)
    with full(journal):
        late = journal.note_soon(number, Change(State.COMPLETED, result=b"x" * 20_000))
        with pytest.raises(JournalError):
            await intend(journal)
        assert not late.done()
        await journal.close()
    assert isinstance(late.exception(), JournalError)
    assert "writes to the journal that failed: 1" in caplog.text
    assert rows(path) == [(number, "intent", "")]


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
def test_a_file_that_is_no_longer_in_its_place_records_nothing_and_says_so(
    how: str, journal: Journal, path: Path
) -> None:
    aside = path.rename(path.with_name("aside"))
    if how == "deleted":
        aside.unlink()
    elif how == "replaced":
        path.write_bytes(b"")
    with pytest.raises(JournalError, match="moved, or deleted"):
        asyncio.run(intend(journal))
    if how == "moved":
        aside.rename(path)
        assert asyncio.run(intend(journal)) == 1


async def test_errors_carry_nothing_of_what_caused_them(journal: Journal) -> None:
    writing = file_of(journal).writer.connection
    (pages,) = writing.execute("PRAGMA page_count").fetchone()
    writing.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JournalError) as caught:
        await journal.intend(speech(request=b"x" * 20_000))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_closing_writes_what_is_queued(journal: Journal, path: Path) -> None:
    number = await intend(journal)
    soon = [journal.note_soon(number, Change(State.CREATED, id=f"i{step}")) for step in range(2000)]
    await journal.close()
    assert all(written.done() for written in soon)
    assert rows(path) == [(number, "created", "i1999")]


async def test_closing_twice_is_closing_once(journal: Journal) -> None:
    await asyncio.gather(journal.close(), journal.close())
    journal.close_now()


async def test_a_closed_journal_leaves_one_file_and_its_lock(journal: Journal, path: Path) -> None:
    await intend(journal)
    await journal.close()
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name, f"{path.name}.lock"]


async def test_a_closed_journal_refuses_everything(journal: Journal) -> None:
    number = await intend(journal, "k")
    walk = journal.entries()
    await journal.close()
    with pytest.raises(JournalError, match="is closed"):
        await intend(journal)
    with pytest.raises(JournalError, match="is closed"):
        await journal.note(number, Change(State.CREATED))
    with pytest.raises(JournalError, match="is closed"):
        journal.note_soon(number, Change(State.CREATED))
    with pytest.raises(JournalError, match="is closed"):
        journal.find("k")
    with pytest.raises(JournalError, match="is closed"):
        next(walk)
    with pytest.raises(JournalError, match="is closed"):
        journal.resolve("k", abandon=True)
    with pytest.raises(JournalError, match="is closed"):
        await journal.compact(0)


def test_a_journal_that_nobody_holds_is_closed(path: Path) -> None:
    journal = Journal(path)
    number = asyncio.run(intend(journal))
    journal.note_soon(number, Change(State.CREATED, id="i1"))
    del journal
    gc.collect()
    reopened = Journal(path)
    assert [entry.id for entry in reopened.entries()] == ["i1"]
    reopened.close_now()


def test_a_program_that_ends_without_closing_has_written_everything(run: Run, path: Path) -> None:
    done = run(
        """
        import asyncio, sys
        from akool_async.journal import Change, Intent, Journal, State
        small = Intent(name="audio.tts", request=b"{}", fingerprint="")
        journal = Journal(sys.argv[1])
        number = asyncio.run(journal.intend(small)).row
        for step in range(3000):
            journal.note_soon(number, Change(State.CREATED, id=f"i{step}"))
        """
    )
    assert done.returncode == 0, done.stderr
    assert rows(path) == [(1, "created", "i2999")]
