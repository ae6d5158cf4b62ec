"""A row of the journal: one job, its state, and its fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum

import msgspec

from akool_async.protocol.value import Value


class State(StrEnum):
    """The state of a job's row."""

    QUEUED = "queued"
    """Its key is claimed, and nothing was sent: it costs nothing, and may be sent."""
    INTENT = "intent"
    """Its create is about to be sent, or was being sent when the process died: nobody knows."""
    CREATED = "created"
    """Akool has accepted it."""
    REFUSED = "refused"
    """Akool certainly did not create it, so it may be sent again."""
    UNKNOWN = "unknown"
    """Its create was sent, and no readable answer came."""
    COMPLETED = "completed"
    """It has a result."""
    FAILED = "failed"
    """Akool ended it without a result, or refused it in a way that may have cost something."""
    EXPIRED = "expired"
    """It completed, and Akool does not keep its media any more."""
    ABANDONED = "abandoned"
    """A person gave it up."""
    CLOSED = "closed"
    """It was a session, which was closed: it costs nothing any more."""

    @property
    def finished(self) -> bool:
        """Whether the row stays as it is, unless its key is submitted again."""
        return self is not State.QUEUED and self not in UNFINISHED


UNDECIDED = (State.INTENT, State.UNKNOWN)
"""The states in which nobody knows whether the create was accepted."""

UNFINISHED = (State.INTENT, State.CREATED, State.UNKNOWN)
"""The states in which Akool may have the job: a restarted process has to recover these rows.

`queued` is not among them: nothing was sent, so nothing can be lost.
"""


class Entry(Value):
    """A row of the journal: one job, and the attempts to create it."""

    number: int
    """The row's own number, from 1; never used twice."""
    key: str | None
    """The caller's name for the job, if it has one."""
    name: str
    """The operation's dotted name."""
    request: bytes
    """JSON of the request under its wire names; empty once compacted."""
    fingerprint: str
    """The fingerprint of the request; see `fingerprint`."""
    state: State
    attempt: int
    """How often a create was about to be sent, from 1; 0 while the row is queued."""
    id: str | None
    job_id: str | None
    created_at: int | None
    """When Akool accepted it, in seconds since 1970."""
    reason: str
    """Why it was refused, failed, or is unknown; else empty."""
    result: bytes | None
    """JSON of the result; `None` before the end, and once compacted."""
    saved: str | None
    """The file to which the result's media was saved."""
    intended_at: float
    """When this attempt's intent was written, or a queued row was, in seconds since 1970."""
    updated_at: float
    """When the row last changed, in seconds since 1970."""
    armed: bool = False
    """Whether this attempt's create left with a webhook address of its own."""

    @property
    def unsaved(self) -> bool:
        """Whether it completed and its media is not saved."""
        return self.state is State.COMPLETED and self.saved is None


def fingerprint(name: str, request: Mapping[str, object]) -> str:
    """Return the fingerprint of a request: the SHA-256, in hex, of its name and fields.

    Args:
        name: The operation's dotted name.
        request: The fields under their wire names, in any order; without the webhook's
            address, which may change between two processes.
    """
    canonical = msgspec.json.encode(dict(request), order="sorted")
    return hashlib.sha256(name.encode() + b"\n" + canonical).hexdigest()
