"""What a journal keeps to itself, and a test of its file has to reach."""

from __future__ import annotations

from akool_async.journal import Journal
from akool_async.journal.file import JournalFile


def file_of(journal: Journal) -> JournalFile:
    """Return a journal's file, whose connections SQLite can be told to limit or to trace."""
    return journal._file  # noqa: SLF001 - no user has a use for it
