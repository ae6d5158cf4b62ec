"""Pages of a journal's rows, newest first, for those who look at it while it is written.

Every query here reads: a page by its place and never by an offset, so that the last page of
100 000 rows costs as much as the first one.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, NamedTuple, TypeVar

from akool_async.journal import rows, schema
from akool_async.journal.entry import UNFINISHED, Entry, State
from akool_async.journal.outcome_lines import SIZE

T = TypeVar("T")

TROUBLE: Final = (State.FAILED, State.REFUSED, State.EXPIRED, State.ABANDONED, State.UNKNOWN)
"""The states of rows that did not end as somebody wished."""


class Wanted(NamedTuple):
    """Which rows are wanted: those that fit all of this."""

    states: tuple[State, ...] = ()
    """Any of these; empty for all."""
    operation: str = ""
    """The dotted name of the row's operation; empty for all."""
    text: str = ""
    """Part of the key, the id, the reason or the request, upper and lower case being one."""
    key: str = ""
    """A pattern of the key, with `*`, `?` and `[...]` as in a shell."""


ALL: Final = Wanted()


class JobRow(NamedTuple):
    """What a list shows of a row."""

    number: int
    """Of the job's row; negative for a row of a manifest that became no job."""
    key: str | None
    name: str
    """The operation."""
    state: State
    attempt: int
    id: str | None
    reason: str
    created_at: int | None
    """When Akool accepted it, in seconds since 1970."""
    updated_at: float | None
    """When the row last changed, in seconds since 1970; unknown for one that became no job."""
    saved: str | None
    line: bytes | None
    """Its line of `results.jsonl` or `errors.jsonl`, if it has one."""


class StateCount(NamedTuple):
    """How many rows of an operation are in a state."""

    operation: str
    state: State
    rows: int
    saved: int
    """Files on disk."""
    bytes: int


class ErrorCount(NamedTuple):
    """How many rows ended with a class of error."""

    error: str
    rows: int
    newest: str


class History(NamedTuple):
    """What happened when, in steps of equal length."""

    begin: float
    """Seconds since 1970."""
    step: float
    """Seconds of one step."""
    completed: list[int]
    """Rows that completed in each step."""
    troubled: list[int]
    """Rows that ended otherwise in each step."""
    in_flight: list[int]
    """Jobs that were being created, or at Akool, at the end of each step."""


class JobBrowser:
    """Reads pages, counts and times.

    Args:
        read: Runs a query at once, and blocks meanwhile.
    """

    def __init__(self, read: Callable[[Callable[[sqlite3.Connection], Any]], Any]) -> None:
        self._read_now = read

    def page(
        self, wanted: Wanted = ALL, *, before: int | None = None, limit: int = 100
    ) -> list[JobRow]:
        """Return the next rows, newest first; blocks.

        Args:
            wanted: Which rows.
            before: The number of the last row that was read before; `None` to begin.
            limit: How many rows at most.
        """
        return self._now(lambda connection: _page(connection, wanted, before, limit))

    def entry(self, number: int) -> tuple[Entry | None, bytes | None]:
        """Return a job's row, and its line; blocks. Each may be missing."""
        return self._now(
            lambda connection: (rows.get(connection, number), _line(connection, number))
        )

    def counts(self) -> list[StateCount]:
        """Return how many rows there are, by operation and state; reads all rows, and blocks."""
        return self._now(_counts)

    def errors(self) -> list[ErrorCount]:
        """Return the classes of errors that rows ended with, the most frequent first; blocks."""
        return self._now(_errors)

    def history(self, steps: int) -> History | None:
        """Return what happened when; `None` before anything has. Reads all rows, and blocks."""
        return self._now(lambda connection: _history(connection, steps))

    def version(self) -> int:
        """Return a number that changes when another process has written to the file."""
        return self._now(_version)

    def _now(self, query: Callable[[sqlite3.Connection], T]) -> T:
        found: T = self._read_now(query)
        return found


