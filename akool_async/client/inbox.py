"""What all event loops of a client share about webhooks: credentials, addresses, past events."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from typing import Final, Protocol, runtime_checkable

from akool_async.errors import MissingCredentials
from akool_async.http.auth import Credentials
from akool_async.protocol.secret import hidden
from akool_async.schedule.experience import Memory
from akool_async.webhook.address import OWNER, Addresses
from akool_async.webhook.credentials import OneOrMore, WebhookCredentials
from akool_async.webhook.recent import RecentEvents

OWNER_NAME: Final = "webhook.owner"
"""The name under which a journal keeps what its rows' addresses begin with."""


def webhook_credentials(credentials: Credentials) -> WebhookCredentials:
    """Return the client's own id and secret for webhooks, else the environment's.

    Raises:
        MissingCredentials: there are none.
        InvalidInput: they are of a wrong form.
    """
    client_id = credentials.client_id or os.environ.get("AKOOL_CLIENT_ID")
    secret = credentials.client_secret or hidden(os.environ.get("AKOOL_CLIENT_SECRET"))
    if client_id and secret:
        return WebhookCredentials(client_id=client_id, client_secret=secret)
    raise MissingCredentials(
        "webhooks need the account's client id and secret, also beside an api key: set"
        " AKOOL_CLIENT_ID and AKOOL_CLIENT_SECRET, or pass webhook_credentials="
        "WebhookCredentials(client_id=..., client_secret=...)"
    )


@runtime_checkable
class EventMemory(Protocol):
    """A job store that remembers events beyond the end of the process."""

    async def remember_event(self, digest: bytes) -> None:
        """Remember that an event was taken in; it is on disk when this returns."""
        ...

    def recall_events(self) -> list[bytes]:
        """Return the digests of the latest events, oldest first."""
        ...


class Inbox:
    """What all event loops of a client share about webhooks.

    Args:
        credentials: The account's client id and secret, for webhooks.
        store: The client's journal, if it has one.
        url: The address of the receiver on the public internet; `None` to arm nothing.
    """

    def __init__(self, credentials: OneOrMore, store: object, url: str | None) -> None:
        self.credentials = credentials
        self.owner = _owner_of(store)
        self.addresses = Addresses(url or "", credentials, self.owner)
        self.outcomes: Counter[str] = Counter()
        """How many events had each outcome; `refused` counts those that were none."""
        self._memory = store if isinstance(store, EventMemory) else None
        self._recent: RecentEvents | None = None

    def begin(self, digest: bytes) -> bool:
        """Begin to take in an event; return `False` if it is a repetition.

        It is one also while the first one is being taken in. `remember` or `forget` follows.
        """
        if self._recent is None:
            self._recent = RecentEvents(self._memory.recall_events() if self._memory else ())
        return self._recent.add(digest)

    async def remember(self, digest: bytes) -> None:
        """Remember an event that was taken in; it is on disk when this returns."""
        if self._memory is not None:
            await self._memory.remember_event(digest)

    def forget(self, digest: bytes) -> None:
        """Forget an event that could not be taken in: it comes again."""
        if self._recent is not None:
            self._recent.discard(digest)


def _owner_of(store: object) -> bytes:
    """Return what names a journal for good; a new name where there is none that remembers."""
    known = store.recall(OWNER_NAME) if isinstance(store, Memory) else None
    if known is not None and len(known) == OWNER:
        return known
    made = secrets.token_bytes(OWNER)
    if isinstance(store, Memory):
        store.remember(OWNER_NAME, made)  # written before the first intent that needs it
    return made
