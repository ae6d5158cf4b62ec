"""What a page is answered over HTTP. Pure: statuses, headers and JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from akool_async.errors import AkoolError, CreateOutcomeUnknown, RateLimited, TransportError
from akool_async.protocol.value import Value
from akool_async.streaming.session import SessionCredentials

LARGEST_BODY: Final = 4096
"""Bytes of the largest body of a request."""


class Answer(Value):
    """An answer to a page."""

    status: int
    body: Mapping[str, Any] | None = None
    """JSON; `None` for no body."""
    headers: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return f"Answer(status={self.status})"  # the body may hold a token

    @property
    def content(self) -> bytes:
        """The body as bytes."""
        return b"" if self.body is None else msgspec.json.encode(self.body)

    def all_headers(self, more: Mapping[str, str]) -> dict[str, str]:
        """Return all headers but the length: nothing of it may be kept."""
        kind = {} if self.body is None else {"Content-Type": "application/json"}
        always = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return always | kind | dict(self.headers) | dict(more)


class Refusal(Exception):
    """A request that is refused, in words that the page may show.

    Args:
        status: The HTTP status.
        code: What a program reads.
        message: What a person reads. It holds no id of Akool's.
        retry_after: Seconds after which the same request may be granted.
        allow: The methods that are allowed, with 405.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retry_after: float | None = None,
        allow: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.allow = allow

    @property
    def answer(self) -> Answer:
        """The answer that says so."""
        headers: dict[str, str] = {}
        if self.retry_after is not None:
            headers["Retry-After"] = str(math.ceil(self.retry_after))
        if self.allow is not None:
            headers["Allow"] = self.allow
        return Answer(
            status=self.status,
            body={"error": self.code, "message": self.message},
            headers=headers,
        )


def unknown_ticket() -> Refusal:
    """Return the refusal of a ticket that is nobody's, or somebody else's: nobody learns which."""
    return Refusal(404, "unknown", "This session is over, or never was.")


def stopping() -> Refusal:
    """Return the refusal of a server that is about to stop."""
    return Refusal(503, "stopping", "The server is about to stop. Please try again soon.")


def busy() -> Refusal:
    """Return the refusal of a session for which there is no place."""
    words = "All avatars are taken. Please try again soon."
    return Refusal(503, "busy", words, retry_after=10)


def refusal_of(error: BaseException) -> Refusal:
    """Return what a page is told of a create that failed; Akool's words stay in the log."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, RateLimited):
        return busy()
    if isinstance(error, CreateOutcomeUnknown | TransportError):
        return Refusal(502, "no_answer", "The avatar service did not answer.")
    if isinstance(error, AkoolError):
        return Refusal(502, "refused", "The avatar service refused to start a session.")
    return Refusal(500, "failed", "The session could not be started.")


def shown(credentials: SessionCredentials) -> dict[str, Any]:
    """Return the fields of a channel's credentials that are set, tokens in plain text."""
    fields = {each: getattr(credentials, each) for each in credentials.__struct_fields__}
    return {
        name: str.__str__(value) if isinstance(value, str) else value
        for name, value in fields.items()
        if value not in (None, "")
    }
