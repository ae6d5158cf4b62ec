"""What stands in a folder."""

from __future__ import annotations

from pathlib import Path


def files_in(folder: Path) -> list[str]:
    """Return the names of all files in a folder and below it, hidden ones included."""
    found = (path for path in folder.rglob("*") if not path.is_dir())
    return sorted(str(path.relative_to(folder)) for path in found)
