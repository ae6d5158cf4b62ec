"""Errors in the words of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from akool_async import AkoolError, CreateOutcomeUnknown
from akool_async.cli.statuses import FAILED


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


def advice_of(error: Exception) -> str:
    """Return what to do about an error; an empty text if it does not say."""
    return str(getattr(error, "advice", ""))


class Problem(click.ClickException):
    """A problem of a command, and what `--json` prints beside it.

    Args:
        message: The problem, in one line.
        fields: What is known meanwhile, such as the token of a job that goes on.
        kind: Its name in the JSON.
        status: The exit status; that of the class, if not given.
    """

    exit_code = FAILED

    def __init__(
        self,
        message: str,
        fields: Mapping[str, Any],
        kind: str = "Error",
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.fields = fields
        self.kind = kind
        self.status = self.exit_code if status is None else status
