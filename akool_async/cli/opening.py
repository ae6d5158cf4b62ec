"""The client of a command, made from environment variables."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from akool_async import Akool, InvalidInput, MissingCredentials
from akool_async.cli.messages import Problem
from akool_async.cli.statuses import BAD_INPUT

if TYPE_CHECKING:
    from akool_async.journal import Journal


def client(
    client_id: str | None = None,
    client_secret: str | None = None,
    *,
    journal: Journal | None = None,
) -> Akool:
    """Return a client with the given credentials, or with those of the environment.

    Raises:
        click.ClickException: there are no credentials, or a variable holds an invalid value.
    """
    try:
        return Akool(
            client_id=client_id,
            client_secret=client_secret,
            journal=journal,
            uploads=os.environ.get("AKOOL_UPLOADS") or None,
        )
    except MissingCredentials:
        problem = (
            "no credential: set AKOOL_API_KEY, AKOOL_TOKEN, or AKOOL_CLIENT_ID and"
            " AKOOL_CLIENT_SECRET"
        )
        kind = "MissingCredentials"
    except InvalidInput as error:
        problem, kind = f"AKOOL_{error.field.upper()} {error.rule}", "InvalidInput"
    raise Problem(problem, {}, kind, BAD_INPUT)
