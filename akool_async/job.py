"""A job as a future: the user's handle on one piece of work at Akool.

Many coroutines may await one job; it is watched once. Cancelling an awaiter leaves the job alone.

`JobView` is what a job says about itself; `Job` adds its outcome, which one waits for.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Generator
from typing import TYPE_CHECKING, Any, Final, Generic, NoReturn, TypeVar, cast

from akool_async.clock import running_loop, within
from akool_async.engine import Engine, JobRecord
from akool_async.engine.calls import Calls
from akool_async.engine.cancelling import cancel
from akool_async.engine.event_names import EventName, event_of
from akool_async.engine.state import QUEUED, WATCHED
from akool_async.engine.waiters import Failure
from akool_async.errors import AkoolError, JobError, JobFailed, JournalError, KeyConflict
from akool_async.observers import check_function, is_coroutine_function
from akool_async.protocol.arguments import unknown_attribute
from akool_async.protocol.cells import checked_number
from akool_async.protocol.endpoint import Operation
from akool_async.protocol.snapshot import Snapshot, Status
from akool_async.protocol.words import in_line
from akool_async.result import Result

S = TypeVar("S", bound=Snapshot)


_NO_COPY = (
    "a job lives in one process, and is neither pickled nor copied: pass on job.token, and watch"
    " the job there by akool.job(token)"
)


class JobView(Generic[S]):
    """A job as it stands: what is known of it without any request, and without waiting."""

    __slots__ = ("__weakref__", "_engine", "_record")

    def __init__(self, record: JobRecord[S], engine: Engine) -> None:
        self._record = record
        self._engine = engine

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, JobView):
            return NotImplemented
        return self._record is cast("JobView[Any]", other)._record  # type: ignore[redundant-cast]

    def __hash__(self) -> int:
        return hash(self._record)

    def __reduce__(self) -> NoReturn:
        raise TypeError(_NO_COPY)  # `copy` asks for this, too: nobody would run the copy

    def __repr__(self) -> str:
        record, key = self._record, self.key
        shown_key = "" if key is None else f"key={in_line(key, 60)!r}"
        created = record.id or ("not created:" if record.outcome is None else "")
        parts = (f"<Job {record.name}", shown_key, in_line(created), self.one_line)
        return " ".join(filter(None, parts)) + ">"

    @property
    def one_line(self) -> str:
        """What has become of the job, in a line: its state, its result, or why it has none.

        Nobody's error counts as looked at by that.
        """
        record = self._record
        if record.state is WATCHED:
            return record.status.name
        if isinstance(record.outcome, Failure):
            return _ending(record.outcome.error, record.name)
        return record.state.meaning if record.outcome is None else record.outcome.one_line

    def _repr_html_(self) -> str:
        """Return a card for a notebook, as the job stands."""
        return _card(self, self._record)

    def _ipython_display_(self) -> None:
        self.show()

    def show(self) -> None:
        """Show a card in a notebook that follows the job until it ends; in a terminal, the repr.

        A notebook does that for a job in the last line of a cell. It costs a timer, and no task.
        It counts not as asking for the outcome.
        """
        _show(self, self._record, self._engine)

    @property
    def name(self) -> str:
        """The operation's dotted name, such as `reage.image`."""
        return self._record.name

    @property
    def request(self) -> Operation[S] | None:
        """The request; `None` for a job resumed by its token."""
        return self._record.request

    @property
    def key(self) -> str | None:
        """The key that the job was submitted under, if any."""
        record = self._record
        if record.options.key is None and record.journal_row is not None:
            return next((key for key, _ in record.journal_row.keys), None)  # resumed by its token
        return record.options.key

    @property
    def tag(self) -> object:
        """What was submitted as `tag=` with the job; the client does not look at it."""
        return self._record.options.tag

    @property
    def id(self) -> str | None:
        """Akool's `_id`, which results are asked for by; `None` before creation."""
        return self._record.id

    @property
    def job_id(self) -> str | None:
        """Akool's `job_id`, which cancelling takes; `None` where there is none (yet)."""
        return self._record.job_id

    @property
    def receipt(self) -> S | None:
        """The create reply; `None` before creation, and for a resumed job."""
        return self._record.receipt

    @property
    def status(self) -> Status:
        """The last known status."""
        return self._record.status

    @property
    def snapshot(self) -> S | None:
        """The last observation."""
        return self._record.snapshot

    @property
    def credits(self) -> float | None:
        """What the job costs in credits, as Akool said last; `None` if it does not say.

        `job.result().credits_are_final` says whether that was charged in the end.
        """
        record = self._record
        said = (record.outcome, record.snapshot, record.receipt)
        costs = (each.credits for each in said if isinstance(each, Result))
        return next((cost for cost in costs if cost is not None), None)

    @property
    def token(self) -> str:
        """A short URL-safe text by which any process can watch this job; it holds no secret.

        Raises:
            asyncio.InvalidStateError: Akool has not accepted the job yet.
        """
        token = self._record.token
        if token is None:
            raise asyncio.InvalidStateError(f"{self!r} has no token before it is created")
        return token

    @property
    def steps(self) -> tuple[str, ...]:
        """Tokens of the paid steps before this job, if a recipe started it."""
        return self._record.steps

    @property
    def saved_path(self) -> str | None:
        """Where the client saved the result, with `save_to=`; `None` before it is there.

        A path from the root on, or the address of an object in a bucket. An earlier process may
        have saved it. Leaving `async with` waits until results are saved, and the event `job.saved`
        tells of each.
        """
        record = self._record
        row, outcome = record.journal_row, record.outcome
        if row is not None and row.saved is not None:
            return row.saved[1]
        link = outcome.link if isinstance(outcome, Result) else None
        return None if link is None else link.saved

    @property
    def eta(self) -> float | None:
        """Seconds that jobs like this one still take, in the median; `None` if that is unknown.

        Half of the operation's jobs that have lasted as long end before that. It is learned from
        the jobs of this client. A job that waits for a place has none, nor one that was resumed by
        its id alone, and `backoff=` learns nothing.
        """
        learner = self._record.operation.learner
        if learner is None or self._record.state is not WATCHED or not self._record.created:
            return None
        return learner.eta(self._record.age(self._engine.clock.time()))

    @property
    def position(self) -> int | None:
        """The job's place in line, from 1 for the next one; `None` if it does not stand in line.

        A higher priority goes first, and operations take turns. It is counted when it is asked
        for, in less than a millisecond where 1000 jobs stand before it, and 25 where 100 000 do. No
        event tells of a new place: each start would move all jobs in line. So read it when you
        show it.
        """
        record = self._record
        return self._engine.queue.position(record) if record.state is QUEUED else None

    @property
    def extras(self) -> dict[object, Any]:
        """Room for hooks: what they keep about this job, each under a key of its own.

        It lives as long as the job, and costs nothing before its first use.
        """
        if self._record.extras is None:
            self._record.extras = {}
        return self._record.extras

    def done(self) -> bool:
        """Say whether the job has ended."""
        return self._record.ended

    @property
    def succeeded(self) -> bool:
        """Whether the job has ended with a result. Nobody's error counts as looked at by that."""
        return isinstance(self._record.outcome, Snapshot)

    def cancelled(self) -> bool:
        """Say whether the job ended because it was cancelled."""
        return self._record.cancelled


