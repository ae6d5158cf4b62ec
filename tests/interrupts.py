"""Interrupts, as by Ctrl-C, between any two lines of a class."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import CodeType, FrameType
from typing import Any


class Interrupts:
    """Interrupts each line of the methods of a class once, and never two calls in a row.

    Args:
        name: The class.
        spared: How many calls are spared after each interrupt.
    """

    def __init__(self, name: str, spared: int = 20) -> None:
        self._begin = f"{name}."
        self._over: set[tuple[CodeType, int]] = set()
        self._spared, self._after = 0, spared
        self.number = 0

    @contextmanager
    def fall(self) -> Generator[None, None, None]:
        """Interrupt what is called inside, at most once; the interrupt ends here."""
        before = sys.gettrace()
        sys.settrace(self)
        try:
            with suppress(KeyboardInterrupt):
                yield
        finally:
            sys.settrace(before)

    def __call__(self, frame: FrameType, _event: str, _argument: object) -> Any:
        """Trace the calls of the methods."""
        if not frame.f_code.co_qualname.startswith(self._begin):
            return None
        self._spared -= 1
        return self._traced

    def _traced(self, frame: FrameType, event: str, _argument: object) -> Any:
        line = frame.f_code, frame.f_lineno
        if event == "line" and self._spared <= 0 and line not in self._over:
            self._over.add(line)
            self._spared = self._after
            self.number += 1
            raise KeyboardInterrupt
        return self._traced
