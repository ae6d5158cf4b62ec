"""What Ctrl-C, SIGTERM and SIGUSR1 mean to a run."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def heard(
    *, drain: Callable[[], object], leave: Callable[[], object], show: Callable[[], object]
) -> Generator[None]:
    """Call back on signals, in the event loop.

    Args:
        drain: Called on the first Ctrl-C, and on each SIGTERM: a service manager may send several.
        leave: Called on each further Ctrl-C.
        show: Called on SIGUSR1, where there is one.
    """
    loop = asyncio.get_running_loop()
    interrupts = 0

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal interrupts
        interrupts += number == signal.SIGINT
        call = drain
        if number == signal.SIGINT and interrupts > 1:
            call = leave
        elif number not in {signal.SIGINT, signal.SIGTERM}:
            call = show
        loop.call_soon_threadsafe(call)

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGUSR1"):
        numbers.append(signal.SIGUSR1)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
