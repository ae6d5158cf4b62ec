"""One endpoint, one reply: sign, send, decode; and repeat what may be repeated."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

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
from akool_async.protocol.endpoint import Endpoint

T = TypeVar("T")

_TOKEN_REJECTED = 1101

logger = logging.getLogger("akool_async")


class Exchange:
    """The road that every request of a client takes, from value to value."""

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
        self._retry = retry
        self._clock = clock
        self._requests = requests
        self._budget = Budget()
        self.retries = 0
        """How many requests have repeated one that had failed."""
        self.creates = Pace("creates", clock)
        """How fast jobs may be created."""
        self.reads = Pace("requests other than creates", clock)
        """How fast everything else may be sent."""

    async def send(self, endpoint: Endpoint[T], delivery: Delivery | None = None) -> T:
        """Send an endpoint, again where that is safe, and return what the reply means.

        Raises:
            APIError: Akool said no.
            TransportError: no usable answer came.
        """
        delivery = Delivery() if delivery is None else delivery
        attempt = 0
        while True:
            attempt += 1
            try:
                reply = await self.once(endpoint, delivery)
            except AkoolError as error:
                delay = self._retry.delay(error, attempt, repeatable=endpoint.repeatable)
                if delay is None or delivery.last or not self._may_repeat(error):
                    failure = error
                    break
                logger.debug("%s: %s; again in %.2f s", endpoint.label, type(error).__name__, delay)
            else:
                self._budget.give_back(retried=attempt > 1)
                return reply
            self.retries += 1
            delivery.sent = False  # it is known that nothing was started, or does not matter
            await sleep(self._clock, delay)
        if isinstance(failure, APIError | TransportError):
            failure.attempts = attempt
        raise failure

    def _may_repeat(self, error: AkoolError) -> bool:
        """Take the cost of a retry; what is refused for its frequency is slowed down instead."""
        return isinstance(error, RateLimited) or self._budget.spend()

    async def once(
        self, endpoint: Endpoint[T], delivery: Delivery | None = None, *, renewed: bool = False
    ) -> T:
        """Send an endpoint once; twice only where the token was refused and is renewed."""
        delivery = Delivery() if delivery is None else delivery
        header = None
        if endpoint.signed:
            header = self._signer.at_hand or await self._signer.header()
        label = endpoint.label
        pace = self.creates if endpoint.starts_job else self.reads
        turn = self._clock.time()
        if not pace.try_turn(turn):
            turn = await pace.turn()
        self._requests[label] += 1
        delivery.sent_at = turn
        try:
            response = await self._transport.send(
                self._hosts[endpoint.host], endpoint.encode(), header, delivery
            )
        except TransportError as error:
            error.endpoint = label
            raise
        try:
            return endpoint.decode(self._signer.censored(response, signed=endpoint.signed))
        except RateLimited as error:
            pace.refused(turn, self._retry.hold(error))
            raise
        except AuthenticationError as error:
            if header is None or renewed or error.code != _TOKEN_REJECTED:
                raise
            refusal = error
        delivery.sent = False  # a refused token means that nothing was started
        if not await self._signer.refresh(header[1]):
            raise refusal
        return await self.once(endpoint, delivery, renewed=True)

    async def close(self) -> None:
        """Let go of all connections."""
        await self._signer.close()
        await self._transport.close()
