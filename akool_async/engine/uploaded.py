"""Where the files of a job's request lie by now. The request itself keeps their paths.

So the journal holds a path and a fingerprint of the content, and never an address: signed ones are
secrets, and end. Addresses are put in only as the create leaves: a job may have waited for days
by then, for credit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from akool_async.protocol.files import with_addresses

if TYPE_CHECKING:
    from akool_async.engine.record import JobRecord
    from akool_async.protocol.endpoint import Operation
    from akool_async.uploads import LocalFile


class Uploaded(NamedTuple):
    """The files of a job's request, and what tells their addresses."""

    files: Mapping[Path, LocalFile]
    addresses_of: Callable[[Mapping[Path, LocalFile]], Awaitable[Mapping[Path, str]]]
    """Returns addresses that are at most an hour old. It asks the bucket only if they are older."""

    async def address(self, request: Operation[Any]) -> Operation[Any]:
        """Return a request as it is sent: with an address in place of each file."""
        addresses = await self.addresses_of(self.files)
        return with_addresses(request, addresses.__getitem__)


def note_uploaded(record: JobRecord[Any], uploaded: Uploaded) -> None:
    """Keep where the files of a job's request lie."""
    if record.extras is None:
        record.extras = {}
    record.extras[Uploaded] = uploaded


def uploaded_of(record: JobRecord[Any]) -> Uploaded | None:
    """Return where the files of a job's request lie; `None` if it has none."""
    return None if record.extras is None else record.extras.get(Uploaded)
