"""What every client offers, whoever the vendor is: calls, jobs, and one runtime per loop."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Self, TypeVar, cast, overload
from urllib.parse import urlsplit

import msgspec

from akool_async.client.events import Hook, Observer, hooks_of
from akool_async.client.stats import Stats, stats_of, together
from akool_async.clock import Clock, LoopClock, bound
from akool_async.engine import (
    Engine,
    Flight,
    Limits,
    Phase,
    Policies,
    Semaphore,
    Treasury,
)
from akool_async.errors import AkoolError, InvalidInput, InvalidToken
from akool_async.http.auth import Credentials, Signer
from akool_async.http.exchange import Exchange
from akool_async.http.retry import Retry
from akool_async.http.transport import AiohttpTransport, Timeout
from akool_async.job import Job
from akool_async.media import Policy, SessionDownloader, own_addresses
from akool_async.protocol import token as tokens
from akool_async.protocol.endpoint import Endpoint, Guess, Operation, Recipe, Startable
from akool_async.protocol.snapshot import Snapshot
from akool_async.protocol.value import Value
from akool_async.result import Link, Result
from akool_async.schedule.backoff import Backoff
from akool_async.schedule.experience import Experience

if TYPE_CHECKING:
    import aiohttp

    from akool_async.client.map import Request, Requests
    from akool_async.client.saving import Saver
    from akool_async.engine.ledger import Ledger
    from akool_async.http.proxy import Proxy
    from akool_async.journal import Entry, Journal
    from akool_async.schedule.learner import Learner, Schedule

logger = logging.getLogger("akool_async")

T = TypeVar("T")
S = TypeVar("S", bound=Snapshot)

JOB_TIMEOUT: Final = 4 * 3600.0
"""Seconds; Akool's own message speaks of three hours."""

LARGEST_DOWNLOAD: Final = 4 * 2**30
"""Bytes."""

_SAVING_TIME: Final = 600.0
"""Seconds that closing a client waits, at most, until what has completed is saved, too."""


class _Default:
    """The type of `DEFAULT`."""

    def __repr__(self) -> str:
        return "<the client's>"


DEFAULT: Final = _Default()
"""Stands for the client's own setting, where `None` means something else."""


