"""A report that travels: the page and all that it shows, in one file."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Final
from urllib.parse import quote

from akool_async.batch.folder import RunFolder
from akool_async.batch.report.page import GALLERY, write_page

_TEXTS: Final = frozenset({".html", ".jsonl", ".json", ".txt", ".srt"})
"""Only these get smaller; media is compressed already."""


def write_portable(folder: RunFolder, to: Path, *, gallery: int = GALLERY) -> int:
    """Write a zip file with a run's report, media, results and errors, whole or not at all. Blocks.

    Args:
        folder: The run's folder; the run may go on meanwhile.
        to: The zip file.
        gallery: Results at most that the gallery shows of each operation.

    Returns:
        How many files it has.

    Raises:
        JournalError: the folder has no journal that can be read.
        OSError: a file cannot be read, or the zip file not be written.
    """
    name = folder.root.absolute().name
    page, part = (to.with_name(f".{to.name}.{end}.part") for end in ("html", "zip"))
    befores = Befores()
    count = 0
    try:
        write_page(folder, page, befores.place, gallery=gallery)
        # Dates before 1980, which zip files cannot hold, are no reason to fail.
        with zipfile.ZipFile(part, "w", strict_timestamps=False) as archive:
            for path, inside in (
                (page, folder.report.name),
                (folder.results, folder.results.name),
                (folder.errors, folder.errors.name),
                *befores.files.items(),
                *((path, path.relative_to(folder.root).as_posix()) for path in _media_of(folder)),
            ):
                if path.is_file():
                    kind = zipfile.ZIP_DEFLATED if _is_text(inside) else zipfile.ZIP_STORED
                    archive.write(path, f"{name}/{inside}", compress_type=kind)
                    count += 1
        part.replace(to)
    finally:
        page.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
    return count


class Befores:
    """Files outside of the run's folder that the gallery shows, and their places in the zip."""

    def __init__(self) -> None:
        self.files: dict[Path, str] = {}

    def place(self, path: Path) -> str:
        """Take a file along; return its address relative to the page."""
        inside = self.files.setdefault(path, f"before/{len(self.files) + 1}-{path.name}")
        return quote(inside)


def _is_text(name: str) -> bool:
    return os.path.splitext(name)[1] in _TEXTS  # noqa: PTH122 - a name inside of the zip


def _media_of(folder: RunFolder) -> list[Path]:
    """Return the saved files. The name of one that is just being written begins with a dot."""
    found: list[Path] = []
    for root, folders, files in os.walk(folder.media):
        folders.sort()
        found += (Path(root, file) for file in sorted(files) if not file.startswith("."))
    return found
