"""Exit statuses, and errors in the words of the command line."""

from __future__ import annotations

from typing import Final

from akool_async import AkoolError, CreateOutcomeUnknown

INTERRUPTED: Final = 130
"""Exit status after Ctrl-C: 128 and the number of SIGINT, as shells have it."""


def told(error: AkoolError) -> str:
    """Describe an error, with the tokens of the jobs that are paid for."""
    parts = [str(error)]
    if isinstance(error, CreateOutcomeUnknown):
        parts.append("do not just run the command again: that might pay twice")
    if error.token:
        parts.append(f"its token is {error.token}")
    if earlier := [step for step in error.steps if step != error.token]:
        parts.append(f"steps already paid for: {' '.join(earlier)}")
    return "; ".join(parts)
