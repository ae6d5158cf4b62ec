"""What a webhook says about a job, brought to the job."""

from __future__ import annotations

from akool_async.engine.core import Engine
from akool_async.engine.event_names import EventName
from akool_async.protocol.attempt import Attempt
from akool_async.protocol.snapshot import Status
from akool_async.webhook.outcome import Outcome


def told(
    engine: Engine, id: str, status: Status, attempt: Attempt | None, *, written: bool
) -> Outcome:
    """Take in what a webhook says about a job. Called in the loop's thread.

    Args:
        engine: Runs the jobs of this loop.
        id: The vendor's `_id` of the job.
        status: The status that the job is said to have reached.
        attempt: The create that the webhook's address proves to be the job's, if it does.
        written: Whether the journal had not known the id of that create.
    """
    if engine.armed is not None and attempt is not None:
        adopted = engine.armed.told(attempt, id, keep=written)
        if adopted is not None:
            engine.report(EventName.TOLD, adopted, status)
            return Outcome.ADOPTED
        if engine.armed.is_under_way(attempt):
            if status.terminal:
                engine.watches.tell(id)  # kept until the reply is here: no poll may come for long
            return Outcome.WOKEN  # once the reply is here, or lost
        if written:
            return Outcome.ADOPTED  # by its row: no job of this process has that yet
    record = engine.watches.find(id)
    if record is None:
        if status.terminal:
            engine.watches.tell(id)
        return Outcome.UNKNOWN
    engine.report(EventName.TOLD, record, status)
    if not status.terminal:
        engine.watches.move(record, status)
        return Outcome.MOVED
    engine.watches.tell(id)
    return Outcome.WOKEN
