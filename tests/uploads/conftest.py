"""Files of known kinds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

Photo: TypeAlias = Callable[..., Path]
"""Make a picture: `photo("a.jpg")`; the number in it makes its content another one."""

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"


@pytest.fixture
def photo(tmp_path: Path) -> Photo:
    """Return a maker of pictures."""

    def made(name: str = "photo.jpg", number: int = 0, size: int = 4096) -> Path:
        path = tmp_path / name
        path.write_bytes(JPEG + number.to_bytes(8) + bytes(size))
        return path

    return made
