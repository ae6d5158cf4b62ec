"""Errors as the JSON that `--json` prints."""

from __future__ import annotations

from typing import Any

import click

from akool_async import AkoolError, APIError, InvalidInput, JobError, Snapshot
from akool_async.cli.display import fields_of, show_json
from akool_async.cli.messages import Problem
from akool_async.protocol.secret_fields import without_secrets


def show_problem(error: Exception, message: str) -> None:
    """Print an error as JSON.

    Args:
        error: The error.
        message: Its words for people.
    """
    show_json(document_of(error, message))


def document_of(error: Exception, message: str) -> dict[str, Any]:
    """Return what `--json` prints for an error: what is known of its job, and `error`.

    Args:
        error: The error.
        message: Its words for people.
    """
    about: dict[str, Any] = {"type": _kind_of(error), "message": message}
    names = ("code", "http_status") if isinstance(error, APIError) else ()
    names = ("field", "rule") if isinstance(error, InvalidInput) else names
    about |= {name: getattr(error, name) for name in names}
    return {**_known(error), "error": about}


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
    known["token"] = error.token
    if error.steps:
        known["steps"] = error.steps
    return known
