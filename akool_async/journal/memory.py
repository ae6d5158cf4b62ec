"""Statistics that a client has learned, kept by name; losing one costs no money."""

from __future__ import annotations

import sqlite3


def remember(connection: sqlite3.Connection, name: str, value: bytes) -> None:
    """Keep a value under a name, in place of the one before."""
    connection.execute("INSERT OR REPLACE INTO memory (name, value) VALUES (?, ?)", (name, value))


def recall(connection: sqlite3.Connection, name: str) -> bytes | None:
    """Return the value of a name, if there is one."""
    found = connection.execute("SELECT value FROM memory WHERE name = ?", (name,)).fetchone()
    return None if found is None else bytes(found[0])


def recall_all(connection: sqlite3.Connection, prefix: str) -> dict[str, bytes]:
    """Return the values whose names begin with a prefix, in the order of their names."""
    found = connection.execute(
        "SELECT name, value FROM memory WHERE substr(name, 1, length(?)) = ? ORDER BY name",
        (prefix, prefix),
    )
    return {name: bytes(value) for name, value in found}
