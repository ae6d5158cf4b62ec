"""The lines of a run's `results.jsonl` and `errors.jsonl`, kept beside the rows of its jobs.

The two files are derived from this table: one that is torn or deleted is written anew. A row of the
table belongs to the row of a job, by its number. Rows of a manifest that became no job, such as one
whose request is wrong, have negative numbers, which the next run forgets.

A job whose result waits to be saved has a line already, marked as `behind`: so what waits is kept
on disk, and not in memory. Its line is complete, and belongs into the file, once the mark is gone.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from akool_async.errors import JournalError
from akool_async.journal.entry import State

if TYPE_CHECKING:
    from akool_async.journal.file import JournalFile

T = TypeVar("T")

_ENDED: Final = ", ".join(repr(state.value) for state in State if state.finished)
RESULTS: Final = f"NOT behind AND status IN ({_ENDED})"
"""The lines of `results.jsonl`: those of rows that have ended."""
ERRORS: Final = "NOT behind AND status != 'completed'"
"""The lines of `errors.jsonl`: those of rows that have not completed."""

_EXPIRE: Final = """
    UPDATE job SET state = 'expired', updated_at = ? WHERE number = ? AND state = 'completed'"""

_IS_STEP: Final = "instr(job.fingerprint, '/')"
"""Tells a recipe's step from a job whose own key ends as a step's does."""
_MOST_STEPS: Final = 4
"""No recipe has more paid steps."""


SIZE: Final = """(json_extract(text, '$.bytes') + CASE
    WHEN instr(text, '"more_files":[{') THEN (
        SELECT sum(json_extract(value, '$.bytes')) FROM json_each(text, '$.more_files'))
    ELSE 0 END)"""
"""Bytes of all files of a result, in SQL, where `text` is its line; few results have several."""


class OutcomeLine(NamedTuple):
    """What became of one row of a manifest."""

    key: str
    """The row's key."""
    recipe: bool
    """Whether it is a recipe's: then the key of its job's row has the number of the step too."""
    status: str
    line: bytes
    """The line, with its end."""
    behind: bool = False
    """Whether the result waits to be saved."""
    saved: str | None = None
    """Where the result was saved just now; its job's row is told in the same transaction."""
    jobless: bool = False
    """Whether it became no job; its key may be that of another row's job."""


class KnownRow(NamedTuple):
    """What the journal knows of a row of a manifest."""

    number: int
    """The row of its job."""
    key: str
    """The key of that row, which for a recipe has the number of the step too."""
    name: str
    state: State
    fingerprint: str
    attempt: int
    """How often it was about to be sent."""
    created_at: int | None
    """When Akool accepted it, in seconds since 1970."""
    status: str | None
    """The status in its line, if it has one."""
    line: bytes | None
    """Its line."""
    behind: bool
    """Whether its result waits to be saved."""


class Average(NamedTuple):
    """What the rows of one operation took that completed."""

    rows: int
    bytes: float | None
    """Of a saved file."""
    seconds: float | None
    """At Akool."""


class FileFacts(NamedTuple):
    """How a derived file has to look."""

    lines: int
    bytes: int


