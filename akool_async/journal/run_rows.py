"""All rows of a run, ended or not, for who reports on it while others may write.

A row is a job's row with its line of `results.jsonl` or `errors.jsonl`, if it has one, or such a
line of a row of the manifest that became no job. The steps of a recipe before its last one are no
rows of the run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, NamedTuple

from akool_async.journal.entry import State

PAGE: Final = 1000
"""Rows that are in memory at once."""


class RunRow(NamedTuple):
    """A row of a run."""

    number: int
    """The row of its job; negative for a row that became no job."""
    key: str | None
    """The key of its job, which for a step of a recipe has the number of the step too."""
    name: str | None
    """The operation of its job; `None` if it became no job."""
    state: str | None
    """The state of its job; `None` if it became no job."""
    intended_at: float | None
    """When it was sent, or its key was claimed, in seconds since 1970."""
    updated_at: float | None
    """When its job last changed, in seconds since 1970: once it has ended, when it did."""
    status: str | None
    """The status in its line; `None` if it has no line."""
    line: bytes | None
    """Its line, with the end."""
    request: bytes | None
    """JSON of its request under wire names; empty once compacted, `None` if nobody asked."""


class Span(NamedTuple):
    """When the jobs of a journal began and ended, in seconds since 1970."""

    begun: float
    changed: float


class RunRowReader:
    """Reads the rows of a run.

    Args:
        read: Runs a query at once, and blocks meanwhile.
    """

    def __init__(self, read: Callable[[Callable[[sqlite3.Connection], Any]], Any]) -> None:
        self._read = read

    @contextmanager
    def at_one_moment(self) -> Generator[None]:
        """Show, until the context ends, the rows as they are at its first query.

        Writers go on meanwhile; what they write is not seen, and their file grows by it.
        """
        self._read(lambda connection: connection.execute("BEGIN"))
        try:
            yield
        finally:
            self._read(lambda connection: connection.execute("ROLLBACK"))

    def span(self) -> Span | None:
        """Return when the first job began, and the last one changed; `None` without jobs."""
        begun, changed = self._read(
            lambda connection: connection.execute(
                "SELECT min(intended_at), max(updated_at) FROM job"
            ).fetchone()
        )
        return None if begun is None else Span(begun, changed)

    def rows(self, *, requests: bool = False) -> Iterator[RunRow]:
        """Yield all rows, those that became a job in the order in which they were sent.

        Args:
            requests: Whether their requests are read too: they are most of the bytes.
        """
        yield from self._pages(_jobs_page, requests=requests)
        yield from self._pages(_jobless_page, requests=requests)

    def row(self, number: int) -> RunRow | None:
        """Return the row of a job, with its request."""
        found: list[RunRow] = self._read(
            partial(_jobs_page, after=number - 1, requests=True, limit=1)
        )
        return found[0] if found and found[0].number == number else None

    def _pages(self, page: Callable[..., list[RunRow]], *, requests: bool) -> Iterator[RunRow]:
        after = 0
        while True:
            found: list[RunRow] = self._read(partial(page, after=after, requests=requests))
            if not found:
                return
            yield from found
            after = found[-1].number


_OPEN: Final = ", ".join(repr(state.value) for state in State if not state.finished)
_JOB: Final = """job.number, job.key, job.name, job.state, job.intended_at, job.updated_at,
    outcome.status, outcome.line"""


def _jobs_page(
    connection: sqlite3.Connection, after: int, *, requests: bool, limit: int = PAGE
) -> list[RunRow]:
    request = "job.request" if requests else "NULL"
    rows = connection.execute(
        f"""
        SELECT {_JOB}, {request} FROM job LEFT JOIN outcome ON outcome.job = job.number
        WHERE job.number > ? AND (outcome.job IS NOT NULL OR job.state IN ({_OPEN}))
        ORDER BY job.number LIMIT ?""",  # noqa: S608 - our own words
        (after, limit),
    )
    return [RunRow(*row) for row in rows]


def _jobless_page(
    connection: sqlite3.Connection,
    after: int,
    *,
    requests: bool,  # noqa: ARG001 - as above
) -> list[RunRow]:
    rows = connection.execute(
        """
        SELECT job, NULL, NULL, NULL, NULL, NULL, status, line, NULL FROM outcome
        WHERE job < ? ORDER BY job DESC LIMIT ?""",
        (after, PAGE),
    )
    return [RunRow(*row) for row in rows]
