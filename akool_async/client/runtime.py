"""What one event loop has of a client: connections, engine, downloads."""

from __future__ import annotations

import asyncio
import atexit
import threading
import weakref
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any, Final

from akool_async.client.complaints import quieten
from akool_async.client.events import EventDispatcher
from akool_async.client.fresh import FreshAddress
from akool_async.client.links import ResultLinker
from akool_async.client.shared import Records, Shared, Vendor
from akool_async.client.stats import Stats, stats_of
from akool_async.client.submission import Submitter
from akool_async.client.uploading import FileSteps
from akool_async.clock import Clock, bound, running_loop
from akool_async.engine import CreditGuard, Engine, JobRecord, Policies
from akool_async.engine.calls import Calls
from akool_async.http.auth import Signer
from akool_async.http.exchange import Exchange
from akool_async.http.transport import AiohttpTransport
from akool_async.job import Job
from akool_async.media import SessionDownloader
from akool_async.observers import logger
from akool_async.protocol.endpoint import Startable
from akool_async.schedule.backoff import Backoff

if TYPE_CHECKING:
    from akool_async.client.delivery import Delivery
    from akool_async.client.finding import JobFinder
    from akool_async.client.keyed import KeyedJobs
    from akool_async.client.saving import Saver
    from akool_async.schedule.learner import Learner

CALL_TIME: Final = 10.0
"""Seconds. Closing a client waits at most so long until coroutine functions of the user return."""
SAVING_TIME: Final = 600.0
"""Seconds. Closing a client waits at most so long until completed results are saved, unless
`close()` is told another limit."""


