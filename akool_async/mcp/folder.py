"""The one folder that an agent may save files to, and take files from."""

from __future__ import annotations

import base64
import mimetypes
from pathlib import Path
from typing import Final

from mcp.shared.path_security import PathEscapeError, safe_join
from mcp.types import ImageContent

from akool_async.mcp.answers import Refusal

LARGEST_SHOWN: Final = 512 * 1024
"""Bytes of the largest picture that a model is shown; clients refuse replies above 1 MB."""
_SHOWN: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""What models take."""


def place_in(folder: Path, path: str) -> Path:
    """Return the place of a path in the folder; links are followed first.

    Raises:
        Refusal: it is outside of the folder.
    """
    try:
        return safe_join(folder, path)
    except (PathEscapeError, OSError, ValueError):
        pass
    raise Refusal(
        f"{path!r} is not in the allowed folder: give a path relative to it, without `..`"
    )


def check_inside(folder: Path, file: Path) -> None:
    """Refuse a file that is not in the folder; links are followed first.

    Raises:
        Refusal: it is outside of the folder.
    """
    if not file.resolve().is_relative_to(folder.resolve()):
        raise Refusal(f"{str(file)!r} is not in the allowed folder, so it is not uploaded.")


def picture(file: Path) -> ImageContent | None:
    """Return a saved picture for a model to look at; `None` if it is none, or too large."""
    kind = mimetypes.guess_type(file.name)[0]
    if kind not in _SHOWN or file.stat().st_size > LARGEST_SHOWN:
        return None
    return ImageContent(data=base64.b64encode(file.read_bytes()).decode(), mime_type=kind)
