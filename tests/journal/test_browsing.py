"""Pages, counts and times of a journal that another connection writes to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from akool_async.batch.outcomes.endings import line_of
from akool_async.batch.outcomes.outcome import Outcome
from akool_async.journal import Journal, State
from akool_async.journal.browsing import TROUBLE, JobBrowser, Wanted
from akool_async.journal.looking import JournalView

BEGIN = 1_800_000_000.0
INSERT = """
    INSERT INTO job (number, key, name, fingerprint, state, attempt, id, created_at, reason,
        intended_at, updated_at, request)
    VALUES (?, ?, ?, 'f', ?, 1, ?, ?, ?, ?, ?, ?)"""


def written(path: Path, rows: int) -> None:
    """Write a journal: every tenth row failed, and one is in flight."""
    Journal(path).close_now()
    with sqlite3.connect(path) as connection:
        for n in range(1, rows + 1):
            state = "failed" if n % 10 == 0 else "created" if n == 1 else "completed"
            name = "audio.tts" if n % 2 else "reage.image"
            connection.execute(
                INSERT,
                (
                    *(n, f"row-{n:04}", name, state, f"id-{n}", int(BEGIN) + n),
                    "no face was found" if state == "failed" else "",
                    *(BEGIN + n, BEGIN + n + 10.0, b'{"input_text": "text 100%% %d"}' % n),
                ),
            )
            if state != "created":
                outcome = Outcome(
                    key=f"row-{n:04}",
                    line=n,
                    operation=name,
                    status=State(state),
                    error="JobFailed" if state == "failed" else None,
                    path=None if state == "failed" else f"media/{n}.png",
                    bytes=None if state == "failed" else 10,
                )
                connection.execute(
                    "INSERT INTO outcome (job, status, changed, line) VALUES (?, ?, ?, ?)",
                    (n, state, n, line_of(outcome)),
                )
    connection.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written(tmp_path / "journal.sqlite", 200)
    return tmp_path / "journal.sqlite"


@pytest.fixture
def jobs(path: Path) -> Iterator[JobBrowser]:
    view = JournalView(path)
    yield view.jobs
    view.close()


def test_pages_come_newest_first_and_each_row_once(jobs: JobBrowser) -> None:
    seen: list[int] = []
    before = None
    while page := jobs.page(before=before, limit=33):
        seen += [row.number for row in page]
        before = page[-1].number
    assert seen == list(range(200, 0, -1))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(TROUBLE), list(range(200, 0, -10))),
        (Wanted((State.CREATED,)), [1]),
        (Wanted(text="TEXT 100% 42"), [42]),
        (Wanted(text="100% 4"), [*range(49, 39, -1), 4]),
        (Wanted(text="row_"), []),
        (Wanted(text="no face"), list(range(200, 0, -10))),
        (Wanted(key="row-004[12]"), [42, 41]),
        (Wanted(operation="audio.tts", text="row-002"), [29, 27, 25, 23, 21]),
    ],
)
def test_rows_are_chosen_by_state_operation_key_and_text(
    jobs: JobBrowser, wanted: Wanted, expected: list[int]
) -> None:
    assert [row.number for row in jobs.page(wanted)] == expected


def test_rows_that_became_no_job_come_last(path: Path, jobs: JobBrowser) -> None:
    with sqlite3.connect(path) as connection:
        for number in (-1, -2):
            line = line_of(
                Outcome(
                    key=f"wrong{number}",
                    line=1,
                    operation="audio.tts",
                    status=State.REFUSED,
                    msg="voice_id is missing",
                )
            )
            connection.execute(
                "INSERT INTO outcome (job, status, changed, line) VALUES (?, 'refused', 500, ?)",
                (number, line),
            )
    connection.close()
    assert [row.number for row in jobs.page(before=3)] == [2, 1, -1, -2]
    assert [row.number for row in jobs.page(before=-1)] == [-2]
    (row,) = jobs.page(Wanted(key="wrong-2"))
    assert (row.name, row.state, row.reason) == ("audio.tts", State.REFUSED, "voice_id is missing")
    assert [row.number for row in jobs.page(Wanted(text="IS MISSING"))] == [-1, -2]
    assert jobs.entry(-2)[1] == row.line


def test_counts_errors_and_history_add_up(jobs: JobBrowser) -> None:
    counts = jobs.counts()
    assert sum(each.rows for each in counts) == 200
    assert {(each.operation, each.state): each.rows for each in counts} == {
        ("audio.tts", State.COMPLETED): 99,
        ("audio.tts", State.CREATED): 1,
        ("reage.image", State.COMPLETED): 80,
        ("reage.image", State.FAILED): 20,
    }
    assert (sum(each.saved for each in counts), sum(each.bytes for each in counts)) == (179, 1790)
    assert [(each.error, each.rows) for each in jobs.errors()] == [("JobFailed", 20)]
    history = jobs.history(50)
    assert history is not None
    assert history.begin == BEGIN + 1
    assert sum(history.completed) == 179
    assert sum(history.troubled) == 20
    assert history.in_flight[-1] == 1
    assert 5 <= max(history.in_flight) <= 15


def test_a_journal_without_rows_has_nothing_to_tell(tmp_path: Path) -> None:
    Journal(tmp_path / "empty.sqlite").close_now()
    view = JournalView(tmp_path / "empty.sqlite")
    assert view.jobs.page() == []
    assert view.jobs.counts() == []
    assert view.jobs.history(10) is None
    view.close()


def test_a_journal_of_before_runs_is_listed_too(path: Path, jobs: JobBrowser) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE outcome")
    connection.close()
    assert len(jobs.page(Wanted(TROUBLE))) == 20
    assert sum(each.rows for each in jobs.counts()) == 200
    assert jobs.errors() == []


def test_the_version_changes_with_what_others_write(path: Path, jobs: JobBrowser) -> None:
    before = jobs.version()
    assert jobs.version() == before
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE job SET reason = 'changed' WHERE number = 1")
    connection.close()
    assert jobs.version() != before
