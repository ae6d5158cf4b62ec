"""One endpoint, one reply: send it once, renew a rejected token, retry what may be retried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from akool_async.clock import Clock, sleep
from akool_async.errors import (
    AkoolError,
    APIError,
    AuthenticationError,
    RateLimited,
    TransportError,
)
from akool_async.http.auth import Signer
from akool_async.http.pace import Budget, Pace
from akool_async.http.retry import Retry
from akool_async.http.transport import Delivery, Transport
from akool_async.observers import logger
from akool_async.protocol.endpoint import Endpoint
from akool_async.protocol.secret_fields import censored
from akool_async.protocol.wire import HttpResponse, in_utf8

T = TypeVar("T")

_TOKEN_REJECTED = 1101


class Exchange:
    """The way of every request of a client, from an endpoint to the value of its reply.

    Three layers: `send` retries `once`; `once` renews a rejected token around `_attempt`;
    `_attempt` sends one request.

    Args:
        transport: Exchanges a request for a response.
        signer: Signs requests, and renews the token.
        hosts: The base address by name of host.
        retry: Which failed requests are repeated, and when.
        clock: The client's clock.
        requests: Counts the requests by endpoint.
    """

    def __init__(
        self,
        transport: Transport,
        signer: Signer,
        *,
        hosts: Mapping[str, str],
        retry: Retry,
        clock: Clock,
        requests: Counter[str],
    ) -> None:
        self._transport = transport
        self._signer = signer
        self._hosts = hosts
        self.retry = retry
        """Which failed requests are repeated, and when."""
        self._clock = clock
        self._requests = requests
        self._budget = Budget()
        self.retries = 0
        """Number of requests that repeated a failed one."""
        self.creates = Pace("creates", clock)
        """The rate limit of creates."""
        self.reads = Pace("requests other than creates", clock)
        """The rate limit of all other requests."""

    async def send(self, endpoint: Endpoint[T], delivery: Delivery | None = None) -> T:
        """Send an endpoint, retry where that is safe, and return the value of the reply.

        Raises:
            APIError: Akool refused the request.
            TransportError: No usable reply came.
        """
        delivery = Delivery() if delivery is None else delivery
        attempt = 0
        while True:
            attempt += 1
            try:
                reply = await self.once(endpoint, delivery)
            except AkoolError as error:
                delay = self.retry.delay(error, attempt, repeatable=endpoint.repeatable)
                if delay is None or delivery.last or not self._may_retry(error):
                    if isinstance(error, APIError | TransportError):
                        error.attempts = attempt
                    raise
                logger.debug("%s: %s; again in %.2f s", endpoint.label, type(error).__name__, delay)
            else:
                self._budget.give_back(retried=attempt > 1)
                return reply
            self.retries += 1
            # The failed request started nothing at Akool, or starting it twice does no harm.
            delivery.sent = False
            await sleep(self._clock, delay)

    def _may_retry(self, error: AkoolError) -> bool:
        """Take the cost of a retry. A rate-limited request costs nothing: `Pace` slows it down."""
        if isinstance(error, TransportError) and error.cause == "machine":
            return True  # the host was not asked
        return isinstance(error, RateLimited) or self._budget.spend()

    async def once(self, endpoint: Endpoint[T], delivery: Delivery | None = None) -> T:
        """Send an endpoint once, or twice if Akool rejects the token and it can be renewed."""
        delivery = Delivery() if delivery is None else delivery
        if not endpoint.signed:
            return await self._attempt(endpoint, None, delivery)
        header = self._signer.at_hand or await self._signer.header()
        try:
            return await self._attempt(endpoint, header, delivery)
        except AuthenticationError as error:
            if error.code != _TOKEN_REJECTED:
                raise
            rejection = error
        delivery.sent = False  # a request with a rejected token starts nothing
        if not await self._signer.refresh(header[1]):
            raise rejection
        return await self._attempt(endpoint, await self._signer.header(), delivery)

    async def _attempt(
        self, endpoint: Endpoint[T], header: tuple[str, str] | None, delivery: Delivery
    ) -> T:
        """Send one request when its turn comes, and decode the reply."""
        label = endpoint.label
        pace = self.creates if endpoint.starts_job else self.reads
        turn = self._clock.time()
        if not pace.try_turn(turn):
            turn = await pace.turn()
        self._requests[label] += 1
        delivery.sent_at = turn
        if endpoint.starts_job:
            delivery.sent_on = self._clock.now()
        try:
            response = await self._transport.send(
                self._hosts[endpoint.host], endpoint.encode(), header, delivery
            )
        except TransportError as error:
            error.endpoint = label
            raise
        response = in_utf8(response)  # credentials are searched for in UTF-8
        response = self._signer.censored(response, signed=endpoint.signed)
        try:
            return _received(endpoint, response)
        except RateLimited as error:
            pace.refused(turn, self.retry.hold(error))
            raise
        except AuthenticationError as error:
            error.credential = self._signer.credential
            raise

    async def close(self) -> None:
        """Close all connections."""
        await self._signer.close()
        await self._transport.close()


def _received(endpoint: Endpoint[T], response: HttpResponse) -> T:
    """Decode a reply. Its error shows no secret of the request, which an error page may repeat."""
    try:
        return endpoint.receive(response)
    except AkoolError:
        body = censored(response.body, endpoint)
        if body is response.body:
            raise
    return endpoint.receive(msgspec.structs.replace(response, body=body))  # raises it without them
