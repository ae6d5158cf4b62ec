"""What a recipe does on its way to its last operation, and which steps were paid for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol, TypeVar

import msgspec

from akool_async.clock import sleep
from akool_async.engine import DEFAULT, Engine, JobOptions, JobRecord
from akool_async.engine.state import CREATING, UNSENT
from akool_async.errors import AkoolError, TransportError
from akool_async.job import Job
from akool_async.protocol.endpoint import Endpoint, Operation, Startable
from akool_async.protocol.snapshot import Snapshot

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 10.0
"""Seconds between two requests while nothing can be reached."""

T = TypeVar("T")
S = TypeVar("S", bound=Snapshot)


class Starter(Protocol):
    """What starts the job of a paid step."""

    def start(self, request: Startable[S], options: JobOptions) -> JobRecord[S]:
        """Start a job, or return the one that has its key."""
        ...


class RecipeSteps:
    """The steps of one recipe's job.

    Args:
        starter: Starts paid steps.
        engine: Runs them.
        call: Sends a query or command.
        record: The recipe's job.
    """

    def __init__(
        self,
        starter: Starter,
        engine: Engine,
        call: Callable[[Endpoint[Any]], Any],
        record: JobRecord[Any],
    ) -> None:
        self._starter = starter
        self._engine = engine
        self._call = call
        self._record = record
        self._options = record.options
        self._count = 0

    def next_options(self) -> JobOptions:
        """Return how the next paid step is to be run.

        Under a key, a step is told from others by the recipe's request and its place in the
        recipe, not by its own request: detection finds the same faces under other addresses.
        """
        self._count += 1
        options = self._options
        if options.key is None:
            return options
        return msgspec.structs.replace(
            options,
            row_key=f"{options.key}/{self._count}",
            fingerprint=f"{options.fingerprint}/{self._count}",
        )

    async def call(self, endpoint: Endpoint[T], /) -> T:
        """Send a query or command; again after an outage, where jobs wait for its end."""
        hold, pause = self._engine.hold, _FIRST_PAUSE
        while True:
            try:
                reply: T = await self._call(endpoint)
            except TransportError as error:
                if not hold.waits_out(error):
                    raise
            else:
                return reply
            hold.unreachable = True
            await sleep(self._engine.clock, pause)
            pause = min(_LONGEST_PAUSE, 2 * pause)

    async def run(self, operation: Operation[S], /) -> S:
        """Run a paid step to its result."""
        options = msgspec.structs.replace(self.next_options(), timeout=DEFAULT)
        record = self._starter.start(operation, options)
        job = Job(record, self._engine)
        try:
            await job.created()
        except asyncio.CancelledError:
            await self._let_go(job, record)
            raise
        finally:
            if job.id is not None:
                self._record.steps += (job.token,)
        return await job

    async def _let_go(self, job: Job[Any], record: JobRecord[Any]) -> None:
        """Drop a step that was not sent; wait for the id of one that was."""
        if record.state in UNSENT:
            await job.cancel()
        elif record.state is CREATING:
            self._engine.cancelling.add(record)  # it is not sent again, as after an outage
        with suppress(AkoolError):
            await job.created()
        record.awaited = False
