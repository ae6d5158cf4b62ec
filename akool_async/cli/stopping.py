"""Ctrl-C, SIGTERM and a closed terminal, for commands that serve until somebody stops them."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def set_by_signals(event: asyncio.Event) -> Generator[None]:
    """Set an event on Ctrl-C, on SIGTERM, and when the terminal is closed.

    Ctrl-C is heard even if the shell made this process ignore it. That a terminal was closed is
    not, if somebody wanted that: `nohup` does.
    """
    loop = asyncio.get_running_loop()

    def handle(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(event.set)

    before = {number: signal.signal(number, handle) for number in _numbers()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _numbers() -> list[signal.Signals]:
    """Return the signals that stop a server."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    return numbers