class OutcomeReader:
    """Reads the table of lines.

    Args:
        read: Runs a query at once, and blocks meanwhile.
    """

    def __init__(self, read: Callable[[Callable[[sqlite3.Connection], Any]], Any]) -> None:
        self._read_now = read

    async def known(
        self, keys: Sequence[str], *, recipes: bool = False, brief: bool = False
    ) -> dict[str, KnownRow]:
        """Do what `known_now` does, in a thread."""
        return await asyncio.to_thread(self.known_now, keys, recipes=recipes, brief=brief)

    def known_now(
        self, keys: Sequence[str], *, recipes: bool = False, brief: bool = False
    ) -> dict[str, KnownRow]:
        """Return what is known of some keys, by key; a key without a job is left out. Blocks.

        Args:
            keys: Keys of rows of the manifest.
            recipes: Whether they are of recipes. Then the last paid step counts.
            brief: Whether the lines of rows that completed are left out, but for those that have
                no number of a line of the manifest.
        """
        return self._now(lambda connection: _known(connection, keys, recipes=recipes, brief=brief))

    async def behind(self, after: int, limit: int) -> list[tuple[int, KnownRow]]:
        """Return rows whose results wait to be saved, oldest first, each with its place in line.

        Args:
            after: The last place that was read before; 0 to begin.
            limit: How many rows at most.
        """
        return await self._read(lambda connection: _behind(connection, after, limit))

    async def count_behind(self) -> int:
        """Return how many results wait to be saved."""
        return await self._read(_count_behind)

    async def without_line(self, last_steps: Collection[str]) -> list[KnownRow]:
        """Return rows of jobs that completed, and have no line: the process died just then.

        Args:
            last_steps: Operations that recipes end in. Other steps of recipes have no line.
        """
        return await self._read(lambda connection: _without_line(connection, [*last_steps]))

    async def completed(self, after: int, limit: int = 500) -> list[tuple[int, KnownRow]]:
        """Return rows that completed, each with its place in the order of their lines."""
        return await self._read(lambda connection: _completed(connection, after, limit))

    async def saved(self) -> tuple[int, int]:
        """Return how many results were saved, and their bytes together."""
        return await self._read(_saved)

    def averages(self) -> dict[str, Average]:
        """Return, by operation, what rows that completed took on average; blocks."""
        return self._now(_averages)

    def is_anothers(self, path: str, key: str) -> bool:
        """Say whether a path is that of the file of another row; looks at all lines; blocks.

        Args:
            path: Relative to the run's folder, as in lines: that folder may be moved.
            key: The row's key.
        """
        return self._now(lambda connection: _is_anothers(connection, path, key))

    def facts(self, which: str) -> FileFacts:
        """Return how a file has to look; blocks. `which` is `RESULTS` or `ERRORS`."""
        return self._now(lambda connection: _facts(connection, which))

    def page(self, which: str, after: int, limit: int = 1000) -> list[tuple[int, bytes]]:
        """Return lines of a file in the order in which they came, each with its place; blocks."""
        return self._now(lambda connection: _page(connection, which, after, limit))

    def _now(self, query: Callable[[sqlite3.Connection], T]) -> T:
        found: T = self._read_now(query)
        return found

    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.to_thread(self._now, query)


class OutcomeLines(OutcomeReader):
    """The table of lines of an open journal.

    Args:
        file: The journal's file.
    """

    def __init__(self, file: JournalFile) -> None:
        super().__init__(file.read)
        self._file = file

    def write_soon(self, lines: Sequence[OutcomeLine]) -> Future[set[int]]:
        """Queue lines, each in place of an earlier one of its job.

        It is repeated until it is on disk, as a note is. The future's value is the places, among
        these lines, of those that took the place of an earlier line that stood in a file.

        Raises:
            JournalError: the journal is closed.
        """

        def write(connection: sqlite3.Connection) -> set[int]:
            return _write(connection, lines)

        return self._file.writer.write_soon(write, must_succeed=True)

    async def undecided(self) -> list[KnownRow]:
        """Return the rows of jobs that Akool may have, and that have not ended, oldest first.

        It sees all notes that were queued before. Else a job that ended a moment ago might look as
        if nobody knew about it.
        """
        try:
            return await self._file.writer.write(_undecided)
        except JournalError:  # such as a full disk: what is there can be read all the same
            return await self._read(_undecided)

    async def forget_jobless(self) -> None:
        """Forget the lines of rows that became no job: they are judged anew."""
        await self._file.writer.write(_forget_jobless)

    async def put_behind(self, numbers: Sequence[int]) -> None:
        """Let the results of some jobs wait to be saved, again."""
        await self._file.writer.write(lambda connection: _put_behind(connection, numbers))

    async def put_unsaved_behind(self) -> None:
        """Let the results wait to be saved that were given up, or were not to be saved before."""
        await self._file.writer.write(_put_unsaved_behind)

    async def settle_behind(self) -> None:
        """Let nothing wait to be saved any more: the lines are complete as they are."""
        await self._file.writer.write(_settle_behind)


