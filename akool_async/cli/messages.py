"""Exit statuses, and errors in the words of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click

from akool_async import AkoolError, CreateOutcomeUnknown

INTERRUPTED: Final = 130
"""Exit status after Ctrl-C: 128 and the number of SIGINT, as shells have it."""


def told(error: AkoolError) -> str:
    """Describe an error, with the tokens of the jobs that are paid for."""
    parts = [error.message]
    if isinstance(error, CreateOutcomeUnknown):
        parts.append("do not just run the command again: that might pay twice")
    if error.token:
        parts.append(f"its token is {error.token}")
    if earlier := [step for step in error.steps if step != error.token]:
        parts.append(f"steps already paid for: {' '.join(earlier)}")
    return "; ".join(parts)


class Problem(click.ClickException):
    """A problem of a command, and what `--json` prints beside it.

    Args:
        message: The problem, in one line.
        fields: What is known meanwhile, such as the token of a job that goes on.
        kind: Its name in the JSON.
    """

    def __init__(self, message: str, fields: Mapping[str, Any], kind: str = "Error") -> None:
        super().__init__(message)
        self.fields = fields
        self.kind = kind
