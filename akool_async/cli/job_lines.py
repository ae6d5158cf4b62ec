"""Jobs as lines of a terminal: state, key, operation, age, and why a job did not complete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len, set_cell_size

from akool_async.batch.past import outcome_in_line
from akool_async.cli.display import text_of
from akool_async.journal import State
from akool_async.journal.browsing import JobRow

NARROWEST: Final = 60
"""Columns of the narrowest terminal that a line is made for."""
_STATE: Final = max(map(len, State))
_AGE: Final = len("59 min")
_LONGEST_NAME: Final = 20
_AGES: Final = ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


class _Shown(NamedTuple):
    key: str
    operation: str
    why: str


class JobLines:
    """Makes lines of equal columns, each of which fits.

    Args:
        rows: The first rows, which tell how wide the columns have to be.
        width: Columns of the terminal.
        now: The time, in seconds since 1970.
    """

    def __init__(self, rows: Sequence[JobRow], width: int, now: float) -> None:
        shown = list(map(_shown, rows))
        names = max((cell_len(each.operation) for each in shown), default=0)
        keys = max((cell_len(each.key) for each in shown), default=0)
        self._width = width
        self._now = now
        self._name = min(names, _LONGEST_NAME)
        # At least half of what is left is for the reasons, if there are any.
        room = width - _STATE - self._name - _AGE - 4
        self._key = min(keys, room // 2 if any(each.why for each in shown) else room)

    def line_of(self, row: JobRow) -> str:
        """Return the line of a row."""
        shown = _shown(row)
        age = "" if row.updated_at is None else age_of(self._now - row.updated_at)
        begin = " ".join(
            [
                f"{row.state.value:<{_STATE}}",
                fitted(shown.key, self._key),
                fitted(shown.operation, self._name),
                f"{age:>{_AGE}}",
            ]
        )
        return f"{begin} {fitted(shown.why, self._width - cell_len(begin) - 1)}".rstrip()


def fitted(text: str, width: int, *, left: bool = False) -> str:
    """Return a text in so many columns, and cut with an ellipsis if it is longer.

    Args:
        text: The text, of one line or more.
        width: The columns; wide characters take two.
        left: Whether it is cut on its left, as the end of a path tells most.
    """
    shown = " ".join(text_of(text).split())
    if cell_len(shown) <= width:
        return set_cell_size(shown, width)
    if left:
        return "…" + set_cell_size(shown[::-1], width - 1)[::-1]
    return set_cell_size(shown, width - 1) + "…"


def age_of(seconds: float) -> str:
    """Return how long ago something was, in its largest unit.

    >>> age_of(0.2), age_of(61), age_of(7300), age_of(200_000)
    ('now', '1 min', '2 h', '2 d')
    """
    for size, unit in _AGES:
        if seconds >= size:
            return f"{int(seconds / size)} {unit}"
    return "now"


def _shown(row: JobRow) -> _Shown:
    outcome = outcome_in_line(row.line)
    if outcome is None:
        return _Shown(row.key or f"#{row.number}", row.name, row.reason)
    return _Shown(outcome.key, outcome.operation, outcome.msg or row.reason)
