"""`akool.webhooks`: takes in Akool's webhooks, and wakes the jobs that they are about.

How this works
--------------
An event is a hint. `feed` verifies it, finds its job, and lets the engine ask Akool at once; what
Akool answers decides. Two things are read from an event itself: that a job is being processed,
and, where its address proves that it is about one of our creates, the id of that job.

What an event changes is on disk before `feed` returns. Only then is the event remembered as taken
in: if `feed` fails, Akool sends the event again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeAlias

from akool_async.engine.told import told
from akool_async.errors import ClientClosed, InvalidSignature
from akool_async.observers import logger
from akool_async.webhook.address import Owned
from akool_async.webhook.event import Event
from akool_async.webhook.outcome import Outcome
from akool_async.webhook.signed import opened

if TYPE_CHECKING:
    from akool_async.client.inbox import Inbox
    from akool_async.client.runtime import Runtime
    from akool_async.client.shared import Shared
    from akool_async.receivers.aiohttp import Handler
    from akool_async.receivers.answers import Feed
    from akool_async.receivers.asgi import AsgiReceiver

OnForeign: TypeAlias = Callable[[bytes, str], object | Awaitable[object]]
"""Called with the body and the token of an event for another worker; may be asynchronous."""


class Webhooks:
    """Takes in Akool's webhooks.

    Args:
        shared: What all event loops of the client share.
        runtime: Returns the running loop's part of the client; raises where there is none.
    """

    def __init__(self, shared: Shared, runtime: Callable[[], Runtime]) -> None:
        self._shared = shared
        self._runtime = runtime
        self._offers: set[asyncio.Task[None]] = set()
        """Events that are being offered to `on_foreign`; a task that nobody holds may vanish."""
        self._others: list[Webhooks] = []
        """Those of other clients of the account, which have no receiver of their own."""

    def aiohttp_handler(self, *, on_foreign: OnForeign | None = None) -> Handler:
        """Return a handler for `aiohttp.web`.

        `app.router.add_post("/akool/{token}", akool.webhooks.aiohttp_handler())`

        Args:
            on_foreign: Called with body and token of an event for another worker, after the
                answer.
        """
        from akool_async.receivers.aiohttp import handler_for

        return handler_for(self, self._receiving(on_foreign))

    def asgi_app(self, *, on_foreign: OnForeign | None = None) -> AsgiReceiver:
        """Return a plain ASGI app, to be mounted in any framework, or served alone.

        `app.mount("/akool", akool.webhooks.asgi_app())`

        Args:
            on_foreign: Called with body and token of an event for another worker, after the
                answer.
        """
        from akool_async.receivers.asgi import AsgiReceiver

        return AsgiReceiver(self, self._receiving(on_foreign))

    def _receiving(self, on_foreign: OnForeign | None) -> Feed:
        """Return what a receiver calls. It offers events to `on_foreign` in the background.

        Raises:
            MissingCredentials: nothing can verify a webhook.
        """
        _ = self._shared.inbox  # fails now, and not at the first webhook

        def offer(body: bytes, token: str) -> None:
            assert on_foreign is not None
            task = asyncio.get_running_loop().create_task(_offer(on_foreign, body, token))
            self._offers.add(task)
            task.add_done_callback(self._offers.discard)

        later = None if on_foreign is None else offer

        async def receive(body: bytes, token: str | None) -> Outcome:
            return await self.feed(body, token, on_foreign=later)

        return receive

    @contextmanager
    def passing_on_to(self, other: Webhooks) -> Generator[None]:
        """Pass on the events of another client's jobs, for as long as the context lasts.

        Of the same account, in the same event loop. So one receiver serves both: what
        `with_settings` returns, for one, has no receiver.

        Args:
            other: The `webhooks` of the other client.
        """
        self._others.append(other)
        try:
            yield
        finally:
            self._others.remove(other)

    @property
    def address(self) -> str | None:
        """The address of the receiver, as `webhook_url` says; `None` if there is none."""
        return self._shared.configuration.webhook_url

    @property
    def needs_token(self) -> bool:
        """Whether a receiver answers 404 where the address ends in no valid token."""
        return self._shared.configuration.webhook_url is not None

    def is_ours(self, token: str) -> bool:
        """Say whether a token was made with the client's credentials, by any of its workers."""
        return self._shared.inbox.addresses.read(token) is not None

    async def feed(
        self,
        body: bytes | str,
        token: str | None = None,
        *,
        tolerance: float | None = 300.0,
        on_foreign: OnForeign | None = None,
    ) -> Outcome:
        """Take in a webhook, and return what became of it.

        Args:
            body: The body of the request, as it arrived.
            token: The last segment of the address that it was sent to, where the client made
                that address: see `webhook_url`.
            tolerance: Seconds by which the event's time may differ from now; `None` for no check.
            on_foreign: Called with body and token of an event for another worker.

        Raises:
            WebhookError: It is no webhook for this account.
            MissingCredentials: The client has no credentials for webhooks.
            ClientClosed: The client is closed, or runs in another event loop.
            JournalError: What it changes cannot be written down. It is to be sent again.
        """
        inbox = self._shared.inbox
        try:
            owned = _read(inbox, token)
            event, digest = opened(body, inbox.credentials, tolerance=tolerance)
        except Exception:
            inbox.outcomes["refused"] += 1
            raise
        runtime = self._here()
        outcome = Outcome.REPEATED
        if inbox.begin(digest):
            try:
                outcome = await self._take_in(event, owned, runtime)
                if outcome is Outcome.FOREIGN and on_foreign is not None:
                    await _offer(on_foreign, body, token)
                await inbox.remember(digest)
            except BaseException:
                inbox.forget(digest)
                raise
        inbox.outcomes[outcome.value] += 1
        return outcome

    def _here(self) -> Runtime:
        try:
            return self._runtime()
        except RuntimeError as error:
            problem = str(error)
        raise ClientClosed(problem)

    async def _take_in(self, event: Event, owned: Owned | None, runtime: Runtime) -> Outcome:
        outcome = await self._take_own(event, owned, runtime)
        nobodys = Outcome.UNKNOWN if owned is None else Outcome.FOREIGN
        for other in tuple(self._others):
            if outcome is nobodys:
                outcome = await other._take_passed_on(event, owned) or nobodys  # noqa: SLF001
        return outcome

    async def _take_passed_on(self, event: Event, owned: Owned | None) -> Outcome | None:
        """Take in an event, unless the client is closed or runs in another event loop."""
        try:
            runtime = self._here()
        except ClientClosed:
            return None
        return await self._take_in(event, owned, runtime)

    async def _take_own(self, event: Event, owned: Owned | None, runtime: Runtime) -> Outcome:
        attempt = None if owned is None else owned.attempt
        if owned is not None and owned.owner != self._shared.inbox.owner:
            return Outcome.FOREIGN
        written = False
        if attempt is not None and self._shared.records is not None:
            written = await self._shared.records.store.adopt(attempt, event.id)
        return told(runtime.engine, event.id, event.status, attempt, written=written)


def _read(inbox: Inbox, token: str | None) -> Owned | None:
    if token is None:
        return None
    owned = inbox.addresses.read(token)
    if owned is None:
        raise InvalidSignature("the address ends in no token of this account")
    return owned


async def _offer(on_foreign: OnForeign, body: bytes | str, token: str | None) -> None:
    """Offer an event to the user's function; its errors are its own."""
    text = body.encode() if isinstance(body, str) else body
    try:
        offered: Any = on_foreign(text, token or "")
        if isawaitable(offered):
            await offered
    except asyncio.CancelledError:
        raise
    except Exception:
        logger.exception("on_foreign failed; the event's owner polls the job")