_NO_OUTCOMES: Final = (
    "(SELECT 0 AS job, '' AS status, 0 AS changed, 0 AS behind, x'' AS line WHERE FALSE)"
)
"""Stands for the table of lines in a journal that an older version wrote."""

_STATES: Final = {state.value: state for state in State}


def _outcome_in(connection: sqlite3.Connection) -> str:
    query = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'outcome'"
    return "outcome" if connection.execute(query).fetchone() == (1,) else _NO_OUTCOMES


def _page(
    connection: sqlite3.Connection, wanted: Wanted, before: int | None, limit: int
) -> list[JobRow]:
    outcome = _outcome_in(connection)
    where, values = _condition(wanted, _OF_JOBS)
    found: list[JobRow] = []
    if before is None or before > 0:
        query = f"""
            SELECT job.number, job.key, job.name, job.state, job.attempt, job.id, job.reason,
                job.created_at, job.updated_at, job.saved, outcome.line
            FROM job LEFT JOIN {outcome} AS outcome ON outcome.job = job.number
            WHERE job.number < ? AND {where} ORDER BY job.number DESC LIMIT ?"""  # noqa: S608 - ours
        newest = rows.last_number(connection) + 1 if before is None else before
        found = list(map(_row, connection.execute(query, (newest, *values, limit))))
    if len(found) < limit:
        where, values = _condition(wanted, _OF_LINES)
        query = f"""
            SELECT job, json_extract(text, '$.key'), json_extract(text, '$.operation'), status,
                0, NULL, coalesce(json_extract(text, '$.msg'), ''), NULL, NULL, NULL, line
            FROM (SELECT job, status, line, CAST(line AS TEXT) AS text FROM {outcome} AS outcome
                WHERE job < ?)
            WHERE {where} ORDER BY job DESC LIMIT ?"""  # noqa: S608 - ours
        first = min(before, 0) if before is not None else 0
        jobless = connection.execute(query, (first, *values, limit - len(found)))
        found.extend(map(_row, jobless))
    return found


class _Columns(NamedTuple):
    """Where a query finds what rows are chosen by."""

    state: str
    operation: str
    key: str
    texts: tuple[str, ...]
    indexed: Mapping[str, frozenset[State]] = {}
    """The condition of each index that has some rows only, and the states of these rows."""


_OF_JOBS: Final = _Columns(
    "job.state",
    "job.name",
    "job.key",
    ("job.key", "job.id", "job.reason", "CAST(job.request AS TEXT)"),
    {
        schema.UNFINISHED_ROWS: frozenset(UNFINISHED),
        schema.TROUBLED_ROWS: frozenset(TROUBLE),
    },
)
_OF_LINES: Final = _Columns(
    "status", "json_extract(text, '$.operation')", "json_extract(text, '$.key')", ("text",)
)


def _condition(wanted: Wanted, columns: _Columns) -> tuple[str, list[object]]:
    conditions, values = ["TRUE"], list[object]()
    if wanted.states:
        conditions.append(f"{columns.state} IN ({_quoted(wanted.states)})")
        conditions += [
            condition
            for condition, states in columns.indexed.items()
            if states.issuperset(wanted.states)
        ][:1]
    if wanted.operation:
        conditions.append(f"{columns.operation} = ?")
        values.append(wanted.operation)
    if wanted.key:
        conditions.append(f"{columns.key} GLOB ?")
        values.append(wanted.key)
    if wanted.text:
        pattern = re.sub(r"[\\%_]", r"\\\g<0>", wanted.text)
        escape = "" if pattern == wanted.text else r" ESCAPE '\'"  # without it, a third faster
        likes = [f"{column} LIKE ?{escape}" for column in columns.texts]
        conditions.append(f"({' OR '.join(likes)})")
        values.extend([f"%{pattern}%"] * len(likes))
    return " AND ".join(conditions), values


def _row(values: Sequence[Any]) -> JobRow:
    row = JobRow(*values)
    return row._replace(state=_STATES[values[3]])