class Job(JobView[S]):
    """One job: awaitable, observable, and resumable by its token.

    Made by the client's methods, by `akool.submit`, `akool.map` and `akool.job`. It runs whether
    awaited or not.
    """

    __slots__ = ()

    if not TYPE_CHECKING:  # type checkers know each name

        def __getattr__(self, name: str) -> Any:
            """Say how a result is got at, or which name may be meant."""
            if not name.startswith("_") and hasattr(self._record.family.result, name):
                told = f"a Job has no {name!r}, its result has: await it first, `await job`"
                raise AttributeError(told)
            raise AttributeError(unknown_attribute("a Job", name, dir(type(self))))

    def _asked(self) -> JobRecord[S]:
        """Return the record, and take note that somebody asks for the outcome."""
        self._record.awaited = True
        return self._record

    def _asked_here(self) -> JobRecord[S]:
        """Do the same; refuse another event loop than the job's."""
        if asyncio.get_running_loop() is not self._record.operation.loop:
            raise RuntimeError(
                f"{self!r} belongs to another event loop; here, use akool.job(token)"
            )
        if self._engine.endings.suspended:
            self._engine.endings.go_on()
        return self._asked()

    def __await__(self) -> Generator[Any, None, S]:
        # A future of this awaiter's own: cancelling the awaiter cancels it, and not the job.
        return self._asked_here().future().__await__()

    async def wait(self, timeout: float | None = None) -> S:  # noqa: ASYNC109 - as asyncio.wait
        """Return the result; the same as `await job`, as a coroutine.

        Args:
            timeout: Seconds after which this wait ends; the job goes on. Where the process was
                stopped meanwhile, or its event loop blocked, it ends up to 2 seconds later: one
                more look at the job decides.

        Raises:
            InvalidInput: `timeout` is no number.
            TimeoutError: `timeout` seconds have passed.
            JobFailed: Akool reports that the job failed.
            JobTimeout: the job itself ran out of time.
            AkoolError: another error ended the job.
        """
        if timeout is not None:
            timeout = checked_number("timeout", timeout, "must be a number of seconds, or None")
        async with within(timeout, self._look_now):
            return await self

    def _look_now(self) -> None:
        if self._record.state is WATCHED and self._record.id is not None:
            self._engine.wake(self._record.id)

    async def recorded(self) -> Job[S]:
        """Return this job once its key is in the journal: from now on no crash loses it.

        That takes a flush of the disk, and no place under the limit. So a request handler can
        answer with the key, and any later process finds the job by `akool.job(key=...)`. A recipe
        is written down step by step: its job is there with its last step.

        Raises:
            ValueError: the job has no key.
            KeyConflict: the key belongs to another request.
            JournalError: the journal cannot be written.
        """
        record = self._asked_here()
        if record.options.key is None:
            raise ValueError("only a job with a key is written down when it is submitted")
        await record.written()
        if record.ended and isinstance(record.exception(), KeyConflict | JournalError):
            await self
        return self

    async def created(self) -> Job[S]:
        """Return this job once Akool has accepted it, so that it has an `id` and a `token`.

        Raises:
            KeyConflict: the job's key belongs to another request.
            AkoolError: another error ended the job before that.
        """
        record = self._asked_here()
        await record.accepted()
        if record.id is None:
            await self
        return self

    def result(self) -> S:
        """Return the result of a job that has ended.

        Raises:
            asyncio.InvalidStateError: it has not ended.
            AkoolError: the error that ended it instead.
        """
        return self._asked().result()

    def exception(self) -> BaseException | None:
        """Return the error that ended the job, or `None` if it has a result.

        Raises:
            asyncio.InvalidStateError: it has not ended.
        """
        return self._asked().exception()

    def add_done_callback(
        self,
        callback: Callable[[Job[S]], object],
        *,
        context: contextvars.Context | None = None,
    ) -> None:
        """Call back with this job, soon after it has ended.

        A coroutine function is awaited by the client, which waits for it when it is closed, for 10
        seconds at most. What it raises is logged.

        Raises:
            InvalidInput: the callback cannot be called.
        """
        check_function("callback", callback)
        record = self._asked()
        calls = self._engine.calls if is_coroutine_function(callback) else None
        called = _Callback(self, callback, context or contextvars.copy_context(), calls)
        if record.ended:
            called(record)
        else:
            record.wait(called)

    def remove_done_callback(self, callback: Callable[[Job[S]], object]) -> int:
        """Forget a callback; return how often it had been added."""
        return self._record.stop_waiting(_Callback(self, callback))

    async def __aiter__(self) -> AsyncIterator[S]:
        """Yield the current snapshot, each change of status, and the terminal one."""
        record = self._asked_here()
        changes: asyncio.Queue[S | None] = asyncio.Queue()
        if record.snapshot is not None:
            changes.put_nowait(record.snapshot)
        if record.ended:
            changes.put_nowait(None)

        def note(_record: JobRecord[Any], snapshot: S | None) -> None:
            changes.put_nowait(snapshot)

        record.listen(note)
        try:
            while (snapshot := await changes.get()) is not None:
                yield snapshot
        finally:
            record.stop_listening(note)
            record.mark_retrieved()

    async def cancel(self) -> bool:
        """Cancel the job; return whether that is how it ended.

        A queued job is never sent. One that is being created is waited for first. One that
        Akool has accepted is cancelled there, where Akool offers it. A terminal status
        that came first wins, even if only Akool knows of it: a look before and one after
        decide, and a result that is there is kept.

        Raises:
            CancelNotSupported: Akool cannot cancel this operation; the job goes on.
            APIError: Akool refused; the job goes on.
            TransportError: no usable answer came; the job goes on.
        """
        record = self._asked_here()
        try:
            return await cancel(self._engine, record)
        except JobError as error:
            error.job = self
            raise
        finally:
            record.mark_retrieved()


