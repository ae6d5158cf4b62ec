"""Ctrl-C and SIGTERM, for commands that serve until somebody stops them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def set_by_signals(event: asyncio.Event) -> Generator[None]:
    """Set an event on Ctrl-C and on SIGTERM, even if the shell made this process ignore SIGINT."""
    loop = asyncio.get_running_loop()

    def handle(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(event.set)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
