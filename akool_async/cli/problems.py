"""Errors as the JSON that `--json` prints."""

from __future__ import annotations

from typing import Any

import click

from akool_async import AkoolError, APIError, InvalidInput, JobError, Snapshot
from akool_async.cli.display import fields_of, show_json
from akool_async.cli.messages import Problem, advice_of
from akool_async.protocol.secret_fields import without_secrets


def show_problem(error: Exception, message: str, status: int) -> None:
    """Print an error as JSON.

    Args:
        error: The error.
        message: Its words for people.
        status: The command's exit status.
    """
    show_json(document_of(error, message, status))


def document_of(error: Exception, message: str, status: int) -> dict[str, Any]:
    """Return what `--json` prints for an error: what is known of its job, and `error`.

    Args:
        error: The error.
        message: Its words for people.
        status: The command's exit status.
    """
    known = _known(error)
    about: dict[str, Any] = {
        "type": _kind_of(error),
        "message": message,
        "code": getattr(error, "code", None) or None,
        "endpoint": getattr(error, "endpoint", "") or known.get("operation") or None,
        "token": known.get("token"),
        "advice": advice_of(error) or _usage_of(error),
        "exit_status": status,
    }
    if isinstance(error, APIError):
        about["http_status"] = error.http_status
    if isinstance(error, InvalidInput):
        about |= {"field": error.field, "rule": error.rule}
    return {**known, "error": about}


def _usage_of(error: Exception) -> str:
    """Say where a command is explained that was called wrongly."""
    if not isinstance(error, click.UsageError) or error.ctx is None:
        return ""
    return f"`{error.ctx.command_path} --help` lists the options, with an example."


def _kind_of(error: Exception) -> str:
    if isinstance(error, Problem):
        return error.kind
    if isinstance(error, click.ClickException):
        return "UsageError" if isinstance(error, click.UsageError) else "Error"
    return type(error).__name__


def _known(error: Exception) -> dict[str, Any]:
    if isinstance(error, Problem):
        return dict(error.fields)
    if not isinstance(error, AkoolError):
        return {}
    known: dict[str, Any] = {}
    if isinstance(error, JobError):
        known["operation"] = error.name
        if isinstance(error.snapshot, Snapshot):
            known |= fields_of(without_secrets(error.snapshot))
    if error.token is not None:
        known["token"] = error.token
    if error.steps:
        known["steps"] = error.steps
    return known
