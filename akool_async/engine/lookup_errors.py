"""What a failed lookup means for the jobs it was about. Pure: an error in, an action out."""

from __future__ import annotations

from enum import Enum
from typing import Final

from akool_async.errors import (
    AccountError,
    APIError,
    AuthenticationError,
    InsufficientCredit,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ProcessingError,
    ReplyError,
    TransportError,
)

GRACE: Final = 30.0
"""Seconds after its creation in which a job that "does not exist" is polled again."""

_TRIES: Final = 3
"""Processing errors in a row about one id that end its job."""

_CALLBACK_FAILED: Final = frozenset({1111, 1217})
"""Processing errors about a webhook. They say nothing about the job."""

_TOO_LONG: Final = frozenset({400, 413, 414, 431})
"""HTTP statuses with which servers refuse a request line or an address for its length."""

_ACCOUNT_LEVEL: Final = (AuthenticationError, AccountError)
_DEFINITE: Final = (*_ACCOUNT_LEVEL, InsufficientCredit, InvalidRequest, PermissionDenied)


class Action(Enum):
    """What to do about the jobs of a failed lookup."""

    WAIT = "trouble that passes: poll all of them again, later each time"
    CONFIRM = "the account is refused: ask about one id alone, before all jobs end"
    SPLIT = "one of the ids, or their number, is refused: ask about each half"
    SUSPECT_HOST = "one id alone is too long: the number of ids is not the reason"
    DOUBT = "one id is refused, and may be accepted soon: poll it again"
    END = "one id is refused: end its job"
    END_ALL = "the account is refused, or nothing can be sent: end all jobs of the family"


def action_on(error: Exception, ids: int, *, age: float = 0.0, doubts: int = 0) -> Action:
    """Return what to do after a lookup failed.

    Args:
        error: What the lookup raised.
        ids: How many ids the lookup held.
        age: Seconds since the vendor accepted the job, where the lookup held one id.
        doubts: How many lookups of that id in a row were refused, this one included.
    """
    if isinstance(error, TransportError) and error.cause == "client":
        return Action.END_ALL  # no later request can be sent either; the jobs go on at the vendor
    if not _refuses_the_request(error):
        return Action.WAIT
    account = isinstance(error, _ACCOUNT_LEVEL)
    if ids > 1:
        return Action.CONFIRM if account else Action.SPLIT
    if is_about_length(error):
        return Action.SUSPECT_HOST
    if _may_pass(error, age, doubts):
        return Action.DOUBT
    return Action.END_ALL if account else Action.END


def blames_host(error: Exception) -> bool:
    """Say whether a failed lookup may mean that the host is down."""
    if isinstance(error, TransportError) and error.cause == "machine":
        return False  # this machine has no room for a connection: the host was not asked
    return not isinstance(error, APIError)


def may_be_about_number(error: Exception) -> bool:
    """Say whether a lookup may have been refused for the number of its ids."""
    return is_about_length(error) or isinstance(error, InvalidRequest)


def is_about_length(error: Exception) -> bool:
    """Say whether a server, or a proxy before it, refused the length of the request line."""
    if isinstance(error, APIError) and error.code != 0:
        return False  # a readable envelope decides, whatever the HTTP status
    return isinstance(error, APIError | ReplyError) and error.http_status in _TOO_LONG


def _refuses_the_request(error: Exception) -> bool:
    """Say whether the reply refused just this request, rather than reported trouble that passes."""
    if isinstance(error, APIError) and error.code != 0:
        return isinstance(error, (*_DEFINITE, NotFound, ProcessingError))
    return is_about_length(error)


def _may_pass(error: Exception, age: float, doubts: int) -> bool:
    if isinstance(error, NotFound):
        return age < GRACE  # results appear with a delay after the create
    return isinstance(error, ProcessingError) and (
        doubts < _TRIES or error.code in _CALLBACK_FAILED
    )
