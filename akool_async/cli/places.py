"""Where results are saved, looked at before any job is paid for."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click


def place_of(path: str) -> str:
    """Return a path that says itself, by a separator at its end, whether it is a folder.

    What exists is what it is; anything else is a file if it has an extension.

    Raises:
        click.ClickException: nothing can be saved there.
    """
    place = Path(path)
    if place.is_dir() or path.endswith(("/", os.sep)) or not (place.suffix or place.exists()):
        check_folder(place)
        return os.path.join(path, "")  # noqa: PTH118 - a Path drops the separator at its end
    check_folder(place.parent)
    return path


def check_folder(folder: Path) -> None:
    """Make a folder, and find out whether files can be made in it.

    Raises:
        click.ClickException: they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return
    except OSError as error:
        problem = error.strerror
    raise click.ClickException(f"nothing can be saved in {folder}: {problem}")
