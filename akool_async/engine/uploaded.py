"""Where the files of a job's request lie by now. The request itself keeps their paths.

So the journal holds a path and a fingerprint of the content, and never an address: signed ones are
secrets, and end. Addresses are put in only as the create leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from akool_async.protocol.files import with_addresses

if TYPE_CHECKING:
    from akool_async.engine.record import JobRecord
    from akool_async.protocol.endpoint import Operation
    from akool_async.uploads import LocalFile

T = TypeVar("T")


class Uploaded(NamedTuple):
    """The files of a job's request, and their addresses."""

    files: Mapping[Path, LocalFile]
    addresses: Mapping[Path, str]


def note_uploaded(record: JobRecord[Any], uploaded: Uploaded) -> None:
    """Keep where the files of a job's request lie."""
    if record.extras is None:
        record.extras = {}
    record.extras[Uploaded] = uploaded


def uploaded_of(record: JobRecord[Any]) -> Uploaded | None:
    """Return where the files of a job's request lie; `None` if it has none."""
    return None if record.extras is None else record.extras.get(Uploaded)


def addressed(record: JobRecord[Any], request: Operation[Any]) -> Operation[Any]:
    """Return a job's request as it is sent: with an address in place of each file."""
    uploaded = uploaded_of(record)
    return request if uploaded is None else with_addresses(request, uploaded.addresses.__getitem__)
