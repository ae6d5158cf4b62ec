"""What every client offers, of any vendor: it starts jobs, and finds those that were started."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TextIO, TypeVar, overload

from akool_async.client.deprecations import user_line
from akool_async.client.resuming import Resuming
from akool_async.client.settings import checked_seconds
from akool_async.client.submission import (
    Submission,
    check_alone,
    check_startable,
    checked_options,
)
from akool_async.engine import DEFAULT, ClientDefault
from akool_async.job import Job
from akool_async.protocol.arguments import explains_arguments
from akool_async.protocol.cells import checked_whole
from akool_async.protocol.endpoint import Startable
from akool_async.protocol.snapshot import Snapshot

if TYPE_CHECKING:
    from akool_async.client.map import Items, Rows

S = TypeVar("S", bound=Snapshot)


class Client(Resuming):
    """Calls endpoints and runs jobs. A vendor's own client adds names to it.

    How it is opened, closed and called is in `Caller`; how it is paused, in `Steered`; how lost
    creates are looked for, in `Searching`; how jobs are found again, in `Resuming`.
    """

    @explains_arguments
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
            key: One key is one create, also after a crash. Needs a journal. If an earlier create
                of the key was sent and never answered, it is not sent again: the job waits for
                its webhook, and ends as `CreateOutcomeUnknown` if there is none.
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
        self._warn_of(request.request)
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
    @explains_arguments
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
        `InvalidInput` or `KeyConflict`; the rows after it go on. For a request that cannot be
        built, that works with rows of data only: a generator that raises is over. Its exception
        is raised once the jobs of the rows before it were yielded. A row whose key has
        an earlier create that nobody answered waits for its webhook, or ends in doubt, as `submit`
        says.

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
        warn = partial(self._warn_of, line=user_line())
        submit = RowSubmitter(runtime, self._startables, defaults, warn)
        room = self._shared.room
        return run_all(requests, submit, runtime.engine, ordered=ordered, room=room)

    @explains_arguments
    def progress(
        self,
        jobs: Iterable[Job[S]] | AsyncIterable[Job[S]],
        /,
        *,
        total: int | None = None,
        every: float = 30.0,
        to: TextIO | None = None,
    ) -> AsyncGenerator[Job[S], None]:
        """Yield jobs as they end, and show how many have: as a bar, or as lines.

        In a notebook, and on a terminal, it is a bar. On a terminal, that needs rich, which
        `pip install 'akool_async[cli]'` brings. Where it is left early, `map` is left, too; the
        jobs of a list go on.

        Args:
            jobs: What `map` returns, or jobs in a list.
            total: How many jobs `map` will yield, for the time that is left. A list is counted.
            every: Seconds between two lines; the bar is drawn twice a second.
            to: Where it is shown; standard error, or the notebook, if not given.

        Raises:
            InvalidInput: `every` is not more than 0, or `total` is no whole number.
        """
        from akool_async.client.progress import Progress, display_on, shown, total_of

        if total is not None:
            total = checked_whole("total", total, "must be a whole number")
        seconds = checked_seconds("every", every)
        runtime = self._runtime("progress()")
        progress = Progress(
            display_on(to, math.inf if seconds is None else seconds),
            lambda: self.stats,
            total_of(jobs, total),
            runtime.engine.clock,
        )
        return shown(jobs, progress)

    def _startables(self) -> Mapping[str, type[Startable[Any]]]:
        """Return the operations and recipes that a row of `map` may name, by dotted name."""
        return self.operations
