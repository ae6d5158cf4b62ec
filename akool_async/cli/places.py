"""Checks of the path for results, made before any job is paid for."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click


def place_of(path: str) -> str:
    """Return a path that ends with a separator if it is a folder, and with none if a file.

    A path that does not exist is a file if it has an extension. The folder is created.

    Raises:
        click.ClickException: the path cannot be written, or is the address of a bucket.
    """
    if "://" in path:
        sentence = f"{path} is no path: --save writes to this machine; in a program, save_to= takes"
        raise click.ClickException(f"{sentence} a bucket")
    place = Path(path)
    if place.is_dir() or path.endswith(("/", os.sep)) or not (place.suffix or place.exists()):
        check_folder(place)
        return os.path.join(path, "")  # noqa: PTH118 - a Path drops the separator at its end
    check_folder(place.parent)
    return path


def check_folder(folder: Path) -> None:
    """Create a folder if necessary, and check that files can be created in it.

    Raises:
        click.ClickException: the folder or a file in it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return
    except OSError as error:
        problem = error.strerror
    raise click.ClickException(f"nothing can be saved in {folder}: {problem}")
