"""A job in programs without an event loop: a `concurrent.futures.Future`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from akool_async.engine import JobRecord
from akool_async.engine.waiters import Failure
from akool_async.errors import JobError
from akool_async.job import Job as AsyncJob
from akool_async.job import JobView
from akool_async.notebook.display import html_of
from akool_async.observers import check_function
from akool_async.protocol.cells import checked_number
from akool_async.protocol.snapshot import Snapshot
from akool_async.result import READ_LIMIT, Result
from akool_async.sync import media
from akool_async.sync.background import check_may_wait
from akool_async.sync.behind import Behind

if TYPE_CHECKING:
    from akool_async.media import Progress

S = TypeVar("S", bound=Snapshot)


class Job(Future[S], JobView[S]):
    """One job: a future, observable, and resumable by its token.

    Made by the client's methods. It runs whether anybody waits for it or not, and may be used in
    any thread of the process that started it. `concurrent.futures.wait` and `as_completed` take
    it. In a child after a fork, `akool.job(token)` watches it.
    """

    def __init__(self, job: AsyncJob[S], behind: Behind) -> None:
        super().__init__()  # type: ignore[call-arg] # pyright: ignore[reportCallIssue] - Future's
        self._job = job
        self._behind = behind
        self._process = os.getpid()
        super(Future, self).__init__(job._record, job._engine)  # noqa: SLF001 - another view of it
        self.set_running_or_notify_cancel()  # `cancel()` is Akool's, and not that of an executor
        if self._record.ended:
            self._settle(self._record)
        else:
            self._record.wait(self._settle)

    def _settle(self, record: JobRecord[S]) -> None:
        """Take note of the end; called in the loop."""
        outcome = record.outcome
        if super().done() or outcome is None:  # told again
            return
        if isinstance(outcome, Failure):
            self.set_exception(outcome.error)
        else:
            self.set_result(outcome)

    def __repr__(self) -> str:
        return super(Future, self).__repr__()

    def cancelled(self) -> bool:
        """Say whether the job ended because it was cancelled."""
        return super(Future, self).cancelled()

    def result(self, timeout: float | None = None) -> S:
        """Wait for the end of the job, and return its result.

        Ctrl-C ends the wait; the job goes on.

        Args:
            timeout: Seconds after which this wait ends; the job goes on.

        Raises:
            TimeoutError: `timeout` seconds have passed.
            JobFailed: Akool reports that the job failed.
            JobTimeout: the job itself ran out of time.
            AkoolError: another error ended the job.
            InvalidInput: `timeout` is no number.
            RuntimeError: the job belongs to another process; or this is the thread of the
                background loop.
        """
        self.exception(timeout)
        return self._record.result()

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the end of the job; return its error, or `None` if it has a result.

        Args:
            timeout: Seconds after which this wait ends; the job goes on.

        Raises:
            TimeoutError: `timeout` seconds have passed.
            InvalidInput: `timeout` is no number.
            RuntimeError: the job belongs to another process; or this is the thread of the
                background loop.
        """
        self._wait(timeout)
        error = self._asked().exception()
        if isinstance(error, JobError):
            error.job = cast("Any", self)  # what may be waited for in this program
        return error

    def _asked(self) -> JobRecord[S]:
        """Return the record, and take note that somebody asks for the outcome."""
        self._record.awaited = True
        return self._record

    def _wait(self, timeout: float | None) -> None:
        if timeout is not None:
            timeout = checked_number("timeout", timeout, "must be a number of seconds, or None")
        if self._record.ended:
            return
        self._check_process()
        check_may_wait()
        self._record.awaited = True
        try:
            super().exception(timeout)
        except TimeoutError:
            pass
        else:
            return
        raise TimeoutError(f"{self!r} has not ended within {timeout} s; it goes on")

    def _check_process(self) -> None:
        if self._process != os.getpid():
            token = self._record.token
            how = "" if token is None else f": akool.job({token!r})"
            raise RuntimeError(
                f"{self!r} belongs to process {self._process}; watch it here by its token{how}"
            )

    def add_done_callback(self, fn: Callable[[Job[S]], object]) -> None:
        """Call back with this job once it has ended, in the thread of the background loop.

        That thread waits for nothing: `job.result()` is there at once, but `job.save()` and calls
        are refused. A job that has ended calls back at once, in this thread. What a callback
        raises is logged.

        Raises:
            InvalidInput: the callback cannot be called.
        """
        check_function("fn", fn)
        self._record.awaited = True
        super().add_done_callback(cast("Callable[[Future[S]], object]", fn))

    def created(self) -> Job[S]:
        """Wait until Akool has accepted the job, so that it has an `id` and a `token`; return it.

        Raises:
            KeyConflict: the job's key belongs to another request.
            AkoolError: another error ended the job before that.
        """
        self._run(self._job.created)
        return self

    def recorded(self) -> Job[S]:
        """Wait until the job's key is in the journal, so that no crash loses it; return the job.

        Raises:
            ValueError: the job has no key.
            KeyConflict: the key belongs to another request.
            JournalError: the journal cannot be written.
        """
        self._run(self._job.recorded)
        return self

    def cancel(self) -> bool:
        """Cancel the job at Akool; return whether that is how it ended.

        A queued job is never sent. One that is being created is waited for first. One that
        Akool has accepted is cancelled there, where Akool offers it. A terminal status that came
        first wins, and a result that is there is kept.

        Raises:
            CancelNotSupported: Akool cannot cancel this operation; the job goes on.
            APIError: Akool refused; the job goes on.
            TransportError: no usable answer came; the job goes on.
        """
        return bool(self._run(self._job.cancel))

    def __iter__(self) -> Iterator[S]:
        """Yield the current snapshot, each change of status, and the terminal one."""
        self._check_process()
        return self._behind.background().each(lambda: self._job)

    @property
    def position(self) -> int | None:
        """The job's place in line, from 1 for the next one; `None` if it does not stand in line."""
        place: int | None = self._run(lambda: self._job.position)
        return place

    def _run(self, function: Callable[[], Any]) -> Any:
        self._check_process()
        return self._behind.run(function)

    # Its media

    def _media(self) -> Result:
        result = self.result()
        if not isinstance(result, Result):
            raise TypeError(f"{type(result).__name__} has no media")
        return result

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = True,
        progress: Progress | None = None,
    ) -> Path:
        """Wait for the result, and download its media to a file; return the path.

        As `Result.save`, with the same errors, and those of `result()`. A `progress` is called in
        the thread of the background loop.
        """
        return self.save_all(path, overwrite=overwrite, progress=progress)[0]

    def save_all(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = True,
        progress: Progress | None = None,
    ) -> tuple[Path, ...]:
        """Do what `save` does, and return the paths of all files."""
        result = self._media()
        return media.save_all(result, path, overwrite=overwrite, progress=progress)

    def read(self, *, limit: int = READ_LIMIT) -> bytes:
        """Wait for the result, and download its media to memory; as `Result.read`."""
        return media.read(self._media(), limit)

    def stream(self) -> AbstractContextManager[media.Chunks]:
        """Wait for the result, and hand its media out as it comes: `with job.stream() as chunks`.

        As `Result.stream`; `chunks` is a plain iterator of bytes.
        """
        return media.stream(self._media())


class Jobs(tuple[Job[S], ...]):
    """Several jobs that one call has started, in order."""

    __slots__ = ()

    def result(self, timeout: float | None = None) -> tuple[S, ...]:
        """Wait until all have ended; return their results, in order.

        Args:
            timeout: Seconds after which this wait ends; the jobs go on.

        Raises:
            TimeoutError: `timeout` seconds have passed.
            AkoolError: the error of the first job without a result. The others tell of their own.
        """
        from concurrent.futures import wait

        left = wait(self, timeout).not_done
        if left:
            raise TimeoutError(f"{len(left)} jobs have not ended within {timeout} s; they go on")
        return tuple(job.result() for job in self)

    def __repr__(self) -> str:
        return f"Jobs({super().__repr__()})"

    def _repr_html_(self) -> str:
        """Return a card for each job, for a notebook."""
        return "".join(map(html_of, self))

    def _ipython_display_(self) -> None:
        """Show a card for each job, that follows it until it ends."""
        for job in self:
            job.show()