class Jobs(tuple[Job[S], ...]):
    """Several jobs that one call has started, in order; awaited, the tuple of their results.

    Each one is a job of its own, with its own place, token and price: iterate to save results as
    they come, or to deal with one that fails.
    """

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, tuple[S, ...]]:
        """Wait until all have ended; return their results, in order.

        Raises:
            AkoolError: the error of the first job without a result. A note of the error names the
                others without one; `job.result()` and `job.exception()` still tell of each.
        """
        return self._results().__await__()

    async def _results(self) -> tuple[S, ...]:
        await asyncio.gather(*self, return_exceptions=True)
        failed = [job for job in self if job.exception() is not None]
        if len(failed) > 1:
            error = failed[0].exception()
            assert error is not None
            for other in failed[1:]:
                error.add_note(f"{other!r} has no result either: {other.exception()}")
        return tuple(job.result() for job in self)

    def __repr__(self) -> str:
        return f"Jobs({super().__repr__()})"

    def _repr_html_(self) -> str:
        """Return a card for each job, for a notebook."""
        from akool_async.notebook.display import html_of

        return "".join(map(html_of, self))

    def _ipython_display_(self) -> None:
        """Show a card for each job, that follows it until it ends."""
        for job in self:
            job.show()


class _Callback:
    """A done callback, equal to another of the same job and function."""

    __slots__ = ("callback", "calls", "context", "job")

    def __init__(
        self,
        job: Job[Any],
        callback: Callable[[Job[Any]], object],
        context: contextvars.Context | None = None,
        calls: Calls | None = None,
    ) -> None:
        self.job = job
        self.callback = callback
        self.context = context
        self.calls = calls
        """What runs it, if it is a coroutine function."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Callback):
            return NotImplemented
        return self.job == other.job and self.callback == other.callback

    def __hash__(self) -> int:
        return hash((self.job, self.callback))

    def __call__(self, record: JobRecord[Any], /) -> None:
        if self.calls is None:
            record.operation.loop.call_soon(self.callback, self.job, context=self.context)
            return
        what = f"a done callback of {record.name}"
        self.calls.add(object(), what, self.callback, self.job, context=self.context)


_WORDS: Final = {EventName.TIMED_OUT: "timed out", EventName.UNKNOWN: "in doubt"}
"""Ends of jobs whose names say less than words do."""


def _ending(error: BaseException, name: str) -> str:
    """Say in a line how an error has ended a job of this name."""
    event = event_of(error)
    word = _WORDS.get(event, event.removeprefix("job."))
    snapshot = error.snapshot if isinstance(error, JobFailed) else None
    told = snapshot.reason if isinstance(snapshot, Snapshot) else ""
    said = error.message if isinstance(error, AkoolError) else str(error)
    why = in_line(told or said.removeprefix(f"{name}: "))
    return why if why.startswith(word) else f"{word}: {why}"


def _show(job: JobView[Any], record: JobRecord[Any], engine: Engine) -> None:
    """Show a job in a notebook, and keep its card up to date."""
    from akool_async.notebook import display

    clock, loop = engine.clock, record.operation.loop
    if record.ended or not loop.is_running() or not display.in_notebook():
        display.show_once(job)
        return
    following = display.Following(
        job,
        lambda seconds, tick: clock.call_at(clock.time() + seconds, tick),
        lambda: record.ended,
    )

    def begin() -> None:
        record.wait(lambda _record: following.update())
        following.begin()

    if running_loop() is loop:
        begin()
    else:  # the job's loop runs in another thread
        loop.call_soon_threadsafe(begin)


def _card(job: JobView[Any], record: JobRecord[Any]) -> str:
    """Return a card for a notebook, as a job stands."""
    from akool_async.notebook import pieces

    outcome = record.outcome
    key = "" if job.key is None else f"key {job.key}"
    head = pieces.code(job.id) + (" " if job.id and key else "") + pieces.quiet(key)
    if isinstance(outcome, Failure):
        event = event_of(outcome.error)
        badge = _WORDS.get(event, event.removeprefix("job."))
        error = outcome.error
        told = error.parts_of_card() if isinstance(error, AkoolError) else [pieces.text(error)]
        return pieces.card(job.name, badge, "bad", head, *told)
    if outcome is not None:
        request = record.request
        kind = record.family.media if request is None else record.family.media_of(request)
        parts = outcome.parts_of_card(kind)
        return pieces.card(job.name, "COMPLETED", "good", head, *parts)
    if record.state is not WATCHED:
        place = f"{job.position} in line" if job.position else ""
        return pieces.card(job.name, record.state.meaning, "waiting", head, pieces.quiet(place))
    left = "" if job.eta is None else f"about {_duration(job.eta)} left"
    return pieces.card(job.name, job.one_line, "running", head, pieces.quiet(left))


def _duration(seconds: float) -> str:
    """Return how long it takes, roughly."""
    if seconds < 90:  # noqa: PLR2004 - above, nobody counts seconds
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"
