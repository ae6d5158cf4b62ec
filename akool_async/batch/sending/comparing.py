"""Whether a row asks for the same as the job that the journal has under its key."""

from __future__ import annotations

from akool_async.batch.manifest.keys import MARK
from akool_async.batch.manifest.rows import BatchRow
from akool_async.engine.keys import request_fingerprint
from akool_async.errors import InvalidInput
from akool_async.protocol.endpoint import Recipe


def fingerprint_of(row: BatchRow) -> str | None:
    """Return the fingerprint of a row's request; `None` if a file of it cannot be read.

    It reads the files that the request names, and blocks meanwhile.
    """
    try:
        return request_fingerprint(row.request)
    except InvalidInput:
        return None


def is_same(row: BatchRow, known: str, own: str | None) -> bool:
    """Compare a row with its job.

    Args:
        row: The row.
        known: The fingerprint in the row of its job; a recipe's step has its number there, too.
        own: What `fingerprint_of` says of the row; not asked for where the key was made from the
            request. With `None` it is the same: a job whose files are gone by now is paid for.
    """
    if ("/" in known) is not isinstance(row.request, Recipe):
        return False
    if row.given:  # a row may once have had such a key as its own
        return known.startswith(row.key[:MARK])
    return own is None or own == known.partition("/")[0]
