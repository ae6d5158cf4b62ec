"""The exit statuses of all commands, and which one belongs to an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from akool_async import (
    AkoolError,
    APIError,
    CreateOutcomeUnknown,
    InvalidInput,
    InvalidToken,
    JobTimeout,
    MissingCredentials,
    TransportError,
    UncertainMatch,
)

DONE, FAILED, BAD_INPUT, STOPPED, IN_DOUBT, REFUSED, TIMED_OUT, NO_ANSWER = range(8)
INTERRUPTED: Final = 130

WORDS: Final[Mapping[int, str]] = {
    DONE: "done",
    FAILED: "failed",
    BAD_INPUT: "bad input",
    STOPPED: "run stopped early",
    IN_DOUBT: "in doubt",
    REFUSED: "refused",
    TIMED_OUT: "timed out",
    NO_ANSWER: "no answer",
    INTERRUPTED: "interrupted",
}
"""The statuses in words. 130 is 128 and the number of SIGINT, as shells have it."""

_OF_ERRORS: Final[tuple[tuple[tuple[type[AkoolError], ...], int], ...]] = (
    ((CreateOutcomeUnknown, UncertainMatch), IN_DOUBT),
    ((InvalidInput, InvalidToken, MissingCredentials), BAD_INPUT),
    ((JobTimeout,), TIMED_OUT),
    ((APIError,), REFUSED),
    ((TransportError,), NO_ANSWER),
)


def status_of(error: AkoolError) -> int:
    """Return the exit status of a command that an error ends."""
    return next((status for classes, status in _OF_ERRORS if isinstance(error, classes)), FAILED)