class Runtime:
    """The connections and jobs of a client on one event loop.

    This is where all parts are put together.

    Args:
        shared: What all loops of the client share.
        vendor: What the vendor's own client does.
    """

    closed = True  # until all parts are there

    def __init__(self, shared: Shared, vendor: Vendor) -> None:
        self.loop = asyncio.get_running_loop()
        self.thread = threading.current_thread()
        configuration = shared.configuration
        clock = bound(configuration.clock)
        records = shared.records
        self._shared = shared
        self._vendor = vendor
        self.downloader = SessionDownloader(
            configuration.limits.downloads,
            configuration.downloads,
            configuration.retry,
            configuration.clock,
            configuration.all_proxies,
        )
        self._transport = AiohttpTransport(
            configuration.timeout, configuration.session, proxies=configuration.proxies
        )
        self.exchange = self._new_exchange(clock)
        self.calls = Calls(clock)
        dispatcher = EventDispatcher(clock, self.job, shared.hooks, self.calls)
        self.delivery = None if records is None else self._new_delivery(records)
        self.saver = self._new_saver(dispatcher)
        self.links = self._new_links()
        self.engine = self._new_engine(dispatcher, clock)
        self.files = FileSteps(self.engine, configuration, clock)
        self.keyed = None if records is None else self._new_keyed(records)
        self._finder: JobFinder | None = None
        self.submitter = Submitter(self.engine, vendor.call, self.keyed, self.files)
        self.closed = self.retired = False
        if self.delivery is not None and self.keyed is not None:
            self.delivery.begin(self.keyed, self.engine, vendor.operations)
        # A loop finishes asynchronous generators: a client that nobody closes leaves nothing open.
        self._guard = self._close_with_loop()
        with_first_step(self._guard)
        unclosed.add(self)

    def _new_exchange(self, clock: Clock) -> Exchange:
        shared, configuration = self._shared, self._shared.configuration
        return Exchange(
            self._transport,
            Signer(shared.credentials, self._vendor.exchange_token, clock),
            hosts=configuration.hosts,
            retry=configuration.retry,
            clock=clock,
            requests=shared.requests,
        )

    def _new_links(self) -> ResultLinker:
        shared, vendor = self._shared, self._vendor
        return ResultLinker(
            vendor,
            self.downloader,
            FreshAddress(vendor.call, self.exchange, vendor.operations),
            saver=self.saver,
            # What is learned of durations is kept where there is a journal.
            note_ended=None if shared.records is None else shared.experience.note_ended,
        )

    def _new_engine(self, dispatcher: EventDispatcher, clock: Clock) -> Engine:
        shared, configuration = self._shared, self._shared.configuration
        policies = Policies(
            room=shared.room,
            limits=configuration.limits,
            timeout=configuration.job_timeout,
            schedule=self._schedule_of,
            batch_size=shared.experience.batch_size,
            finish_result=self.links.finish,
            handle=self.job,
            arms=configuration.webhook_url is not None,
            patience=configuration.webhook_patience,
            places=configuration.places,
            creates=shared.creates,
            waits_for_host=configuration.waits_for_host,
            deliver=self.delivery,
            listener=dispatcher,
        )
        credit = self._vendor.credit if configuration.waits_for_credit else None
        return Engine(
            self.exchange,
            policies,
            clock=clock,
            recorder=None if shared.records is None else shared.records.recorder,
            addresses=shared.addresses,
            calls=self.calls,
            guard=CreditGuard(clock, credit),
        )

    def _new_saver(self, dispatcher: EventDispatcher) -> Saver | None:
        configuration, records = self._shared.configuration, self._shared.records
        if configuration.save_to is None:
            return None
        from akool_async.client.saving import Saver
        from akool_async.client.taking_back import backlog_of

        recorder = None if records is None else records.recorder
        return Saver(
            configuration.save_to,
            at_once=configuration.limits.downloads,
            clock=configuration.clock,
            recorder=recorder,
            report=dispatcher,
            backlog=backlog_of(self, self._vendor, recorder),
        )

    def _new_delivery(self, records: Records) -> Delivery | None:
        on_end = self._shared.configuration.on_end
        if on_end is None:
            return None
        from akool_async.client.delivery import Delivery

        return Delivery(on_end, self.calls, records.recorder, self.job)

    @property
    def finder(self) -> JobFinder:
        """What finds jobs by key; made at the first use, and only where there is a journal."""
        if self._finder is None:
            from akool_async.client.finding import JobFinder

            records, keyed = self._shared.records, self.keyed
            assert records is not None
            assert keyed is not None
            self._finder = JobFinder(records.store, records.keys, self.engine, keyed)
        return self._finder

    def _new_keyed(self, records: Records) -> KeyedJobs:
        from akool_async.client.keyed import KeyedJobs

        return KeyedJobs(
            records.store,
            records.keys,
            records.recorder,
            self.engine,
            saver=self.saver,
            queue=self.files.queue,
        )

    def job(self, record: JobRecord[Any]) -> Job[Any]:
        """Return the user's handle on a record."""
        return Job(record, self.engine)

    @property
    def stats(self) -> Stats:
        """This loop's part of the client's figures."""
        return stats_of(self.engine, 0 if self.saver is None else self.saver.left, self.files)

    def _schedule_of(
        self, startable: Startable[Any] | type[Startable[Any]], name: str
    ) -> Backoff | Learner:
        """Return when an operation's jobs are polled: as the user says, else as is learned."""
        fixed = self._shared.configuration.backoff(startable.family.name)
        return fixed or self._shared.experience.learner(name, startable.family.usual_of(startable))

    # The end

    async def close(self, grace: float, saving: float | None) -> None:
        """End all jobs and close all connections; `saving` of `None` is `SAVING_TIME`."""
        try:
            await self._close(grace, SAVING_TIME if saving is None else saving)
        finally:
            await self._guard.aclose()

    async def _close(self, grace: float, saving_time: float) -> None:
        if self.closed:
            return
        self.closed = True
        async with AsyncExitStack() as rest:
            rest.callback(self._retire)
            rest.push_async_callback(self.exchange.close)
            rest.push_async_callback(self.downloader.close)
            rest.push_async_callback(self.files.close)
            rest.push_async_callback(self._end_calls, 0.0)
            if self.saver is not None:  # once more, in case of a cancel on the way there
                rest.push_async_callback(self.saver.close, 0.0)
            if self.keyed is not None:
                rest.push_async_callback(self.keyed.close)
            if self._finder is not None:
                rest.push_async_callback(self._finder.close)
            await self.engine.close(grace)
            if self.saver is not None:
                await self.saver.close(saving_time)
            await self._end_calls(min(CALL_TIME, saving_time))

    async def _end_calls(self, seconds: float) -> None:
        """Let hooks and `on_end` end; what `on_end` was not told of is left to the next client."""
        try:
            if self.delivery is not None:
                await asyncio.gather(*self.delivery.close(), return_exceptions=True)
            await self.calls.close(seconds)
        finally:
            if self.delivery is not None:
                self.delivery.let_go()

    def _retire(self) -> None:
        """Leave the figures to the client."""
        if not self.retired:
            self._shared.retire(self.stats.past)
            self.retired = True

    @property
    def idle(self) -> bool:
        """Whether no job has still to end, and no result to be saved."""
        saved = self.saver is None or not self.saver.left
        return saved and not self.calls.left and next(self.engine.records(), None) is None

    def let_go(self, *, tell: bool) -> None:
        """End without the loop, which is over, or was dropped.

        What is left of it is freed by the garbage collector, without a word of asyncio or aiohttp:
        their lines would name neither the client nor what to do.

        Args:
            tell: Whether the log says, once for a client, that nobody has closed it.
        """
        elsewhere = self.loop.is_running() and self.loop is not running_loop()
        if self.closed or elsewhere:
            return
        self.closed = True
        quieten(self.loop, [*self._transport.own_sessions, *self.downloader.own_sessions])
        with suppress(StopIteration):  # it is closed already, so there is nothing to wait for
            self._guard.aclose().send(None)
        self._retire()
        if tell and not self._shared.told_unclosed:
            self._shared.told_unclosed = True
            left = sum(1 for _ in self.engine.records())
            jobs = f"; jobs left, which go on if they were accepted: {left}" if left else ""
            name = type(self._vendor.client).__name__
            hint = "use `async with`, or `await akool.close()`"
            logger.warning("%s was not closed: %s%s", name, hint, jobs)

    def __del__(self) -> None:
        self.let_go(tell=True)

    async def _close_with_loop(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            await self._close(grace=0.0, saving_time=0.0)


unclosed: weakref.WeakSet[Runtime] = weakref.WeakSet()


@atexit.register
def _let_go_at_exit() -> None:
    """End what the program has left open, while the log still works."""
    for runtime in tuple(unclosed):
        runtime.let_go(tell=True)


def with_first_step(generator: AsyncGenerator[None, None]) -> None:
    """Run an asynchronous generator up to its first `yield`, which must not wait."""
    with suppress(StopIteration):
        generator.__anext__().send(None)
