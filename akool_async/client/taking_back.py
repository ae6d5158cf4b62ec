"""Jobs that have ended, and that nobody held since: made of their rows again, to be saved."""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

import msgspec

from akool_async.client.backlog import Backlog
from akool_async.client.keyed import KeyedJobs, record_of
from akool_async.client.links import ResultLinker
from akool_async.client.restoring import reference_of, result_of
from akool_async.client.shared import Vendor
from akool_async.clock import moment
from akool_async.engine import Engine, JobRecord
from akool_async.engine.recorder import Recorder
from akool_async.engine.row_reader import row_of
from akool_async.journal import Entry


class Parts(Protocol):
    """What an event loop has of a client, as far as it is needed here."""

    @property
    def engine(self) -> Engine:
        """Runs the jobs."""
        ...

    @property
    def keyed(self) -> KeyedJobs | None:
        """The keys of its jobs."""
        ...

    @property
    def links(self) -> ResultLinker:
        """Gives results what they need to be saved."""
        ...


def backlog_of(parts: Parts, vendor: Vendor, recorder: Recorder | None) -> Backlog | None:
    """Return the backlog of an event loop; `None` where there is no journal."""
    return None if recorder is None else Backlog(recorder, partial(_taken_back, parts, vendor))


def _taken_back(parts: Parts, vendor: Vendor, entry: Entry, tag: object) -> JobRecord[Any] | None:
    """Return the record of a completed job again; `None` if its row has no result.

    Nothing is counted or told: that was done when it ended.
    """
    operation = vendor.operations().get(entry.name)
    result = None if operation is None else result_of(entry, operation.family)
    if operation is None or result is None or parts.keyed is None:
        return None
    record = record_of(parts.engine, entry, operation)
    if tag is not None:
        record.options = msgspec.structs.replace(record.options, tag=tag)
    reference = reference_of(entry)
    if reference is not None:
        record.take_reference(reference, moment(parts.engine.clock))
    record.observe(result)
    parts.keyed.work_on(record, entry)
    row_of(record).state = entry.state
    record.finish(parts.links.linked(record, result))
    return record
