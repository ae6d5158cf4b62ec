"""What the journal cannot tell of a run: how many rows its manifest has, and what was spent.

A run leaves it in its journal at its end, for reports. A process that is killed leaves nothing, so
what an earlier one left may be there instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from akool_async.protocol.value import Value

if TYPE_CHECKING:
    from akool_async.batch.figures.run_figures import RunFigures

_NAME: Final = "run totals"


class RunTotals(Value):
    """What a run has come to, over all its processes."""

    rows: Mapping[str, int] = {}
    """Rows of the manifest by operation, as far as they were read."""
    credits_spent: float | None = None
    """Credits that the account lost while the run went on; `None` if nobody read them."""
    credits_left: float | None = None
    """As the account last said."""
    stopped_by: str = ""
    """Why it stopped early, if it did."""


class Recalls(Protocol):
    """A journal."""

    def recall(self, name: str) -> bytes | None:
        """Return what is kept under a name."""
        ...


class Remembers(Recalls, Protocol):
    """A journal that can be written."""

    def remember(self, name: str, value: bytes) -> None:
        """Keep a value under a name."""
        ...


def totals_in(journal: Recalls) -> RunTotals:
    """Return what the processes of a run that have ended left."""
    kept = journal.recall(_NAME)
    try:
        return RunTotals() if kept is None else msgspec.json.decode(kept, type=RunTotals)
    except msgspec.MsgspecError:  # of another version
        return RunTotals()


def leave_totals(journal: Remembers, figures: RunFigures, stopped_by: str) -> bool:
    """Write down what this process adds, and return whether that changes anything.

    One that only saved results adds nothing.
    """
    rows = {name: each.rows for name, each in figures.operations.items() if each.rows}
    if not rows:
        return False
    before = totals_in(journal)
    totals = RunTotals(
        rows=rows,
        credits_spent=added(before.credits_spent, figures.credits_spent),
        credits_left=before.credits_left if figures.credits_left is None else figures.credits_left,
        stopped_by=stopped_by,
    )
    if totals == before:
        return False
    journal.remember(_NAME, msgspec.json.encode(totals))
    return True


def added(one: float | None, other: float | None) -> float | None:
    """Return a sum, in which what is unknown counts for nothing, unless all is unknown."""
    known = [each for each in (one, other) if each is not None]
    return sum(known) if known else None
