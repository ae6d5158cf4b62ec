"""Reads many rows of a journal, a page at a time.

Rows may be written between two pages. Each page begins behind the last row of the one before, so
each row is read at most once, as it then is.

A journal that nobody holds is closed. So each reader holds its journal until it has read all.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Protocol, TypeAlias, TypeVar

from akool_async.journal.entry import Entry
from akool_async.journal.file import JournalFile

T = TypeVar("T")

Page: TypeAlias = Callable[[sqlite3.Connection, int], list[Entry]]
"""Reads the rows that follow the one with a number."""


class Readable(Protocol):
    """A journal's file, as far as it is read here."""

    def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query at once, and block meanwhile."""
        ...


def pages_now(_journal: object, file: Readable, page: Page, after: int = 0) -> Iterator[Entry]:
    """Yield the rows of all pages; blocks while it reads one."""
    while entries := _read(file, page, after):
        yield from entries
        after = entries[-1].number


async def pages_in_thread(
    _journal: object, file: JournalFile, page: Page
) -> AsyncGenerator[Entry, None]:
    """Yield the rows of all pages; reads in a thread, and sees every change noted before."""
    after = 0
    while entries := await _read_in_thread(file, page, after):
        for entry in entries:
            yield entry
        after = entries[-1].number


async def _read_in_thread(file: JournalFile, page: Page, after: int) -> list[Entry]:
    # Changes that were noted before are written first. Else a row whose end is still on its
    # way to the disk would be taken for one whose create nobody knows the outcome of.
    await file.writer.write(lambda _connection: None)
    return await asyncio.to_thread(_read, file, page, after)


def _read(file: Readable, page: Page, after: int) -> list[Entry]:
    return file.read(lambda connection: page(connection, after))
