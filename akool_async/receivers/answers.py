"""Which answer a webhook gets. Pure: a request's head in, a status out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

from akool_async.errors import ClientClosed, JournalError, WebhookError
from akool_async.webhook.signed import LARGEST

_DIGITS: Final = 9
"""Digits of the longest content length that is read as a number."""
SLOWEST: Final = 5.0
"""Seconds in which a body must have come."""

OK: Final = 200
NOT_ALLOWED: Final = 405

REFUSED: Final = b"refused\n"
"""The one body of every refusal: it does not say which check failed."""


class Refused(Exception):
    """A request that gets no 200.

    Attributes:
        status: The HTTP status of the answer.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Feeding(Protocol):
    """What a receiver needs of `akool.webhooks`."""

    @property
    def needs_token(self) -> bool:
        """Whether an address without a valid token is not found."""
        ...

    def is_ours(self, token: str) -> bool:
        """Say whether a token was made with the client's credentials."""
        ...


Feed = Callable[[bytes, str | None], Awaitable[object]]
"""Takes in a body and a token."""


def last_segment(path: str) -> str:
    """Return the segment of a path where a token stands: the last that is not empty."""
    return path.rstrip("/").rpartition("/")[2]


def token_of(path: str, feeding: Feeding) -> str | None:
    """Return the token of an address: the last segment of its path that is not empty.

    Frameworks leave a mount's prefix in the path, or cut it off, or add a slash.

    Raises:
        Refused: 404, if there has to be a token and there is none of this account.
    """
    last = last_segment(path)
    if last and feeding.is_ours(last):
        return last
    if feeding.needs_token:
        raise Refused(404)
    return None


def check_head(method: str, headers: Mapping[str, str]) -> None:
    """Refuse a request by its head, before its body is read.

    Args:
        method: The request's method.
        headers: Its headers, by their names in lower case.

    Raises:
        Refused: 405, 413 or 415.
    """
    if method != "POST":
        raise Refused(NOT_ALLOWED)
    kind = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    coding = headers.get("content-encoding", "identity").strip().lower()
    if kind != "application/json" or coding != "identity":
        raise Refused(415)
    length = headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > _DIGITS or int(length) > LARGEST:
        raise Refused(413)


async def status_of(feed: Feed, body: bytes, token: str | None) -> int:
    """Take in a webhook, and return the status of its answer.

    Only 200 keeps Akool from sending it again.
    """
    try:
        await feed(body, token)
    except WebhookError:
        return 400
    except (ClientClosed, JournalError):
        return 503
    return OK
