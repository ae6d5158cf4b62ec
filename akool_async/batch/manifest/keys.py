"""The keys of a manifest's rows: each row has one, and no two rows have the same."""

from __future__ import annotations

import re
from typing import Any, Final

from akool_async.batch.manifest.seen import FirstLines
from akool_async.engine.keys import request_fingerprint
from akool_async.protocol.endpoint import Startable

MARK: Final = 24
"""Hex digits of a fingerprint in a key: 96 bits."""

_NUMBERED: Final = re.compile(rf"(?P<mark>[0-9a-f]{{{MARK}}})-(?P<number>[1-9][0-9]*)")


class RowKeys:
    """Gives rows their keys, and knows which keys it has given."""

    def __init__(self) -> None:
        self._own = FirstLines()
        self._marks = FirstLines()
        self.take = self._own.add
        """Take note of a row's own key; return the line that had it before, or 0."""
        self.line_of = self._own.line_of
        """Return the line of a row's own key; 0 for one that no row has."""
        self._counts: dict[str, int] = {}
        """How many rows there are of each request that came more than once."""

    def given(self, request: Startable[Any], line: int) -> tuple[str, int]:
        """Return the key of a row without one, and the line of the first equal row, or 0.

        Raises:
            InvalidInput: a file that the request names cannot be read.
        """
        mark = request_fingerprint(request)[:MARK]
        first = self._marks.add(mark, line)
        if not first:
            return f"{mark}-1", 0
        number = self._counts[mark] = self._counts.get(mark, 1) + 1
        return f"{mark}-{number}", first

    def __contains__(self, key: str) -> bool:
        if self._own.line_of(key):
            return True
        numbered = _NUMBERED.fullmatch(key)
        if numbered is None or not self._marks.line_of(numbered["mark"]):
            return False
        return int(numbered["number"]) <= self._counts.get(numbered["mark"], 1)
