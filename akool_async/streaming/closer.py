"""Sends the close of a session, again and again, until Akool answers or the time for it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

from akool_async.errors import (
    UNCLEAR_CODES,
    AkoolError,
    APIError,
    Conflict,
    InvalidInput,
    InvalidRequest,
    NotFound,
    TransportError,
    message_of,
)
from akool_async.http.retry import RequestOutcome, outcome_of
from akool_async.protocol.cells import checked_number
from akool_async.protocol.endpoint import Command

_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 2.0
_FIRST_SHARE: Final = 1 / 5
_LONGEST_FIRST: Final = 5.0
"""The first close may take this share of `grace`, and so many seconds at most; each later one that
was not answered doubles the time."""
_CLOSED: Final = frozenset({1216, 1219})
"""Akool's codes for a session that does not exist any more, and for one that is closed."""


class Calls(Protocol):
    """The client, as far as a close needs it."""

    async def call(self, endpoint: Any, /) -> Any:
        """Send an endpoint."""
        ...


class Closer:
    """Closes sessions by their ids. One that is closed already is no error.

    Args:
        client: What sends the requests.
        close: Makes the request that closes a session. It may be sent several times.
        grace: Seconds in which the close of a session is repeated while no answer comes.

    Raises:
        InvalidInput: `grace` is no number of seconds, more than 0.
    """

    def __init__(self, client: Calls, close: Callable[[str], Command[Any]], grace: float) -> None:
        self._client = client
        self._close = close
        rule = "must be a number of seconds, more than 0"
        self._grace = checked_number("grace", grace, rule)
        if not self._grace > 0:
            raise InvalidInput("grace", grace, rule)
        self._lost: set[str] = set()
        """The sessions of whose closes an answer was lost: each may have worked."""
        self._answers: dict[str, AkoolError] = {}
        """What was answered last to the close of a session, and did not settle it."""

    async def close(self, id: str) -> str | None:
        """Close a session; return why it could not be closed, `None` if it is closed."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._grace
        while True:
            try:
                async with asyncio.timeout_at(end):
                    await self._until_answered(id)
            except asyncio.CancelledError:  # the loop ends all tasks; this one has `end` for that
                continue
            except TimeoutError:
                return self._too_late(id)
            except (AkoolError, RuntimeError) as error:  # the latter from a client that is closed
                return message_of(error)
            return None

    def _too_late(self, id: str) -> str:
        answer = self._answers.get(id)
        last = "" if answer is None else f"; the last answer: {answer.message}"
        return f"Akool did not confirm it within {self._grace:g} s{last}"

    async def _until_answered(self, id: str) -> None:
        pause, limit = _FIRST_PAUSE, min(self._grace * _FIRST_SHARE, _LONGEST_FIRST)
        while True:
            try:
                # A connection that is dead without saying so never answers; the next one may.
                async with asyncio.timeout(limit):
                    await self._client.call(self._close(id))
            except TimeoutError:
                self._lost.add(id)
                limit *= 2
            except AkoolError as error:
                if _says_closed(error, lost=id in self._lost):
                    return
                outcome = outcome_of(error)
                if outcome is RequestOutcome.UNKNOWN:
                    self._lost.add(id)
                if outcome is RequestOutcome.REFUSED and _is_final(error):
                    raise
                if isinstance(error, APIError):
                    self._answers[id] = error
            else:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def _says_closed(error: AkoolError, *, lost: bool) -> bool:
    """Say whether a refusal means that the session is closed.

    Args:
        error: The refusal.
        lost: Whether an earlier close was sent whose answer was lost: it may have worked.
    """
    if isinstance(error, NotFound) and error.code in _CLOSED:
        return True
    if isinstance(error, InvalidRequest | NotFound | Conflict):
        return lost or error.attempts > 1
    return False


def _is_final(error: AkoolError) -> bool:
    """Say whether the same refusal would come again."""
    if isinstance(error, TransportError):
        return error.cause in {"certificate", "client"}
    if not isinstance(error, APIError) or error.code in UNCLEAR_CODES:
        return False
    return error.http_status < 500  # noqa: PLR2004
