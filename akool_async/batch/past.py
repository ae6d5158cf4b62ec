"""What the journal of a run tells when no process carries the run out."""

from __future__ import annotations

from typing import Final

import msgspec

from akool_async.batch.endings import decoder, end_of
from akool_async.batch.figures import ErrorFigures, OperationFigures, RunFigures
from akool_async.batch.outcome import Outcome
from akool_async.journal import State
from akool_async.journal.looking import JournalView

_NOT_ENDED: Final = {
    State.QUEUED: "waiting",
    State.CREATED: "in_flight",
    # Without its process, nobody knows what became of a create that was on its way.
    State.INTENT: "in_doubt",
}


def figures_in(view: JournalView) -> RunFigures:
    """Return the figures of a run, from its journal. It reads all rows, and blocks.

    Rows that the journal does not know, as they were never sent, are not among them.

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
    return RunFigures(
        phase="over",
        operations={name: OperationFigures(**operations[name]) for name in sorted(operations)},
        saved=sum(each.saved for each in counts),
        bytes=sum(each.bytes for each in counts),
        errors=tuple(
            ErrorFigures(error=each.error, count=each.rows, newest=each.newest)
            for each in view.jobs.errors()
        ),
    )


def outcome_in_line(line: bytes | None) -> Outcome | None:
    """Return the outcome that a line holds; `None` without one, or if a newer version wrote it."""
    if line is None:
        return None
    try:
        return decoder.decode(line)
    except msgspec.MsgspecError:
        return None
