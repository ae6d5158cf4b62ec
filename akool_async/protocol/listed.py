"""Which list of the vendor's shows an operation's jobs, and which row of it is a request's job.

Pure: a create whose reply was lost is compared with rows, and the one that must be its job is
chosen. It is a matter of money, so nothing is guessed: a row that shows another value is another
job's, and where two rows could be meant, or one row could be that of two creates, none is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

from akool_async.protocol.value import Value

R = TypeVar("R")

CLOSE: Final = 60.0
"""Seconds. A row that is so near in time goes before rows that are further away."""


_WEBHOOK: Final = "webhook_url"
"""A field that many rows repeat. One that the user gave may be a job's own."""


class Listed(Value, kw_only=False):
    """Where an operation's jobs are listed, and how one is told from the others."""

    query: Callable[[Any], Any]
    """Make the query of the list's first page from the request. It has a `page`, and its reply
    `items`."""
    by: tuple[str, ...]
    """Fields of the request that its row repeats. Those that the request has must all agree. Where
    it has none of them, or a row shows none, nothing tells its job from others."""
    also: tuple[str, ...] = ()
    """Fields that a row may repeat. A row that shows another value is another job's."""
    shown: Mapping[str, str] = {}
    """Names of fields in rows, where they differ from those in requests."""
    where: Mapping[str, object] = {}
    """What the rows of the operation show, where a list has those of several operations."""
    only_ended: bool = False
    """Whether nobody has seen a job there that had not ended."""

    def fit(self, request: object, row: object) -> Fit:
        """Say whether a row may be the job of a request, time aside."""
        if any(_differs(value, getattr(row, name, None)) for name, value in self.where.items()):
            return Fit.NO
        told: list[bool] = []
        for name in (*self.by, *self.also, _WEBHOOK):
            # The address of a file on disk is known only as its create leaves.
            asked = getattr(request, name, None)
            shown = getattr(row, self.shown.get(name, name), None)
            if _is_given(asked) and _differs(asked, shown):
                return Fit.NO
            if _is_given(asked) and name in self.by:
                told.append(_is_given(shown))
        return Fit.YES if told and all(told) else Fit.PERHAPS


class Fit(Enum):
    """Whether a row is the job of a request."""

    NO = "no"
    """It shows a value that is not the request's."""
    PERHAPS = "perhaps"
    """It does not show what would tell."""
    YES = "yes"
    """It shows the request's values."""


def _is_given(value: object) -> bool:
    return value is not None and value != "" and not isinstance(value, Path)


def _differs(asked: object, shown: object) -> bool:
    """Say whether a row shows another value; one that it does not show differs from none."""
    if not _is_given(shown):
        return False
    if not isinstance(asked, str) or not isinstance(shown, str):
        return asked != shown
    asked, shown = asked.strip(), shown.strip()
    if asked.startswith(("http://", "https://")) and "/" not in shown:
        # Some rows show only the name of the file at an address.
        return unquote(urlsplit(asked).path.rpartition("/")[2]) not in {shown, unquote(shown)}
    return asked != shown


class Lost(NamedTuple):
    """A create whose reply was lost."""

    request: Any
    sent_at: float
    """When it was sent, in seconds since 1970."""


def created_in(row: object) -> float | None:
    """Return when a row's job was created, in seconds since 1970, if the row shows it."""
    milliseconds = getattr(row, "create_time", None)
    return milliseconds / 1000 if isinstance(milliseconds, int | float) and milliseconds else None


def _fit(lost: Lost, row: object) -> Fit:
    listed: Listed = lost.request.listed
    return listed.fit(lost.request, row)


class Choice(Value):
    """What was found of a create, among rows."""

    row: Any = None
    """Its row; `None` if it is not among them, or if it cannot be told."""
    candidates: tuple[Any, ...] = ()
    """The rows that may be it, where it cannot be told."""


class Search:
    """Finds the row of a create whose reply was lost.

    Args:
        lost: The create, of an operation whose jobs are listed.
        within: The most seconds between the create and the row, because clocks differ.
    """

    def __init__(self, lost: Lost, within: float) -> None:
        self._lost = lost
        self._within = within

    def is_before(self, row: object) -> bool:
        """Say whether a row is too old to be the job."""
        created = created_in(row)
        return created is not None and created < self._lost.sent_at - self._within

    def choose(self, rows: Sequence[R], others: Sequence[Lost] = ()) -> Choice:
        """Return the row that must be the job.

        Args:
            rows: Rows whose jobs belong to no known create.
            others: Other creates whose replies were lost, of operations in the same list. An equal
                one is as good: of two equal creates, each gets one of two rows.
        """
        fitting = [row for row in rows if self._distance(self._lost, row) is not None]
        sure = [row for row in fitting if self._is_sure(row, others)]
        close = [row for row in sure if self._is_close(self._lost, row)] or sure
        equal = [other for other in others if other.request == self._lost.request]
        claims = 1 + sum(any(self._competes(each, row) for row in close) for each in equal)
        if close and len(close) <= claims:
            return Choice(row=min(close, key=lambda row: self._distance(self._lost, row) or 0.0))
        return Choice(candidates=tuple(fitting))

    def _is_sure(self, row: object, others: Sequence[Lost]) -> bool:
        """Say whether a row shows all that tells, and cannot be the job of another request."""
        if _fit(self._lost, row) is not Fit.YES:
            return False
        rivals = (other for other in others if other.request != self._lost.request)
        return not any(self._competes(rival, row) for rival in rivals)

    def _competes(self, other: Lost, row: object) -> bool:
        """Say whether a row may as well be the job of another create."""
        if self._distance(other, row) is None:
            return False
        return self._is_close(other, row) or not self._is_close(self._lost, row)

    def _is_close(self, lost: Lost, row: object) -> bool:
        distance = self._distance(lost, row)
        return distance is not None and distance <= CLOSE

    def _distance(self, lost: Lost, row: object) -> float | None:
        """Return the seconds between a create and a row that may be its job; else `None`.

        A row without a time is as far away as one can be: it may be of any time.
        """
        if _fit(lost, row) is Fit.NO:
            return None
        created = created_in(row)
        distance = self._within if created is None else abs(created - lost.sent_at)
        return distance if distance <= self._within else None
