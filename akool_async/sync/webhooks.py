"""`akool.webhooks` in programs without an event loop, such as a view of Django."""

from __future__ import annotations

from functools import partial
from typing import Any

from akool_async.sync.behind import Behind
from akool_async.webhook.outcome import Outcome


class Webhooks:
    """Takes in Akool's webhooks.

    Args:
        behind: The asynchronous client.
    """

    def __init__(self, behind: Behind) -> None:
        self._behind = behind

    @property
    def address(self) -> str | None:
        """The address of the receiver, as `webhook_url` says; `None` if there is none."""
        return self._behind.akool.webhooks.address

    @property
    def needs_token(self) -> bool:
        """Whether a receiver answers 404 where the address ends in no valid token."""
        return self._behind.akool.webhooks.needs_token

    def is_ours(self, token: str) -> bool:
        """Say whether a token was made with the client's credentials, by any of its workers."""
        return self._behind.akool.webhooks.is_ours(token)

    def feed(
        self, body: bytes | str, token: str | None = None, *, tolerance: float | None = 300.0
    ) -> Outcome:
        """Take in a webhook, and return what became of it.

        Args:
            body: The body of the request, as it arrived.
            token: The last segment of the address that it was sent to, where the client made
                that address: see `webhook_url`.
            tolerance: Seconds by which the event's time may differ from now; `None` for no check.

        Raises:
            WebhookError: It is no webhook for this account.
            MissingCredentials: The client has no credentials for webhooks.
            JournalError: What it changes cannot be written down. It is to be sent again.
        """
        feed = partial(self._behind.akool.webhooks.feed, body, token, tolerance=tolerance)
        outcome: Any = self._behind.run(feed)
        return Outcome(outcome)
