"""Every test here fails if it leaves a complaint of the event loop, or a task."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _complaints_are_heard(complaints: list[dict[str, Any]]) -> None:
    """Fail every test here that leaves a complaint of the loop, or a task."""
