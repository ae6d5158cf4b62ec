"""One more look for the addresses of a result's media, which may live shorter than the media."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from akool_async.errors import AkoolError
from akool_async.http.exchange import Exchange
from akool_async.protocol.endpoint import Endpoint, Family, Operation
from akool_async.result import Result

logger = logging.getLogger("akool_async")


class FreshAddress:
    """Asks the vendor where a result's media is now.

    Args:
        call: Sends a query on the client.
        exchange: Sends it instead once the client is being closed, and its results are saved.
        operations: Returns the client's operations, by dotted name.
    """

    def __init__(
        self,
        call: Callable[[Endpoint[Any]], Awaitable[Any]],
        exchange: Exchange,
        operations: Callable[[], Mapping[str, type[Operation[Any]]]],
    ) -> None:
        self._call = call
        self._exchange = exchange
        self._operations = operations

    async def __call__(self, result: Result) -> Result | None:
        """Return the result with the addresses of now; `None` if nobody tells."""
        family = self._family_of(result)
        if family is None or not result.id:
            return None
        try:
            reply = await self._ask(family.lookup([result.id]))
        except (AkoolError, RuntimeError) as error:  # aiohttp raises the latter in another loop
            logger.debug("%s: no fresh address: %s", family.name, type(error).__name__)
            return None
        found = [each for each in family.observed(reply) if each.id in {result.id, ""}]
        return found[0].following(result) if found else None

    def _family_of(self, result: Result) -> Family[Any] | None:
        """Return the family of a result; `None` if several have such results."""
        operations = self._operations()
        own = None if result.link is None else operations.get(result.link.operation)
        if own is not None:
            return own.family
        families = (each.family for each in operations.values())
        fitting = {each.name: each for each in families if each.result is type(result)}
        return next(iter(fitting.values())) if len(fitting) == 1 else None

    async def _ask(self, lookup: Endpoint[Any]) -> Any:
        try:
            return await self._call(lookup)
        except RuntimeError:  # the client is closed, or about to be
            pass
        return await self._exchange.once(lookup)
