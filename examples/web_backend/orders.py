"""Orders: what a person asked for, and how far it is. They are kept in a database of the app.

The journal of `Akool` makes sure that an order is paid for once, and knows its job. This database
holds what only the page needs: whose order it is, the photo's name, and how it ended.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

State = Literal["open", "done", "failed", "unsure"]
"""`open`: its job knows how far it is. `unsure`: sent, and nobody knows whether Akool took it."""

Again = Literal["", "try", "look"]
"""What pressing the button of an ended order does: nothing (there is none), a new attempt, or
another look at a job that may go on."""


@dataclass(frozen=True)
class Wish:
    """What is to be made of which photo."""

    photo: str
    """Name of the uploaded file."""
    photo_name: str
    """Name that the file had in the browser. It is shown, and never used as a path."""
    kind: Literal["age", "face"]
    years: int | None
    """Years to add; below 0 for younger."""
    face: str | None
    """Name of the uploaded file with the new face."""


@dataclass(frozen=True)
class End:
    """How an order ended."""

    state: State
    note: str = ""
    """What the person is told about it."""
    again: Again = ""
    result: str = ""
    """Name of the saved file."""


@dataclass(frozen=True)
class Order:
    """One order as the database holds it."""

    id: str
    browser: str
    site: str
    """Where Akool fetches the photo: a later attempt must be the same request, so it is kept."""
    photo: str
    photo_name: str
    kind: Literal["age", "face"]
    years: int | None
    face: str | None
    created: float
    """Seconds since 1970."""
    attempt: int
    state: State
    note: str
    again: Again
    result: str

    @property
    def wish(self) -> Wish:
        """What was asked for."""
        return Wish(self.photo, self.photo_name, self.kind, self.years, self.face)

    def shown(self, state: str = "", **more: object) -> dict[str, Any]:
        """Return what the page may know of it.

        Args:
            state: How far its job is, while it is open.
            more: A `note`, or a `position` in line.
        """
        hidden = {"browser", "site", "result"}
        fields = {name: value for name, value in asdict(self).items() if name not in hidden}
        fields |= {"state": state or self.state, "has_result": bool(self.result), "position": None}
        # A page ignores what is older than what it shows.
        return fields | {"at": time.time()} | more


_TABLES = """
CREATE TABLE IF NOT EXISTS orders (
    id TEXT PRIMARY KEY, browser TEXT NOT NULL, site TEXT NOT NULL, photo TEXT NOT NULL,
    photo_name TEXT NOT NULL, kind TEXT NOT NULL, years INTEGER, face TEXT, created REAL NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 1, state TEXT NOT NULL DEFAULT 'open',
    note TEXT NOT NULL DEFAULT '', again TEXT NOT NULL DEFAULT '', result TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS by_browser ON orders (browser, created);
CREATE TABLE IF NOT EXISTS account (name TEXT NOT NULL);
"""

MOST_SHOWN = 100
"""Orders on the page, the latest ones."""


class OrderBook:
    """The orders of all browsers.

    Each call takes well under a millisecond, so it is made in the event loop itself. A server with
    more to write would use an asynchronous driver.
    """

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")  # what is written survives kill -9
        self._database.executescript(_TABLES)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def open_account(self, name: str) -> None:
        """Say which account the orders belong to from now on.

        What another account had not finished will not be finished: a simulated Akool that has
        ended took its jobs with it.
        """
        known = [row["name"] for row in self._database.execute("SELECT name FROM account")]
        if known == [name]:
            return
        self._database.execute(
            "UPDATE orders SET state = 'failed', again = 'try',"
            " note = 'The simulated Akool that worked on it has ended.'"
            " WHERE state NOT IN ('done', 'failed')"
        )
        self._database.execute("DELETE FROM account")
        self._database.execute("INSERT INTO account VALUES (?)", (name,))

    def add(self, id: str, browser: str, site: str, wish: Wish) -> bool:
        """Write an order down, unless it is there already; return whether it is new."""
        values = {"id": id, "browser": browser, "site": site, "created": time.time()}
        added = self._database.execute(
            "INSERT INTO orders (id, browser, site, photo, photo_name, kind, years, face, created)"
            " VALUES (:id, :browser, :site, :photo, :photo_name, :kind, :years, :face, :created)"
            " ON CONFLICT (id) DO NOTHING",
            values | asdict(wish),
        )
        return added.rowcount == 1

    def find(self, id: str) -> Order | None:
        """Return an order."""
        return next(iter(self._select("WHERE id = ?", (id,))), None)

    def of_browser(self, browser: str) -> list[Order]:
        """Return a browser's latest orders, the newest first."""
        return self._select(
            "WHERE browser = ? ORDER BY created DESC, rowid DESC LIMIT ?", (browser, MOST_SHOWN)
        )

    def unfinished(self) -> list[Order]:
        """Return the orders that go on, the oldest first."""
        return self._select("WHERE state NOT IN ('done', 'failed') ORDER BY created, rowid")

    def _select(self, which: str, values: tuple[object, ...] = ()) -> list[Order]:
        rows = self._database.execute(f"SELECT * FROM orders {which}", values)  # noqa: S608 - ours
        return [Order(**dict(row)) for row in rows]

    def attempt_again(self, id: str, failed: int) -> bool:
        """Begin the attempt after a failed one; return whether it was not begun before.

        A page that asks twice, because the answer was lost, begins one attempt.
        """
        changed = self._database.execute(
            "UPDATE orders SET state = 'open', note = '', again = '', attempt = attempt + 1"
            " WHERE id = ? AND attempt = ? AND again != ''",
            (id, failed),
        )
        return changed.rowcount == 1

    def end(self, id: str, end: End) -> None:
        """Write down how an order ended."""
        self._database.execute(
            "UPDATE orders SET state = :state, note = :note, again = :again, result = :result"
            " WHERE id = :id",
            asdict(end) | {"id": id},
        )
