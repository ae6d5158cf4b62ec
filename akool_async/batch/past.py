"""What the journal of a run tells when no process carries the run out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from akool_async.batch.figures.run_figures import ErrorFigures, OperationFigures, RunFigures
from akool_async.batch.figures.totals import totals_in
from akool_async.batch.outcomes.endings import decoder, end_of
from akool_async.batch.outcomes.outcome import Outcome
from akool_async.journal import State
from akool_async.journal.looking import JournalView

_NOT_ENDED: Final = {
    State.QUEUED: "waiting",
    State.CREATED: "in_flight",
    # Without its process, nobody knows what became of a create that was on its way.
    State.INTENT: "in_doubt",
}


def figures_in(view: JournalView, planned: Mapping[str, int] | None = None) -> RunFigures:
    """Return the figures of a run, from its journal. It reads all rows, and blocks.

    Rows that were never sent are waiting, as far as an earlier process told how many rows there
    are: one that is killed in a run's first hours tells nothing.

    Args:
        view: The journal.
        planned: Rows of the manifest by operation, where the caller knows better.

    Raises:
        JournalError: the journal cannot be read.
    """
    counts = view.jobs.counts()
    operations: dict[str, dict[str, int]] = {}
    for each in counts:
        operation = operations.setdefault(each.operation, {"rows": 0})
        name = _NOT_ENDED.get(each.state) or end_of(each.state)
        operation["rows"] += each.rows
        operation[name] = operation.get(name, 0) + each.rows
    totals = totals_in(view)
    _add_unsent(operations, totals.rows if planned is None else planned)
    return RunFigures(
        phase="over",
        operations={name: OperationFigures(**operations[name]) for name in sorted(operations)},
        saved=sum(each.saved for each in counts),
        bytes=sum(each.bytes for each in counts),
        credits_spent=totals.credits_spent,
        credits_left=totals.credits_left,
        errors=tuple(
            ErrorFigures(error=each.error, count=each.rows, newest=each.newest)
            for each in view.jobs.errors()
        ),
    )


def _add_unsent(operations: dict[str, dict[str, int]], planned: Mapping[str, int]) -> None:
    """Count the rows that the journal does not know as waiting.

    A recipe's job that goes on is known by the name of its step: so no operation alone tells how
    many rows are left, and all together do.
    """
    left = sum(planned.values()) - sum(each["rows"] for each in operations.values())
    for name, rows in planned.items():
        operation = operations.setdefault(name, {"rows": 0})
        unsent = max(0, min(left, rows - operation["rows"]))
        left -= unsent
        operation["rows"] += unsent
        operation["waiting"] = operation.get("waiting", 0) + unsent


def outcome_in_line(line: bytes | None) -> Outcome | None:
    """Return the outcome that a line holds; `None` without one, or if a newer version wrote it."""
    if line is None:
        return None
    try:
        return decoder.decode(line)
    except msgspec.MsgspecError:
        return None
