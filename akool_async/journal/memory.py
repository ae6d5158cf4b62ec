"""What a client has learned, kept beside its jobs: values by name, of which none is worth money."""

from __future__ import annotations

import sqlite3


def remember(connection: sqlite3.Connection, name: str, value: bytes) -> None:
    """Keep a value in place of the one that the name had."""
    connection.execute("INSERT OR REPLACE INTO memory (name, value) VALUES (?, ?)", (name, value))


def recall(connection: sqlite3.Connection, name: str) -> bytes | None:
    """Return the value of a name."""
    found = connection.execute("SELECT value FROM memory WHERE name = ?", (name,)).fetchone()
    return None if found is None else bytes(found[0])


def recall_all(connection: sqlite3.Connection, prefix: str) -> dict[str, bytes]:
    """Return all values whose names begin with a prefix."""
    found = connection.execute(
        "SELECT name, value FROM memory WHERE substr(name, 1, length(?)) = ? ORDER BY name",
        (prefix, prefix),
    )
    return {name: bytes(value) for name, value in found}
