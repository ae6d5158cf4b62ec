"""Where the journals of this machine are, for `akool jobs`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from akool_async.batch.folder import RunFolder
from akool_async.journal import schema

_DEEPEST: Final = 4
"""Folders below each other that are looked into."""
_SUFFIXES: Final = (".sqlite", ".sqlite3", ".db")
_PASSED_OVER: Final = frozenset({"media", "node_modules", "site-packages", "__pycache__"})
"""Folders that hold many files, and no journal."""
_ID_AT: Final = 68
"""Where the header of an SQLite file has the number of the program that wrote it."""


def journals(places: Sequence[Path], environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Return the journals in some places, those that changed last first.

    Args:
        places: Runs' folders, journals' files, and folders to look below, four deep. Without any:
            the working folder, and the journal that `AKOOL_JOURNAL` names.
        environment: The environment variables.
    """
    found: dict[Path, Path] = {}
    if not places:
        places = [Path()]
        if named := environment.get("AKOOL_JOURNAL"):
            places = [*places, Path(named)]
    for place in places:
        for file in [place] if place.is_file() else _below(place):
            found.setdefault(file.resolve(), file)
    return sorted(found.values(), key=_changed, reverse=True)


def name_of(journal: Path) -> str:
    """Return what a journal is called: a run by its folder."""
    folder = journal.parent
    if journal.name != RunFolder.at(folder).journal.name:
        return str(journal)
    return str(folder) if folder.name else folder.resolve().name


def _below(top: Path) -> Iterator[Path]:
    whole = RunFolder.at(top).journal
    if whole.is_file():
        yield whole
        return
    deepest = len(top.parts) + _DEEPEST
    for folder, folders, files in os.walk(top):
        here = Path(folder)
        deeper = len(here.parts) < deepest
        folders[:] = sorted(each for each in folders if deeper and _looked_into(each))
        for name in sorted(files):
            if name.endswith(_SUFFIXES) and _is_journal(here / name):
                yield here / name


def _looked_into(name: str) -> bool:
    return not name.startswith(".") and name not in _PASSED_OVER


def _is_journal(file: Path) -> bool:
    # A database of another program is not opened: to open is to touch the files beside it.
    if file.name == RunFolder.at(file.parent).journal.name:
        return True  # while it is new, its header is in the file beside it
    try:
        with file.open("rb") as opened:
            header = opened.read(_ID_AT + 4)
    except OSError:
        return False
    return header[_ID_AT:] == schema.APPLICATION_ID.to_bytes(4, "big")


def _changed(journal: Path) -> float:
    """Return when a journal was last written to, in seconds since 1970."""
    times = [0.0]
    for file in (journal, journal.with_name(f"{journal.name}-wal")):
        try:
            times.append(file.stat().st_mtime)
        except OSError:
            continue
    return max(times)