def _line(connection: sqlite3.Connection, number: int) -> bytes | None:
    outcome = _outcome_in(connection)
    query = f"SELECT line FROM {outcome} AS outcome WHERE job = ?"  # noqa: S608 - our own words
    found = connection.execute(query, (number,)).fetchone()
    return None if found is None else bytes(found[0])


def _counts(connection: sqlite3.Connection) -> list[StateCount]:
    """Count the rows of a manifest by their lines, and others by their jobs.

    An earlier step of a recipe has no line, and is no row of a manifest: its fingerprint tells.
    """
    outcome = _outcome_in(connection)
    found = connection.execute(
        f"""
        SELECT json_extract(text, '$.operation'), status, count(*),
            count(json_extract(text, '$.path')), coalesce(sum({SIZE}), 0)
        FROM (SELECT status, CAST(line AS TEXT) AS text FROM {outcome} AS outcome) GROUP BY 1, 2
        UNION ALL
        SELECT name, state, count(*), count(saved), 0 FROM job
        WHERE number NOT IN (SELECT job FROM {outcome} AS outcome)
            AND NOT (state = 'completed' AND instr(fingerprint, '/'))
        GROUP BY 1, 2"""  # noqa: S608 - our own words
    )
    return [StateCount(name, _STATES[state], *counts) for name, state, *counts in found]


def _errors(connection: sqlite3.Connection) -> list[ErrorCount]:
    outcome = _outcome_in(connection)
    # With one `max`, SQLite takes the other columns from the row that has it.
    found = connection.execute(
        f"""
        SELECT error, rows, coalesce(newest, '') FROM (
            SELECT json_extract(text, '$.error') AS error, count(*) AS rows,
                json_extract(text, '$.msg') AS newest, max(changed)
            FROM (SELECT changed, CAST(line AS TEXT) AS text FROM {outcome} AS outcome
                WHERE status != 'completed')
            WHERE error IS NOT NULL GROUP BY error)
        ORDER BY rows DESC, error"""  # noqa: S608 - our own words
    )
    return [ErrorCount(*each) for each in found]


def _history(connection: sqlite3.Connection, steps: int) -> History | None:
    begin, end = connection.execute("SELECT min(intended_at), max(updated_at) FROM job").fetchone()
    if begin is None:
        return None
    step = max(1.0, (end - begin) / (steps - 1))
    count = int((end - begin) / step) + 1

    def by_step(query: str) -> Iterator[tuple[int, tuple[int, ...]]]:
        for at, *numbers in connection.execute(query, {"begin": begin, "step": step}):
            yield min(max(int(at), 0), count - 1), tuple(numbers)

    completed, troubled, changes = ([0] * count for _ in range(3))
    for at, (good, bad, left) in by_step(_ENDS):
        completed[at] += good
        troubled[at] += bad
        changes[at] -= left
    for at, (came,) in by_step(_BEGINNINGS):
        changes[at] += came
    return History(begin, step, completed, troubled, list(accumulate(changes)))


def _quoted(states: Sequence[State]) -> str:
    return ", ".join(repr(state.value) for state in states)


_ENDED: Final = _quoted([state for state in State if state.finished])
_ENDS: Final = f"""
    SELECT CAST((updated_at - :begin) / :step AS INTEGER), sum(state = 'completed'),
        sum(state != 'completed'), sum(created_at IS NOT NULL)
    FROM job WHERE state IN ({_ENDED}) GROUP BY 1"""  # noqa: S608 - our own words
# From its intent on, by our own clock: Akool's tells whole seconds, and may be wrong.
_BEGINNINGS: Final = f"""
    SELECT CAST((intended_at - :begin) / :step AS INTEGER), count(*)
    FROM job WHERE created_at IS NOT NULL AND state IN ({_ENDED}, {_quoted(UNFINISHED)})
    GROUP BY 1"""  # noqa: S608 - our own words


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA data_version").fetchone()
    return int(version)