class Client:
    """Calls endpoints and runs jobs; a vendor's own client adds names to it."""

    requests_in: ClassVar[str] = "akool_async.endpoints"
    """The module in which the classes of requests are found."""

    def __init__(
        self,
        credentials: Credentials,
        hosts: Mapping[str, str],
        *,
        max_concurrency: int,
        timeout: float | Timeout,
        job_timeout: float | Mapping[str, float | None] | None,
        retry: Retry | None,
        backoff: Backoff | Mapping[str, Backoff] | None,
        limits: Limits | Mapping[str, int] | None,
        session: aiohttp.ClientSession | None,
        clock: Clock | None,
        schedule: Schedule | None = None,
        semaphore: Semaphore | None = None,
        on_event: Hook | Sequence[Hook] = (),
        journal: str | os.PathLike[str] | Journal | None = None,
        on_credit: Literal["raise", "pause"] = "raise",
        save_to: str | os.PathLike[str] | None = None,
        allow_private_downloads: bool = False,
        max_download_bytes: int = LARGEST_DOWNLOAD,
        proxy: str | None = None,
        trust_env: bool = False,
    ) -> None:
        self._credentials = credentials
        self._hosts = hosts
        self._max_concurrency = _checked_count("max_concurrency", max_concurrency)
        self._timeout = timeout if isinstance(timeout, Timeout) else Timeout(total=timeout)
        self._job_timeout = self._checked_job_timeout(job_timeout)
        self._retry = retry or Retry()
        self._backoff = backoff
        self._limits = limits if isinstance(limits, Limits) else Limits(operations=limits or {})
        self._semaphore = semaphore
        self._experience = Experience(hosts["api"], schedule, self._limits.batch)
        self._session = session
        self._proxies: Mapping[str, Proxy] = {}
        if proxy is not None or trust_env:
            from akool_async.http.proxy import find_proxies

            self._proxies = find_proxies(hosts.values(), proxy, trust_env=trust_env)
        self._clock = clock or LoopClock()
        self._requests: Counter[str] = Counter()
        self._runtimes: dict[asyncio.AbstractEventLoop, Runtime] = {}
        self._closing: list[Runtime] = []
        self._past = Stats()
        self._closed = False
        self._journal = journal
        self._ledger = self._new_ledger()
        if on_credit not in {"raise", "pause"}:
            raise InvalidInput("on_credit", on_credit, 'must be "raise" or "pause"')
        self._on_credit = on_credit
        self._save_to = save_to
        self._downloads = Policy(
            allow_private=allow_private_downloads,
            own=own_addresses(hosts["api"]),
            largest=_checked_count("max_download_bytes", max_download_bytes),
        )
        self._hooks = hooks_of(on_event, self)

    @property
    def operations(self) -> Mapping[str, type[Operation[Any]]]:
        """The operations whose jobs can be resumed by token, by dotted name."""
        return {}

    def _new_ledger(self) -> Ledger | None:
        if self._journal is None:
            return None
        # With SQLite, which few clients need.
        from akool_async.engine.ledger import Ledger
        from akool_async.journal import Journal

        given = self._journal
        return Ledger(given if isinstance(given, Journal) else Journal(given))

    def _own_journal(self) -> Journal | None:
        """Return the journal that this client has opened itself, and closes."""
        journal = None if self._ledger is None else self._ledger.journal
        return None if journal is self._journal else journal

    def __repr__(self) -> str:
        if not hasattr(self, "_hosts"):  # a traceback shows a client that a setting stopped
            return f"<{type(self).__name__}, not made>"
        return f"<{type(self).__name__} {self._hosts['api']}, {self._credentials.kind}>"

    async def __aenter__(self) -> Self:
        if self._closed and self._own_journal() is not None:
            self._ledger = self._new_ledger()
        self._closed = False
        self._runtime("async with")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self, grace: float = 5.0) -> None:
        """End all jobs and let go of all connections; the client may be entered again.

        Jobs end with `ClientClosed`; those that Akool has accepted go on there, and their
        tokens still work. Creates already sent are awaited first. With `save_to`, so are the
        saves of what has completed: for ten minutes at most, whatever `grace` is.

        Args:
            grace: Seconds to wait for the answers to creates; without one such a job ends
                with `CreateOutcomeUnknown`.
        """
        self._closed = True
        runtime = self._runtimes.pop(asyncio.get_running_loop(), None)
        try:
            if runtime is not None:
                self._closing.append(runtime)
                try:
                    await runtime.close(grace)
                finally:
                    self._closing.remove(runtime)
                    self._past = together(self._past, runtime.stats.past)
            self._experience.remember()
        finally:
            own = self._own_journal()
            if own is not None:
                await own.close()

    async def call(self, endpoint: Endpoint[T], /) -> T:
        """Send a query or command and return what its reply means.

        Raises:
            APIError: Akool said no.
            TransportError: no usable answer came.
            TypeError: it is an operation; those are submitted.
        """
        if isinstance(endpoint, Operation):
            raise TypeError(f"{endpoint.label} starts a job: use akool.submit()")
        endpoint = endpoint.filled_in(lambda: self._credentials.pair)
        runtime = self._runtime(endpoint.label)
        reply = await runtime.exchange.send(endpoint)
        return cast("T", self._with_links(reply, runtime.downloader))

    def _with_links(self, reply: Any, downloader: SessionDownloader) -> Any:
        """Give results that were looked up what those of jobs have."""
        if isinstance(reply, tuple):
            return tuple(self._with_links(each, downloader) for each in cast("Any", reply))
        return self._linked(reply, downloader)

    def submit(
        self,
        request: Startable[S],
        /,
        *,
        key: str | None = None,
        timeout: float | _Default | None = DEFAULT,
        priority: int = 0,
        retry_failed: bool = False,
    ) -> Job[S]:
        """Start a job; returns at once, and the job runs whether awaited or not.

        Args:
            request: An operation, such as `ImageReage(...)`, or a recipe of several steps.
            key: One key is one create, also after a crash. Needs a journal.
            timeout: Seconds from acceptance to the end of the job, `None` for no end.
            priority: Among jobs that wait for a place, higher goes first.
            retry_failed: Whether a key whose job failed may be sent, and paid for, again.

        Raises:
            RuntimeError: no event loop runs here, or the client is closed.
            ValueError: a key was given, and the client has no journal.
            KeyConflict: the key belongs to another request.
        """
        _check_startable(request)
        runtime = self._runtime(type(request).__name__)
        flight = self._submitted(
            runtime, request, key, timeout=timeout, priority=priority, retry_failed=retry_failed
        )
        return Job(flight, runtime.engine)

    def _submitted(
        self,
        runtime: Runtime,
        request: Startable[S],
        key: str | None = None,
        *,
        timeout: float | _Default | None = DEFAULT,
        priority: int = 0,
        retry_failed: bool = False,
        of_stream: bool = False,
    ) -> Flight[S]:
        seconds = timeout if isinstance(timeout, _Default) else _checked_seconds("timeout", timeout)
        if key is None and isinstance(request, Operation):
            return _submitted(runtime, request, seconds, priority, of_stream=of_stream)
        order = _Order(
            key=key,
            payload="" if key is None else self._payload_of(request),
            timeout=seconds,
            priority=priority,
            retry_failed=retry_failed,
            of_stream=of_stream,
        )
        return self._started(runtime, request, order)

    def _payload_of(self, request: Startable[Any]) -> str:
        """Return what tells a request from others under its key."""
        if self._ledger is None:
            raise ValueError("key= needs a journal: Akool(journal=...)")
        from akool_async.engine.ledger import request_fingerprint

        return request_fingerprint(request)

    def _started(self, runtime: Runtime, request: Startable[Any], order: _Order) -> Flight[Any]:
        """Start a job, or return the one that this process runs under the same key."""
        live = self._live(order)
        if live is not None:
            return live
        flight = runtime.engine.flight(request, request.label)
        if isinstance(request, Recipe):
            self._track(flight, order)
            runtime.engine.prepare(flight, self._take_steps(runtime, flight, request, order))
            return flight
        return self._launch(runtime, flight, request, order)

    def _live(self, order: _Order) -> Flight[Any] | None:
        """Return the job that this process runs under a key, or has run to its end."""
        if self._ledger is None or order.key is None:
            return None
        return self._ledger.running(order.key, order.payload, retry_failed=order.retry_failed)

    def _track(self, flight: Flight[Any], order: _Order) -> None:
        if self._ledger is not None and order.key is not None:
            self._ledger.track(flight, order.key, order.payload)

    async def _take_steps(
        self, runtime: Runtime, flight: Flight[Any], recipe: Recipe[Any], order: _Order
    ) -> None:
        """Take a recipe's steps, and launch the operation that they lead to."""
        steps = _Steps(self, runtime, flight, order)
        operation = await recipe.prepare(steps)
        if flight.ended:
            return
        last = steps.next_order()
        live = self._live(last)
        launched = live or self._launch(runtime, flight, operation, last)
        if launched is not flight:  # such as one that `recover()` gave back before
            runtime.engine.follow(flight, launched)

    def _launch(
        self, runtime: Runtime, flight: Flight[Any], request: Operation[Any], order: _Order
    ) -> Flight[Any]:
        """Queue a job, unless the journal knows of an earlier one under its key."""
        flight = _bound(runtime, request, order.timeout, flight)
        known: Flight[Any] | Entry | None = None
        if self._ledger is not None and order.key is not None:
            known = self._ledger.earlier(order.key, order.payload, retry_failed=order.retry_failed)
        self._track(flight, order)
        if isinstance(known, Flight):
            return self._watched_on(runtime, flight, known)
        if known is not None:
            return self._restored(runtime, flight, known)
        runtime.engine.submit(flight, priority=order.priority, of_stream=order.of_stream)
        return flight

    def _restored(self, runtime: Runtime, flight: Flight[Any], entry: Entry) -> Flight[Any]:
        assert self._ledger is not None
        if not entry.state.finished or (entry.unsaved and self._save_to is not None):
            self._ledger.track_row(flight, entry)
        else:
            flight.spared = True
        from akool_async.client.restoring import restore

        restored = restore(entry, flight, runtime.engine)
        if restored is not flight:  # it is watched already, by its token
            self._ledger.track_row(restored, entry)
        return restored

    def _watched_on(self, runtime: Runtime, flight: Flight[Any], ended: Flight[Any]) -> Flight[Any]:
        """Watch a job on whose watch has ended, though Akool still has it."""
        assert self._ledger is not None
        assert ended.token is not None
        self._ledger.take_over(flight, ended)
        return runtime.engine.resume(flight, tokens.read(ended.token))

    async def recover(self) -> AsyncGenerator[Job[Any], None]:
        """Yield every job that an earlier process did not bring to an end, and watch it on.

        Those whose create was sent, but whose answer was never written down, have ended
        already, as `CreateOutcomeUnknown`: they are not sent again. `akool journal resolve`
        decides about them. With `save_to`, results that were complete but not saved are
        saved too.

        Raises:
            ValueError: the client has no journal.
        """
        if self._ledger is None:
            raise ValueError("recover() needs a journal: Akool(journal=...)")
        runtime = self._runtime("recover()")
        for entry in self._ledger.unfinished():
            operation = self.operations.get(entry.name)
            if operation is None:
                logger.warning("the journal's row %d is of no known operation", entry.number)
                continue
            flight = _flight_of(runtime, entry, operation)
            yield Job(self._restored(runtime, flight, entry), runtime.engine)
        for entry in self._ledger.unsaved() if self._save_to is not None else ():
            operation = self.operations.get(entry.name)
            if operation is not None:
                self._restored(runtime, _flight_of(runtime, entry, operation), entry)
            await asyncio.sleep(0)  # there may be many, and others have work to do

    def resume(self) -> None:
        """Create jobs again that wait for credit, where `on_credit` is "pause"."""
        self._runtime("resume()").engine.go_on()

    def map(
        self, requests: Requests[S], /, *, ordered: bool = False
    ) -> AsyncGenerator[Job[S], None]:
        """Run a stream of requests; yield each job once it has ended.

        The stream is read lazily, a little ahead of what runs, and no job costs a task.
        Leaving the iteration early drops what is queued; what was sent is watched on. Once a
        job is refused as all others would be, for want of credit say, those that follow in the
        stream end so too, unsent but for one each minute, which asks whether that is over.

        Args:
            requests: Requests, or pairs of key and request, from any iterable or async
                iterable.
            ordered: Yield in the order of the requests, not as the jobs end.
        """
        from akool_async.client.map import run_all

        runtime = self._runtime("map()")

        def submit(request: Request[S]) -> Flight[S]:
            if runtime.closed:
                raise RuntimeError("the client is closed")
            if isinstance(request, Operation):
                return _submitted(runtime, request, of_stream=True)
            if not isinstance(cast("Any", request), tuple):
                _check_startable(request)
                return self._submitted(runtime, cast("Any", request), of_stream=True)
            key, operation = request
            _check_startable(operation)
            return self._submitted(runtime, operation, key, of_stream=True)

        ahead = 2 * self._max_concurrency
        return run_all(requests, submit, runtime.engine, ordered=ordered, ahead=ahead)

    @overload
    def job(self, token: str, operation: type[Operation[S]]) -> Job[S]: ...
    @overload
    def job(self, token: str) -> Job[Any]: ...
    def job(self, token: str, operation: type[Operation[Any]] | None = None) -> Job[Any]:
        """Watch a job on, in any process, by its token.

        Args:
            token: A job's `.token`, or an error's.
            operation: The class of its request, for the type of its result.

        Raises:
            InvalidToken: it is no token, or not one of that operation; no request is made.
        """
        reference = tokens.read(token)
        cls = self.operations.get(reference.name)
        if cls is None:
            raise InvalidToken(f"the token is for {reference.name}, which is no operation")
        if operation is not None and operation is not cls:
            raise InvalidToken(f"the token is for {cls.__name__}, not {operation.__name__}")
        runtime = self._runtime("akool.job(token)")
        flight = runtime.engine.flight(cls, reference.name)
        return Job(runtime.engine.resume(flight, reference), runtime.engine)

    @property
    def stats(self) -> Stats:
        """What the client has done so far, in all event loops, and is doing now, in this one.

        Where no loop runs, such as in another thread, it is what it is doing in all of them.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return self._figures()
        return self._figures(loop)

    def _figures(self, loop: asyncio.AbstractEventLoop | None = None) -> Stats:
        """Return the figures of all loops; with a loop, of the others no more than their past."""
        figures = Stats(requests=dict(self._requests), places=self._max_concurrency)
        parts = [self._past, *(runtime.stats for runtime in tuple(self._closing))]
        for known, runtime in tuple(self._runtimes.items()):
            here = loop is None or known is loop
            parts.append(runtime.stats if here else runtime.stats.past)
        return functools.reduce(together, parts, figures)

    def _timeout_of(self, name: str) -> float | None:
        if isinstance(self._job_timeout, Mapping):
            return self._job_timeout.get(name, JOB_TIMEOUT)
        return self._job_timeout

    def _runtime(self, purpose: str) -> Runtime:
        """Return what belongs to the running loop; made at the first use."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        if loop is None:
            hint = ""
            if purpose.isidentifier():
                hint = f"; build {self.requests_in}.{purpose}(...) here, and submit it inside one"
            raise RuntimeError(f"no event loop is running, and {purpose} needs one{hint}")
        if self._closed:
            raise RuntimeError("the client is closed; enter it again with `async with`")
        self._experience.journal = None if self._ledger is None else self._ledger.journal
        if loop not in self._runtimes or self._runtimes[loop].closed:
            self._forget_closed(loop)
            self._runtimes[loop] = self._new_runtime()
        return self._runtimes[loop]

    def _forget_closed(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let go of what belongs to loops that are over, and of this one's if that is closed."""
        kept: dict[asyncio.AbstractEventLoop, Runtime] = {}
        for known, runtime in self._runtimes.items():
            if known is loop or known.is_closed():
                self._past = together(self._past, runtime.stats.past)
            else:
                kept[known] = runtime
        self._runtimes = kept

    def _new_runtime(self) -> Runtime:
        downloader = SessionDownloader(
            self._limits.downloads, self._downloads, self._retry, self._clock
        )

        def job_of(flight: Flight[Any]) -> Job[Any]:
            return Job(flight, engine)

        clock = bound(self._clock)
        observe = Observer(clock, job_of, self._hooks)
        saver = self._new_saver(observe)
        furnish = functools.partial(self._furnished, downloader=downloader, saver=saver)
        exchange = Exchange(
            AiohttpTransport(self._timeout, self._session, proxies=self._proxies),
            Signer(self._credentials, self._exchange_token, clock),
            hosts=self._hosts,
            retry=self._retry,
            clock=clock,
            requests=self._requests,
        )
        engine = Engine(
            exchange,
            Policies(
                places=self._max_concurrency,
                limits=self._limits,
                timeout=self._timeout_of,
                schedule=self._schedule_of,
                cap=self._experience.cap,
                furnish=furnish,
                handle=Job,
                semaphore=self._semaphore,
                observer=observe,
            ),
            clock=clock,
            ledger=self._ledger,
            treasury=Treasury(clock, self._credit if self._on_credit == "pause" else None),
        )
        return Runtime(exchange, engine, downloader, saver)

    def _schedule_of(self, operation: str, family: str, guess: Guess | None) -> Backoff | Learner:
        """Return when an operation's jobs are looked at: as the user says, else as is learned."""
        plain = self._backoff
        if isinstance(plain, Mapping):
            plain = plain.get(family)
        return plain or self._experience.learner(operation, guess)

    def _new_saver(self, observe: Observer) -> Saver | None:
        if self._save_to is None:
            return None
        from akool_async.client.saving import Saver

        at_once = self._limits.downloads
        return Saver(
            self._save_to,
            at_once=at_once,
            clock=self._clock,
            ledger=self._ledger,
            observe=observe,
        )

    def _furnished(
        self, flight: Flight[Any], result: Any, downloader: SessionDownloader, saver: Saver | None
    ) -> Any:
        """Return a job's result as the user gets it; begin to save it, where that is wanted."""
        linked = self._linked(result, downloader, flight)
        if self._ledger is not None:
            self._experience.noted(flight.name)
        if saver is not None and isinstance(linked, Result):
            saver.add(flight, linked)
        return linked

    def _linked(
        self, result: Any, downloader: SessionDownloader, flight: Flight[Any] | None = None
    ) -> Any:
        """Give a result what it needs to be saved, and to start jobs from."""
        if not isinstance(result, Result):
            return result
        link = Link(downloader, self)
        if flight is not None:
            link.operation, link.job_id = flight.kind.name, result.job_id
            link.accepted_at = flight.kind.epoch + flight.accepted_at
        return result.linked(link)

    async def _credit(self) -> float:
        """Return what the account has left; asked for while jobs wait for credit."""
        raise NotImplementedError

    async def _exchange_token(self) -> str:
        """Return a fresh bearer token, where the vendor has such."""
        raise NotImplementedError

    def _checked_job_timeout(
        self, value: float | Mapping[str, float | None] | None
    ) -> float | Mapping[str, float | None] | None:
        if not isinstance(value, Mapping):
            return _checked_seconds("job_timeout", value)
        for name in value:
            if name not in self.operations:
                raise InvalidInput(f"job_timeout[{name!r}]", name, "is no operation")
        return {
            name: _checked_seconds(f"job_timeout[{name!r}]", each) for name, each in value.items()
        }


class _Order(Value):
    """How a request shall be run."""

    key: str | None
    payload: str
    """What tells its request from others under the same key."""
    timeout: Any
    """Seconds, `None`, or `DEFAULT`."""
    priority: int
    retry_failed: bool
    of_stream: bool = False
    """Whether it comes from `map()`."""


class _Steps:
    """What a recipe does on its way, and what of it was paid for."""

    def __init__(
        self, client: Client, runtime: Runtime, flight: Flight[Any], order: _Order
    ) -> None:
        self._client = client
        self._runtime = runtime
        self._flight = flight
        self._order = order
        self._count = 0

    def next_order(self) -> _Order:
        """Return how the next paid step shall be run.

        Under a key, a step is told by the recipe and its place in it, not by its own request:
        looking for faces again finds the same ones under other addresses.
        """
        self._count += 1
        if self._order.key is None:
            return self._order
        key, payload = (f"{each}/{self._count}" for each in (self._order.key, self._order.payload))
        return msgspec.structs.replace(self._order, key=key, payload=payload)

    async def call(self, endpoint: Endpoint[T], /) -> T:
        """Send a query or command."""
        return await self._client.call(endpoint)

    async def run(self, operation: Operation[S], /) -> S:
        """Run a paid step to its result."""
        order = msgspec.structs.replace(self.next_order(), timeout=DEFAULT)
        flight: Flight[S] = self._client._started(self._runtime, operation, order)
        job = Job(flight, self._runtime.engine)
        try:
            await job.created()
        except asyncio.CancelledError:
            await self._let_go(job, flight)
            raise
        finally:
            if job.id is not None:
                self._flight.steps += (job.token,)
        return await job

    async def _let_go(self, job: Job[Any], flight: Flight[Any]) -> None:
        """Drop a step that was not sent; wait for the id of one that was."""
        if flight.phase is Phase.QUEUED:
            await job.cancel()
        with suppress(AkoolError):
            await job.created()
        flight.looked_for = False


class Runtime:
    """What one event loop has of a client."""

    def __init__(
        self,
        exchange: Exchange,
        engine: Engine,
        downloader: SessionDownloader,
        saver: Saver | None,
    ) -> None:
        self.exchange = exchange
        self.engine = engine
        self.saver = saver
        self.downloader = downloader
        self.closed = False
        # The loop finishes asynchronous generators before it ends, so a client that is
        # never closed, in a script's asyncio.run(), still leaves nothing open.
        self._guard = self._close_with_loop()
        with_first_step(self._guard)

    @property
    def stats(self) -> Stats:
        """What this loop has of the client's figures."""
        return stats_of(self.engine, self.exchange)

    async def close(self, grace: float) -> None:
        """End all jobs and close all connections."""
        try:
            await self._close(grace, _SAVING_TIME)
        finally:
            await self._guard.aclose()

    async def _close(self, grace: float, saving_time: float) -> None:
        if self.closed:
            return
        self.closed = True
        async with AsyncExitStack() as rest:
            rest.push_async_callback(self.exchange.close)
            rest.push_async_callback(self.downloader.close)
            if self.saver is not None:  # once more, for who is cancelled on the way there
                rest.push_async_callback(self.saver.close, 0.0)
            await self.engine.close(grace)
            if self.saver is not None:
                await self.saver.close(saving_time)

    async def _close_with_loop(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            await self._close(grace=0.0, saving_time=0.0)


def _submitted(
    runtime: Runtime,
    request: Operation[S],
    timeout: float | _Default | None = DEFAULT,
    priority: int = 0,
    *,
    of_stream: bool = False,
) -> Flight[S]:
    flight: Flight[S] = _bound(runtime, request, timeout)
    runtime.engine.submit(flight, priority=priority, of_stream=of_stream)
    return flight


def _check_startable(request: object) -> None:
    if not isinstance(request, Operation | Recipe):
        raise TypeError(f"a job is started by an operation, not by {type(request).__name__}")


def _bound(
    runtime: Runtime,
    request: Operation[Any],
    timeout: float | _Default | None,
    flight: Flight[Any] | None = None,
) -> Flight[Any]:
    """Return a request's job; that of a recipe has waited for its request until now."""
    if flight is None:
        flight = runtime.engine.flight(request, request.label, request)
    else:
        flight.kind, flight.request = runtime.engine.kind(request, request.label), request
    if not isinstance(timeout, _Default):
        flight.own_timeout = timeout
    return flight


def _flight_of(runtime: Runtime, entry: Entry, operation: type[Operation[Any]]) -> Flight[Any]:
    from akool_async.client.restoring import request_of

    return runtime.engine.flight(operation, entry.name, request_of(entry, operation))


def with_first_step(generator: AsyncGenerator[None, None]) -> None:
    """Run an asynchronous generator up to its first `yield`, which must not wait."""
    with suppress(StopIteration):
        generator.__anext__().send(None)


def _checked_count(field: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidInput(field, value, "must be a whole number of at least 1")
    return value


def _checked_seconds(field: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise InvalidInput(field, value, "must be more than 0 seconds, or None")
    return float(value)


def checked_url(field: str, url: str) -> str:
    """Return a scheme and host that credentials may be sent to.

    Raises:
        InvalidInput: it is something else, or not safe.
    """
    if "@" in url:  # whoever stands before it may have a password
        raise InvalidInput(field, "***", "must be a scheme and a host, without a user")
    parts = urlsplit(url)
    loopback = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if not parts.hostname or parts.scheme not in ({"https", "http"} if loopback else {"https"}):
        raise InvalidInput(field, url, "must be https, or http on loopback")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise InvalidInput(field, url, "must be a scheme and a host, and nothing else")
    return f"{parts.scheme}://{parts.netloc}"
