"""How one job is to be run: key, timeout, priority."""

from __future__ import annotations

from typing import Final, TypeAlias

from akool_async.protocol.value import Value


class ClientDefault:
    """The type of `DEFAULT`."""

    def __repr__(self) -> str:
        return "<the client's>"


DEFAULT: Final = ClientDefault()
"""Stands for the client's own setting, where `None` has another meaning."""

Timeout: TypeAlias = float | ClientDefault | None
"""Seconds from acceptance to the end of a job; `None` for no end; or the client's own setting."""


class JobOptions(Value):
    """How one job is to be run. Jobs without options of their own share one object."""

    key: str | None = None
    """The user's name for the job: one key is one create."""
    row_key: str | None = None
    """The key of the job's row: the user's own, or that and the step of a recipe."""
    fingerprint: str = ""
    """Tells the key's request from other requests; empty without a key."""
    timeout: Timeout = DEFAULT
    priority: int = 0
    """Among jobs that wait for a place, a higher priority goes first."""
    tag: object = None
    """Anything of the user's; the client does not look at it."""
    retry_failed: bool = False
    """Whether a key whose job failed may be sent, and paid for, again."""
    fail_fast: bool = False
    """Whether the job ends unsent if the last create was refused as all creates would be."""
    held: bool = False
    """Whether the job is a session that somebody holds: it is looked up rarely, and goes on until
    it is closed."""


NO_OPTIONS: Final = JobOptions()
FAIL_FAST: Final = JobOptions(fail_fast=True)
HELD_JOB: Final = JobOptions(held=True, timeout=None)