def _write(connection: sqlite3.Connection, lines: Sequence[OutcomeLine]) -> set[int]:
    (changed,) = connection.execute("SELECT coalesce(max(changed), 0) FROM outcome").fetchone()
    replaced: set[int] = set()
    for place, each in enumerate(lines):
        numbers = [] if each.jobless else _numbers_of(connection, each)
        # Without a number, its key never came to the journal.
        number = numbers[-1] if numbers else _next_jobless(connection)
        changed += 1
        # A recipe may have a line already that belongs to a step before.
        where = f"WHERE job IN ({_marks(numbers)})"
        before = connection.execute(f"SELECT behind FROM outcome {where}", numbers)  # noqa: S608
        if (0,) in before.fetchall():
            replaced.add(place)
        if len(numbers) > 1:
            connection.execute(f"DELETE FROM outcome {where}", numbers)  # noqa: S608 - marks
        connection.execute(
            "INSERT OR REPLACE INTO outcome (job, status, changed, behind, line)"
            " VALUES (?, ?, ?, ?, ?)",
            (number, each.status, changed, each.behind, each.line),
        )
        if each.saved is not None:
            connection.execute("UPDATE job SET saved = ? WHERE number = ?", (each.saved, number))
        if each.status == State.EXPIRED:  # found out when it was to be saved
            connection.execute(_EXPIRE, (time.time(), number))
    return replaced


def _numbers_of(connection: sqlite3.Connection, line: OutcomeLine) -> list[int]:
    """Return the rows of a line's job, and of the steps before it."""
    keys = _step_keys(line.key) if line.recipe else [line.key]
    where = f"WHERE key IN ({_marks(keys)})" + (f" AND {_IS_STEP}" if line.recipe else "")
    found = connection.execute(f"SELECT number FROM job {where} ORDER BY number", keys)  # noqa: S608
    return [number for (number,) in found]


def _next_jobless(connection: sqlite3.Connection) -> int:
    (lowest,) = connection.execute("SELECT min(job) FROM outcome").fetchone()
    return min(lowest or 0, 0) - 1


