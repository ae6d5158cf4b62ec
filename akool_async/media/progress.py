"""How a program is told of the bytes of a download, as they come."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, int | None], object]
"""Called with the bytes received so far, and with the bytes of the whole file or `None`.
May be a coroutine function. The first figure falls when a download starts over."""
