"""What an agent is told to do about an error; a program is told other things."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from akool_async.errors import (
    AkoolError,
    AuthenticationError,
    CreateOutcomeUnknown,
    DownloadError,
    InsufficientCredit,
    InvalidInput,
    JobTimeout,
    KeyConflict,
    MissingCredentials,
    RateLimited,
    ResultExpired,
    TransportError,
)

_CREDENTIAL: Final = (
    "A person has to check the credential in the configuration of this server. Do not ask for it."
)

_BY_KIND: Final[Sequence[tuple[type[AkoolError], str]]] = (
    (
        CreateOutcomeUnknown,
        "It may be paid for: start it under no other key until a person has looked at the account.",
    ),
    (KeyConflict, "Nothing was sent. Use another `key`, or leave it out."),
    (InsufficientCredit, "Nothing is paid. A person has to buy credit at akool.com."),
    (MissingCredentials, _CREDENTIAL),
    (AuthenticationError, _CREDENTIAL),
    (RateLimited, "Wait a minute, then call it again with the same arguments."),
    (ResultExpired, "To make it again, start it under another `key`: that is paid for again."),
    (DownloadError, "The job is done and paid for: call job_save again, and do not start it anew."),
    (JobTimeout, "It goes on at Akool: look at it later, by job_status with its token."),
    (TransportError, "Call it again with the same arguments in a while."),
)
"""What replaces an error's own advice; the first class that fits counts."""

_FOR_PROGRAMS: Final = re.compile(r"akool\.(?!com)\w|error\.|await |\w\(|max_concurrency")
"""Advice that only a program can take."""

_NOT_SENT: Final = "Nothing was sent, and nothing is paid."


def advice_for(problem: AkoolError) -> str:
    """Return what an agent should do about an error; empty if nobody knows."""
    for kind, text in _BY_KIND:
        if isinstance(problem, kind):
            return text
    own = "" if _FOR_PROGRAMS.search(problem.advice) else problem.advice
    return f"{own} {_NOT_SENT}".lstrip() if isinstance(problem, InvalidInput) else own
