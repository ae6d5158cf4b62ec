"""What all event loops of a client share: settings, credentials, journal, what was learned."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from akool_async.client.events import ClientEvent, HearsClient, Hook
from akool_async.client.settings import Configuration
from akool_async.client.stats import Stats, together
from akool_async.engine.known_creates import KnownCreates
from akool_async.engine.room import Room
from akool_async.http.auth import Credentials
from akool_async.observers import logger, shield
from akool_async.protocol.endpoint import Endpoint, Operation
from akool_async.schedule.experience import Experience, Memory

if TYPE_CHECKING:
    from akool_async.client.inbox import Inbox
    from akool_async.engine.keys import KeyRegistry
    from akool_async.engine.recorder import Recorder
    from akool_async.journal import JobStore
    from akool_async.webhook.address import Addresses


class Records:
    """A client's journal, and which of its rows and keys this process works on.

    Args:
        given: A store of the user's; or a path, whose journal the client opens and closes.

    Raises:
        JournalError: there is no usable journal at the path.
    """

    def __init__(self, given: str | os.PathLike[str] | JobStore) -> None:
        # With SQLite, which few clients need.
        from akool_async.engine.keys import KeyRegistry
        from akool_async.engine.recorder import Recorder
        from akool_async.journal import Journal

        self.owned = isinstance(given, str | os.PathLike)
        self.store: JobStore = Journal(given) if isinstance(given, str | os.PathLike) else given
        self.recorder: Recorder = Recorder(self.store)
        self.keys: KeyRegistry = KeyRegistry()

    @property
    def memory(self) -> Memory | None:
        """Where durations and batch sizes are kept, if the store can do that."""
        store: object = self.store
        return store if isinstance(store, Memory) else None

    async def close(self) -> None:
        """Close the journal, if the client has opened it."""
        if self.owned:
            await self.store.close()


class Vendor(NamedTuple):
    """What a vendor's own client does for the jobs of an event loop.

    Made with the first runtime, and not with the client: a client that was never used is freed at
    once, and with it its journal.
    """

    client: object
    """The client itself. Results hold it, so that they can start jobs."""
    call: Callable[[Endpoint[Any]], Awaitable[Any]]
    """Sends a query or command."""
    completed: Callable[[Any, Operation[Any] | None], Any]
    """Completes a job's result by what only its request says."""
    credit: Callable[[], Awaitable[float]]
    """Returns the account's credit."""
    exchange_token: Callable[[], Awaitable[str]]
    """Returns a fresh bearer token."""
    operations: Callable[[], Mapping[str, type[Operation[Any]]]]
    """Returns the client's operations, by dotted name; they load slowly."""


class Shared:
    """What all event loops of a client share.

    Args:
        configuration: The client's settings, checked.
        credentials: What signs requests.
    """

    def __init__(self, configuration: Configuration, credentials: Credentials) -> None:
        self.configuration = configuration
        self.credentials = credentials
        self.experience = Experience(
            configuration.hosts["api"], configuration.schedule, configuration.limits.batch
        )
        self.room = Room(configuration.max_concurrency, configuration.limits.operations)
        """How many jobs may be in flight, as it is now."""
        self.requests: Counter[str] = Counter()
        """HTTP requests sent so far, by endpoint."""
        self.creates = KnownCreates()
        """What is known of creates whose jobs a list shows."""
        self.hooks: tuple[Hook, ...] = ()
        self.records: Records | None = None
        self._inbox: Inbox | None = None
        self.past = Stats()
        """The figures of event loops that are over."""
        self.told_unclosed = False
        """Whether the log has said that nobody closed the client."""
        self._lock = threading.RLock()

    def retire(self, figures: Stats) -> None:
        """Keep the figures of an event loop that is over."""
        with self._lock:
            self.past = together(self.past, figures)

    def tell_limits(self, name: str) -> None:
        """Tell the log, and hooks that want to know, that the program has changed the client."""
        room = self.room
        state = "paused, no job is created until resume()" if room.paused else "not paused"
        of = f", {dict(room.quotas)}" if room.quotas else ""
        logger.info("%s: %s; jobs in flight at most: %d%s", name, state, room.limit, of)
        event = ClientEvent(
            name=name,
            at=self.configuration.clock.now(),
            paused=room.paused,
            concurrency=room.limit,
            limits=room.quotas,
        )
        hooks: tuple[object, ...] = self.hooks
        for hook in hooks:
            if isinstance(hook, HearsClient):
                shield(f"a hook at {name}", hook.client_changed, event)

    def open_records(self) -> None:
        """Open the journal, if there is to be one and it is not open.

        Raises:
            JournalError: there is no usable journal at the path.
            MissingCredentials: creates are to be armed, and nothing can sign their addresses.
        """
        journal = self.configuration.journal
        if journal is not None:
            self.records = Records(journal)
            self.records.recorder.delivers = self.configuration.on_end is not None
            self.experience.memory = self.records.memory
        self._inbox = None
        if self.configuration.webhook_url is not None:
            self._inbox = self.inbox

    @property
    def inbox(self) -> Inbox:
        """What the event loops share about webhooks; made at the first use.

        Raises:
            MissingCredentials: there is no client id and secret for webhooks.
        """
        if self._inbox is None:
            from akool_async.client.inbox import Inbox, webhook_credentials

            given = self.configuration.webhook_credentials
            self._inbox = Inbox(
                webhook_credentials(self.credentials) if given is None else given,
                None if self.records is None else self.records.store,
                self.configuration.webhook_url,
            )
        return self._inbox

    @property
    def addresses(self) -> Addresses | None:
        """What makes the webhook addresses of creates; `None` without a `webhook_url`."""
        return None if self.configuration.webhook_url is None else self.inbox.addresses

    def stats(self) -> Stats:
        """Return the figures that belong to no event loop."""
        return Stats(
            requests=dict(self.requests),
            webhooks={} if self._inbox is None else dict(self._inbox.outcomes),
            places=self.room.limit,
            limits=self.room.quotas,
            paused=self.room.paused,
        )
