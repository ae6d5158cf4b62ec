"""One record mirrors another: two handles, one job at the vendor."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from akool_async.engine.event_names import EventName, event_of
from akool_async.engine.record import JobRecord
from akool_async.engine.state import FOLLOWING
from akool_async.errors import AkoolError, ClientClosed
from akool_async.protocol.snapshot import Snapshot

S = TypeVar("S", bound=Snapshot)

Report: TypeAlias = Callable[[str, JobRecord[Any], object], object]
"""Called with an event's name, the record, and a status or outcome that belongs to it."""


def follow(record: JobRecord[S], leader: JobRecord[S], report: Report) -> None:
    """Let a record go through all that happens to another one, from now on."""

    def advance(_leader: JobRecord[S], snapshot: S | None) -> None:
        if not record.ended:
            _advance(record, leader, snapshot, report)

    leader.awaited = True  # by whoever awaits the record
    if not leader.ended:
        leader.listen(advance)
    advance(leader, leader.snapshot)


def _advance(
    record: JobRecord[S], leader: JobRecord[S], snapshot: S | None, report: Report
) -> None:
    if leader.id is not None and record.state is not FOLLOWING:
        record.follow(leader)
        report(EventName.RESUMED, record, None)
    if snapshot is not None:
        changed = snapshot.status is not record.status
        record.observe(snapshot)
        if changed:
            report(EventName.STATUS, record, snapshot.status)
    if leader.ended:
        _end(record, leader, report)


def _end(record: JobRecord[S], leader: JobRecord[S], report: Report) -> None:
    error = leader.exception()
    outcome: Any = leader.result() if error is None else error
    if isinstance(error, AkoolError):
        outcome = copy.copy(error)  # the error names its job, so each job needs its own
    if leader.journal_row is not None and record.journal_row is not None:
        record.journal_row.state = leader.journal_row.state
    record.finish(outcome)
    if isinstance(outcome, ClientClosed):
        record.mark_retrieved()  # as of any job: whoever closed the client knows
    report(event_of(outcome), record, outcome)
