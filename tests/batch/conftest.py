"""What the tests of runs share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return the folder of a run, which is not there yet."""
    return tmp_path / "night"
