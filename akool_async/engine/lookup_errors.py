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
    RateLimited,
    ReplyError,
    TransportError,
)

GRACE: Final = 30.0
"""Seconds after its creation in which a job that "does not exist" is polled again."""

TRIES: Final = 3
"""Refusals in a row about one id that end its job, or about the account that end all jobs. One
alone may be a hiccup of the server, and the jobs are paid for."""

_UNREADABLE: Final = 2
"""Unreadable answers in a row about one id after which it is looked for in its lookup."""

_CALLBACK_FAILED: Final = frozenset({1111, 1217})
"""Processing errors about a webhook. They say nothing about the job."""

_TOO_LONG: Final = frozenset({400, 413, 414, 431})
"""HTTP statuses with which servers refuse a request line or an address for its length."""

_OK: Final = 200
_ACCOUNT_LEVEL: Final = (AuthenticationError, AccountError)
_DEFINITE: Final = (*_ACCOUNT_LEVEL, InsufficientCredit, InvalidRequest, PermissionDenied)


class Action(Enum):
    """What to do about the jobs of a failed lookup."""

    WAIT = "trouble that passes: poll all of them again, later each time"
    REPEAT = "too frequent: repeat the lookup, as the retry policy says"
    HOLD = "the account is refused: hold all lookups, and ask about one id, before all jobs end"
    SPLIT = "one of the ids, or their number, is the reason: ask about each half"
    ALONE = "the answer about one id is unreadable: ask about it, and nothing else, later"
    SUSPECT_HOST = "one id alone is too long: the number of ids is not the reason"
    DOUBT = "one id is refused, and may be accepted soon: poll it again"
    CONFIRM = "one id is refused: ask about it again soon, before its job ends"
    ABSENT = "the answer holds no job: note that, and poll it again"
    END = "one id is refused again and again: end its job"
    END_ALL = "the account is refused again and again, or nothing can be sent: end all jobs"


def action_on(
    error: Exception, ids: int, *, age: float = 0.0, doubts: int = 0, at_once: bool = False
) -> Action:
    """Return what to do after a lookup failed.

    Args:
        error: What the lookup raised.
        ids: How many ids the lookup held.
        age: Seconds since the vendor accepted the job, where the lookup held one id.
        doubts: How many lookups in a row failed like this one, and this one. If the error is about
            the account, all lookups of the family count; if the answer is unreadable, all that
            held one of these ids; else those that held this id alone.
        at_once: Whether one definite refusal is believed.
    """
    if isinstance(error, TransportError) and error.cause == "client":
        return Action.END_ALL  # no later request can be sent either; the jobs go on at the vendor
    if is_unreadable(error) and ids > 1:
        return Action.SPLIT if doubts >= _UNREADABLE else Action.WAIT
    if not _refuses_the_request(error):
        return _where_nothing_is_refused(error)
    if is_about_account(error):
        enough = at_once or doubts >= TRIES
        return Action.END_ALL if ids == 1 and enough else Action.HOLD
    return Action.SPLIT if ids > 1 else _about_one_id(error, age, doubts, at_once=at_once)


def _where_nothing_is_refused(error: Exception) -> Action:
    if isinstance(error, RateLimited):
        return Action.REPEAT
    if is_unreadable(error):
        return Action.ALONE
    return Action.ABSENT if _names_no_job(error) else Action.WAIT


def _about_one_id(error: Exception, age: float, doubts: int, *, at_once: bool) -> Action:
    if is_about_length(error):
        return Action.SUSPECT_HOST
    if isinstance(error, NotFound) and age < GRACE:
        return Action.DOUBT  # results appear with a delay after the create
    if isinstance(error, ProcessingError) and (doubts < TRIES or error.code in _CALLBACK_FAILED):
        return Action.DOUBT
    return Action.END if at_once or doubts >= TRIES else Action.CONFIRM


def is_unreadable(error: Exception) -> bool:
    """Say whether a lookup was answered with success, in a body that cannot be read.

    One sick row may be the reason. An unreadable body under another HTTP status comes from a
    server in trouble, or from a proxy before it, and says nothing about the ids. A refusal in
    words that say nothing is no better than an unreadable body (N1).
    """
    if isinstance(error, APIError):
        return error.vague
    return isinstance(error, ReplyError) and error.http_status == _OK


def is_about_account(error: Exception) -> bool:
    """Say whether a readable reply refused the account, and not the ids."""
    return isinstance(error, _ACCOUNT_LEVEL) and error.code != 0


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


def _names_no_job(error: Exception) -> bool:
    """Say whether a successful reply held no job at all, such as `{}`."""
    return isinstance(error, NotFound) and error.code == 0 and error.http_status == _OK


def _refuses_the_request(error: Exception) -> bool:
    """Say whether the reply refused just this request, rather than reported trouble that passes."""
    if isinstance(error, APIError) and error.code != 0:
        return not error.vague and isinstance(error, (*_DEFINITE, NotFound, ProcessingError))
    return is_about_length(error)
