"""Which rows that failed are sent, and paid for, again."""

from __future__ import annotations

from collections.abc import Sequence

from akool_async.batch.outcomes.endings import decoder
from akool_async.journal import State
from akool_async.journal.outcome_lines import KnownRow


class Retries:
    """Chooses among rows that have ended.

    Args:
        retry_failed: Whether all that failed are sent again; or only those that failed with one of
            some codes, or classes of errors.
    """

    def __init__(self, *, retry_failed: bool | Sequence[str]) -> None:
        self._any = bool(retry_failed)
        self._codes = None if isinstance(retry_failed, bool) else frozenset(retry_failed)

    def take(self, known: KnownRow) -> bool:
        """Say whether a row is sent again; its line has to be there if it has one."""
        if not self._any or known.state is not State.FAILED:
            return False
        if self._codes is None:
            return True
        outcome = None if known.line is None else decoder.decode(known.line)
        return outcome is not None and not self._codes.isdisjoint(
            {str(outcome.code), str(outcome.error)}
        )