def _forget_jobless(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM outcome WHERE job < 0")


_COLUMNS: Final = """job.number, job.key, job.name, job.state, job.fingerprint, job.attempt,
    job.created_at, outcome.status, outcome.line, outcome.behind"""
_BRIEF: Final = _COLUMNS.replace(
    "outcome.line",
    "CASE WHEN outcome.status != 'completed' OR instr(outcome.line, CAST('\"line\":0,' AS BLOB))"
    " THEN outcome.line END",
)
"""The same, without the lines of rows that completed, which are most of the bytes. No text in a
line holds such quotes as it is."""
_STATES: Final = {state.value: state for state in State}
_FROM: Final = "FROM job LEFT JOIN outcome ON outcome.job = job.number"
_SELECT: Final = f"SELECT {_COLUMNS} {_FROM}"


def _known(
    connection: sqlite3.Connection, keys: Sequence[str], *, recipes: bool, brief: bool
) -> dict[str, KnownRow]:
    select = f"SELECT {_BRIEF} {_FROM}" if brief else _SELECT
    found: dict[str, KnownRow] = {}
    asked = [step for key in keys for step in _step_keys(key)] if recipes else keys
    for start in range(0, len(asked), 500):
        some = asked[start : start + 500]
        where = f"WHERE job.key IN ({_marks(some)})" + (f" AND {_IS_STEP}" if recipes else "")
        for row in connection.execute(f"{select} {where} ORDER BY job.number", some):
            key = row[1].rpartition("/")[0] if recipes else row[1]
            found[key] = _row(row)
    return found


def _undecided(connection: sqlite3.Connection) -> list[KnownRow]:
    where = "WHERE job.state IN ('intent', 'created', 'unknown') AND job.key IS NOT NULL"
    return [_row(row) for row in connection.execute(f"{_SELECT} {where} ORDER BY job.number")]


def _without_line(connection: sqlite3.Connection, last_steps: list[str]) -> list[KnownRow]:
    is_rows = f"NOT {_IS_STEP} OR job.name IN ({_marks(last_steps)})"
    where = f"WHERE job.state = 'completed' AND outcome.job IS NULL AND ({is_rows})"
    found = connection.execute(f"{_SELECT} {where} ORDER BY job.number", last_steps)
    return [_row(row) for row in found if row[1] is not None]  # a job without a key is no row's


def _behind(connection: sqlite3.Connection, after: int, limit: int) -> list[tuple[int, KnownRow]]:
    rows = connection.execute(
        f"""
        SELECT outcome.changed, {_COLUMNS} FROM outcome JOIN job ON outcome.job = job.number
        WHERE outcome.behind AND outcome.changed > ? ORDER BY outcome.changed LIMIT ?""",  # noqa: S608 - our own words
        (after, limit),
    )
    return [(place, _row(row)) for place, *row in rows]


def _completed(
    connection: sqlite3.Connection, after: int, limit: int
) -> list[tuple[int, KnownRow]]:
    rows = connection.execute(
        f"""
        SELECT outcome.changed, {_COLUMNS} FROM outcome JOIN job ON outcome.job = job.number
        WHERE outcome.status = 'completed' AND NOT outcome.behind AND outcome.changed > ?
        ORDER BY outcome.changed LIMIT ?""",  # noqa: S608 - our own words
        (after, limit),
    )
    return [(place, _row(row)) for place, *row in rows]


def _saved(connection: sqlite3.Connection) -> tuple[int, int]:
    files, size = connection.execute(
        f"""
        SELECT count(*), coalesce(sum(size), 0)
        FROM (SELECT {SIZE} AS size FROM (SELECT CAST(line AS TEXT) AS text
            FROM outcome WHERE status = 'completed' AND NOT behind))
        WHERE size IS NOT NULL"""  # noqa: S608 - our own words
    ).fetchone()
    return int(files), int(size)


def _is_anothers(connection: sqlite3.Connection, path: str, key: str) -> bool:
    # On a file system that knows no case, the file may be there under the name of another row.
    query = """
        SELECT 1 FROM (SELECT CAST(line AS TEXT) AS text FROM outcome)
        WHERE (json_extract(text, '$.path') = ? COLLATE NOCASE OR EXISTS (
            SELECT 1 FROM json_each(text, '$.more_files')
            WHERE json_extract(value, '$.path') = ? COLLATE NOCASE))
        AND json_extract(text, '$.key') != ?
        LIMIT 1"""
    return connection.execute(query, (path, path, key)).fetchone() is not None


def _averages(connection: sqlite3.Connection) -> dict[str, Average]:
    rows = connection.execute(
        f"""
        SELECT json_extract(text, '$.operation'), count(*), avg({SIZE}),
            avg(json_extract(text, '$.akool_seconds'))
        FROM (SELECT CAST(line AS TEXT) AS text FROM outcome WHERE status = 'completed')
        GROUP BY 1"""  # noqa: S608 - our own words
    )
    return {str(operation): Average(*facts) for operation, *facts in rows}


def _put_behind(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    connection.executemany(
        "UPDATE outcome SET behind = 1 WHERE job = ?", [(number,) for number in numbers]
    )


def _put_unsaved_behind(connection: sqlite3.Connection) -> None:
    # No text in a line holds such quotes as it is, and parsing all lines takes longer.
    connection.execute("""
        UPDATE outcome SET behind = 1
        WHERE status = 'completed' AND NOT behind AND (
            instr(line, CAST('"error":"' AS BLOB))
            OR (instr(line, CAST('"path":null' AS BLOB)) AND instr(line, CAST('"url":"' AS BLOB)))
        )""")


def _settle_behind(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE outcome SET behind = 0 WHERE behind")


def _count_behind(connection: sqlite3.Connection) -> int:
    (count,) = connection.execute("SELECT count(*) FROM outcome WHERE behind").fetchone()
    return int(count)


def _facts(connection: sqlite3.Connection, which: str) -> FileFacts:
    lines, size = connection.execute(
        f"SELECT count(*), coalesce(sum(length(line)), 0) FROM outcome WHERE {which}"  # noqa: S608 - ours
    ).fetchone()
    return FileFacts(lines, size)


def _page(
    connection: sqlite3.Connection, which: str, after: int, limit: int
) -> list[tuple[int, bytes]]:
    return connection.execute(
        f"SELECT changed, line FROM outcome WHERE {which} AND changed > ?"  # noqa: S608 - ours
        " ORDER BY changed LIMIT ?",
        (after, limit),
    ).fetchall()


def _row(row: Sequence[Any]) -> KnownRow:
    number, key, name, state, fingerprint, attempt, created_at, status, line, behind = row
    known = _STATES[state]
    return KnownRow(
        number, key, name, known, fingerprint, attempt, created_at, status, line, behind == 1
    )


def _step_keys(key: str) -> list[str]:
    return [f"{key}/{step}" for step in range(1, _MOST_STEPS + 1)]


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
