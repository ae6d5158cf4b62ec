"""One look at a job out of turn, where what the vendor says now decides."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from akool_async.clock import sleep
from akool_async.errors import NotFound

if TYPE_CHECKING:
    from akool_async.engine.core import Engine
    from akool_async.engine.record import JobRecord

_STEP: Final = 0.05
"""Seconds between two questions whether a look has come."""
_STEPS: Final = 40
"""The most steps that a look is waited for: 2 seconds of a loop that is not held up again."""


async def look(engine: Engine, record: JobRecord[Any], pauses: Sequence[float]) -> Any:
    """Ask for an accepted job; return its snapshot, or `None` if the vendor shows none.

    The job does not end by what is seen: `Watch.take_in` is for that.

    Args:
        engine: The job's engine.
        record: The job.
        pauses: Seconds before each lookup. A list may lack a job now and then, so that one lookup
            may not be enough.

    Raises:
        AkoolError: the vendor gave no usable answer.
    """
    for pause in pauses:
        if pause:
            await sleep(engine.clock, pause)
        if record.ended or record.id is None:
            break
        try:
            reply = await engine.exchange.send(record.family.lookup([record.id]))
        except NotFound:
            continue
        for snapshot in record.family.observed(reply):
            if snapshot.id in {record.id, ""}:
                return snapshot
    return None


async def wait_for_a_look(engine: Engine, record: JobRecord[Any]) -> None:
    """Have a job polled now; wait until that shows how it is, at most about 2 seconds.

    For a wait whose timer rang late: the job may have ended meanwhile.
    """
    since = engine.clock.time()
    if record.id is not None and not record.ended:
        engine.wake(record.id)
    for _ in range(_STEPS):
        if record.ended or record.seen_at >= since:
            return
        await asyncio.sleep(_STEP)
