"""What every client offers, of any vendor: calls, jobs, recovery, figures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast, overload

from akool_async.client.events import hooks_of
from akool_async.client.runtime import running_loop
from akool_async.client.runtimes import Runtimes
from akool_async.client.settings import Configuration, Settings
from akool_async.client.shared import Shared, Vendor
from akool_async.client.submission import (
    Submission,
    check_alone,
    check_key,
    check_startable,
    checked_options,
)
from akool_async.engine import DEFAULT, ClientDefault
from akool_async.errors import InvalidInput, InvalidToken
from akool_async.http.auth import Credentials
from akool_async.job import Job
from akool_async.protocol import token as tokens
from akool_async.protocol.cells import checked_number
from akool_async.protocol.endpoint import Endpoint, Operation, Startable
from akool_async.protocol.files import holds_files
from akool_async.protocol.snapshot import Snapshot

if TYPE_CHECKING:
    from akool_async.client.map import Items, Rows
    from akool_async.client.runtime import Runtime
    from akool_async.client.stats import Stats

T = TypeVar("T")
S = TypeVar("S", bound=Snapshot)


class Client:
    """Calls endpoints and runs jobs. A vendor's own client adds names to it.

    Args:
        credentials: What signs requests.
        hosts: Scheme and host of each part of the API, by its name; `api` is one of them.
        settings: What the user set.
    """

    requests_in: ClassVar[str] = "akool_async.endpoints"
    """The module in which the classes of requests are found."""

    def __init__(
        self, credentials: Credentials, hosts: Mapping[str, str], settings: Settings
    ) -> None:
        configuration = Configuration(settings, hosts, lambda: self.operations)
        self._shared = Shared(configuration, credentials)
        self._shared.open_records()
        self._runtimes = Runtimes(self._shared)
        self._shared.hooks = hooks_of(self._shared.configuration.on_event, self.figures)

    @property
    def operations(self) -> Mapping[str, type[Operation[Any]]]:
        """The operations whose jobs can be resumed by token, by dotted name."""
        return {}

    def __repr__(self) -> str:
        if not hasattr(self, "_shared"):  # a traceback shows a client that a setting stopped
            return f"<{type(self).__name__}, not made>"
        host, kind = self._shared.configuration.hosts["api"], self._shared.credentials.kind
        return f"<{type(self).__name__} {host}, {kind}>"

    # Opened and closed

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._runtimes.enter(loop)
        self._runtime("async with")
        self._runtimes.entered(loop)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._runtimes.left(asyncio.get_running_loop()):
            await self.close()

    async def close(self, grace: float = 5.0, saving: float | None = None) -> None:
        """End this event loop's jobs, close its connections; the client may be entered again.

        Other event loops that use the client go on. `async with` closes the client when the last
        of the blocks that were entered in this loop is left.

        Jobs end with `ClientClosed`. A job that Akool has accepted goes on there, and its token
        still works. Creates already sent are awaited first. With `save_to`, completed results
        are saved first. One that is not saved in time is named in the log; with a journal,
        `recover()` saves it in the next process.

        Args:
            grace: Seconds to wait for the answers to creates. A create without an answer ends
                as `CreateOutcomeUnknown`.
            saving: Seconds to wait, after that, until completed results are saved; ten minutes
                if not given.

        Raises:
            InvalidInput: `grace` or `saving` is no number.
        """
        rule = "must be a number of seconds"
        limit = None if saving is None else checked_number("saving", saving, rule)
        await self._runtimes.close(checked_number("grace", grace, rule), limit)

    def _runtime(self, purpose: str) -> Runtime:
        """Return the running loop's part of the client; made at the first use."""
        return self._runtimes.get(purpose, vendor=self._vendor, hint=self.requests_in)

    # Calls and jobs

    async def call(self, endpoint: Endpoint[T], /) -> T:
        """Send a query or command and return what its reply means.

        Raises:
            APIError: Akool said no.
            TransportError: no usable answer came.
            TypeError: it is an operation; those are submitted.
        """
        if isinstance(endpoint, Operation):
            raise TypeError(f"{endpoint.label} starts a job: use akool.submit()")
        endpoint = endpoint.filled_in(lambda: self._shared.credentials.pair)
        runtime = self._runtime(endpoint.label)
        if holds_files(endpoint):
            endpoint = await runtime.files.lane.sent(endpoint)
        return cast("T", runtime.attach(await runtime.exchange.send(endpoint)))

    def submit(
        self,
        request: Startable[S] | Submission[S],
        /,
        *,
        key: str | None = None,
        timeout: float | ClientDefault | None = DEFAULT,
        priority: int = 0,
        tag: object = None,
        retry_failed: bool = False,
    ) -> Job[S]:
        """Start a job; returns at once, and the job runs whether awaited or not.

        A key is looked up in the journal a moment later. A key that was used before gives the
        job that it was used for; a key of another request ends the job with `KeyConflict`.

        Args:
            request: An operation, such as `ImageReage(...)`, or a recipe of several steps; or a
                `Submission`, which brings the arguments below with it, and takes none beside it.
            key: One key is one create, also after a crash. Needs a journal.
            timeout: Seconds from acceptance to the end of the job, `None` for no end.
            priority: Among jobs that wait for a place, a higher priority goes first.
            tag: Anything of yours; `job.tag` returns it.
            retry_failed: Whether a key whose job failed may be sent, and paid for, again.

        Raises:
            RuntimeError: no event loop runs here, or the client is closed.
            TypeError: the request starts no job; or an argument stands beside a `Submission`.
            ValueError: a key was given, and the client has no journal; or it is no valid text.
        """
        if isinstance(request, Submission):
            check_alone(
                key=key, timeout=timeout, priority=priority, tag=tag, retry_failed=retry_failed
            )
        else:
            check_startable(request)
            request = Submission(
                request,
                key=key,
                timeout=timeout,
                priority=priority,
                tag=tag,
                retry_failed=retry_failed,
            )
        runtime = self._runtime(type(request.request).__name__)
        return Job(runtime.submitter.submit(request), runtime.engine)

    @overload
    def map(
        self,
        requests: Items[S],
        /,
        *,
        ordered: bool = False,
        timeout: float | ClientDefault | None = DEFAULT,
        priority: int = 0,
        retry_failed: bool = False,
    ) -> AsyncGenerator[Job[S], None]: ...
    @overload
    def map(
        self,
        requests: Rows,
        /,
        *,
        ordered: bool = False,
        timeout: float | ClientDefault | None = DEFAULT,
        priority: int = 0,
        retry_failed: bool = False,
    ) -> AsyncGenerator[Job[Any], None]: ...
    def map(
        self,
        requests: Any,
        /,
        *,
        ordered: bool = False,
        timeout: float | ClientDefault | None = DEFAULT,
        priority: int = 0,
        retry_failed: bool = False,
    ) -> AsyncGenerator[Job[Any], None]:
        """Run a stream of requests; yield each job once it has ended.

        The stream is read lazily, a little ahead of the jobs that run, and no job costs a task.
        Leaving the iteration early drops queued jobs; jobs that were sent are watched on. Once
        a job is refused as all others would be, such as for want of credit, the jobs that follow
        end unsent, but for one each minute, which asks whether the refusal is over.

        A row that cannot be sent is yielded as a job that has ended with its error, such as
        `InvalidInput` or `KeyConflict`; the rows after it go on. Data makes that possible for
        rows whose request cannot be built: a generator that raises is over. The exception of a
        generator is raised once the jobs of the rows before it were yielded.

        Args:
            requests: Rows from any iterable or async iterable. A row is a request, a pair of key
                and request, or a `Submission`. Or it is data, from which the request is built
                when its turn comes: `(key, "audio.tts", parameters)`, or a dict with the
                `operation`, its parameters, and any of `key`, `timeout`, `priority`, `tag` and
                `retry_failed`. The `tag` of data is the row itself, if it names none.
            ordered: Yield in the order of the requests, not as the jobs end.
            timeout: Seconds from acceptance to the end of each job; a row may name its own.
            priority: The same, for the priority.
            retry_failed: The same, for keys whose job failed.

        Raises:
            InvalidInput: an argument makes no sense.
            ValueError: a row has a key, and the client has no journal.
        """
        from akool_async.client.map import run_all
        from akool_async.client.rows import Defaults, RowSubmitter

        defaults = Defaults(*checked_options(timeout, priority, retry_failed))
        runtime = self._runtime("map()")
        submit = RowSubmitter(runtime, self._startables, defaults)
        ahead = 2 * self._shared.configuration.max_concurrency
        return run_all(requests, submit, runtime.engine, ordered=ordered, ahead=ahead)

    @overload
    def job(self, token: str, operation: type[Operation[S]]) -> Job[S]: ...
    @overload
    def job(self, token: str) -> Job[Any]: ...
    @overload
    def job(self, *, key: str, operation: type[Operation[S]]) -> Job[S]: ...
    @overload
    def job(self, *, key: str) -> Job[Any]: ...
    def job(
        self,
        token: str | None = None,
        operation: type[Operation[Any]] | None = None,
        *,
        key: str | None = None,
    ) -> Job[Any]:
        """Watch a job by its token, in any process of the same account; or find it by its key.

        A key finds a job of this process, or of an earlier one with the same journal. One that
        was submitted and never sent is queued, and sent when its turn comes. Nothing that ended
        is sent again.

        Args:
            token: A job's `.token`, or an error's.
            operation: The class of its request, for the type of its result.
            key: The key that it was submitted under, in place of a token.

        Raises:
            InvalidToken: it is no token, or not one of that operation; no request is made.
            UnknownKey: nothing was submitted under the key.
            InvalidInput: the job of the key is of another operation.
            JournalError: the journal cannot be read.
            ValueError: a key was given, and the client has no journal.
            TypeError: a token and a key were given.
        """
        if key is not None:
            if token is not None:
                raise TypeError("job() takes a token or a key, not both")
            return self._job_of(key, operation)
        if token is None:
            raise InvalidToken("None is no job token")
        reference = tokens.read(token)
        cls = self.operations.get(reference.name)
        if cls is None:
            raise InvalidToken(f"the token is for {reference.name}, which is no operation")
        if operation is not None and operation is not cls:
            raise InvalidToken(f"the token is for {cls.__name__}, not {operation.__name__}")
        engine = self._runtime("akool.job(token)").engine
        record = engine.operations.record(cls, reference.name)
        return Job(engine.adopt(record, reference), engine)

    def _job_of(self, key: str, operation: type[Operation[Any]] | None) -> Job[Any]:
        runtime = self._runtime("akool.job(key=...)")
        runtime.submitter.check_journal()
        check_key(key)
        record = runtime.finder.find(key, self.operations)
        if operation is not None and self.operations.get(record.name) is not operation:
            problem = f"the job of the key is of {record.name}, not {operation.__name__}"
            raise InvalidInput("key", key, problem)
        return Job(record, runtime.engine)

    async def recover(self) -> AsyncGenerator[Job[Any], None]:
        """Yield every job that an earlier process did not bring to an end, and watch it.

        Jobs whose create was sent, but whose answer was never written down, have ended already,
        as `CreateOutcomeUnknown`: they are not sent again. `akool journal resolve` decides about
        them. Jobs that were submitted and never sent come last: they are queued, and sent when
        their turn comes. A recipe goes on when its key is submitted again.
        With `save_to`, results that were complete but not saved are saved too, and those whose
        saved files are gone.

        Raises:
            ValueError: the client has no journal.
        """
        if self._shared.records is None:
            raise ValueError("recover() needs a journal: Akool(journal=...)")
        from akool_async.client.recovery import recover

        async for job in recover(self._shared.records, self._runtime("recover()"), self.operations):
            yield job

    def resume(self) -> None:
        """Create jobs again that wait for credit, where `on_credit` is "pause"."""
        self._runtime("resume()").engine.credit_returned()

    # Figures

    @property
    def stats(self) -> Stats:
        """The client's figures so far, in all event loops, and those of the moment, in this one.

        Where no loop runs, such as in another thread, those of the moment are of all loops.
        """
        return self._runtimes.stats(running_loop())

    def figures(self) -> Stats:
        """Return the figures of all event loops, those of the moment included."""
        return self._runtimes.stats(None)

    # What a vendor's own client adds

    def _startables(self) -> Mapping[str, type[Startable[Any]]]:
        """Return the operations and recipes that a row of `map` may name, by dotted name."""
        return self.operations

    def _vendor(self) -> Vendor:
        return Vendor(
            self,
            self.call,
            self._completed,
            self._credit,
            self._exchange_token,
            lambda: self.operations,
        )

    def _completed(self, result: Any, _request: Operation[Any] | None) -> Any:
        """Return a job's result, completed by what only its request says."""
        return result

    async def _credit(self) -> float:
        """Return the account's credit. Asked for while jobs wait for credit."""
        raise NotImplementedError

    async def _exchange_token(self) -> str:
        """Return a fresh bearer token, where the vendor has such tokens."""
        raise NotImplementedError
