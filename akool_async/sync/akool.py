"""`Akool` for programs without an event loop."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO, TypeVar, Unpack, overload

from akool_async.client.akool import Akool as AsyncAkool
from akool_async.client.settings import AkoolSettings, hide_secrets
from akool_async.engine import DEFAULT, ClientDefault
from akool_async.errors import CreateOutcomeUnknown, InvalidInput
from akool_async.notebook.display import html_of
from akool_async.protocol.endpoint import Operation
from akool_async.protocol.secret import hidden
from akool_async.protocol.snapshot import Snapshot
from akool_async.sync.behind import GRACE, Behind
from akool_async.sync.calls import blocking, outcome_of, presented
from akool_async.sync.job import Job
from akool_async.sync.mapping import mapped
from akool_async.sync.media import MediaOfResults
from akool_async.sync.namespaces import Namespaces
from akool_async.sync.webhooks import Webhooks

if TYPE_CHECKING:
    from akool_async.client.events import Hook
    from akool_async.client.rows import Item, Row
    from akool_async.client.stats import Stats

S = TypeVar("S", bound=Snapshot)


class Akool(MediaOfResults, Namespaces):
    """A client of Akool's API for programs without an event loop, safe in several threads.

    Used as `with Akool() as akool:`. Without `with` it works too, and is closed by
    `akool.close()`, or at the end of the program. Its requests, its jobs and its hooks run in an
    event loop in the background, which all clients of the process share. In a child after a fork
    it works on, with a loop and connections of the child's own.

    A method that starts a job returns it at once: `akool.reage.image(...).result()`. All others
    return what was asked for.

    Args:
        api_key: Akool's api key. Else the environment's `AKOOL_API_KEY`.
        **settings: The settings of `akool_async.Akool`, but for `session`.

    Raises:
        MissingCredentials: no credential was given, and the environment holds none in
            AKOOL_API_KEY, AKOOL_TOKEN, or AKOOL_CLIENT_ID and AKOOL_CLIENT_SECRET.
        InvalidInput: a setting makes no sense.
        TypeError: there is no setting of that name.
    """

    def __init__(self, api_key: str | None = None, **settings: Unpack[AkoolSettings]) -> None:
        # From here on, no traceback that shows local variables shows a secret.
        api_key = hidden(api_key)
        hide_secrets(settings)
        session = settings.get("session")
        if session is not None:
            rule = "belongs to an event loop of yours, and this client has its own"
            raise InvalidInput("session", session, rule)
        self._given: tuple[str | None, AkoolSettings] = api_key, settings
        self.behind = Behind(partial(AsyncAkool, api_key, **settings))

    def __repr__(self) -> str:
        return repr(self.behind) if hasattr(self, "behind") else "<Akool, not made>"

    def _repr_html_(self) -> str:
        """Return a card for a notebook: the host, the kind of credential, and what goes on."""
        return html_of(self.original)

    # Opened and closed

    def __enter__(self) -> Self:
        self.behind.enter()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.behind.leave()

    def close(self, grace: float = GRACE, saving: float | None = None) -> None:
        """End all jobs, close all connections and the journal; `with` opens the client again.

        Jobs end with `ClientClosed`. A job that Akool has accepted goes on there, and its token
        still works. Creates already sent are awaited first. With `save_to`, completed results
        are saved first. `with` closes the client when the last of its blocks is left. A client
        that nobody closed is closed at the end of the program, where results have 5 seconds.

        Args:
            grace: Seconds to wait for the answers to creates. A create without an answer ends
                as `CreateOutcomeUnknown`.
            saving: Seconds to wait, after that, until completed results are saved; ten minutes
                if not given.

        Raises:
            InvalidInput: `grace` or `saving` is no number.
        """
        self.behind.close(grace, saving)

    def with_settings(self, **changes: Unpack[AkoolSettings]) -> Akool:
        """Return another client of the same account, with some settings changed.

        Hooks are added to those that this client has. The two clients share nothing but the loop
        in the background.

        Raises:
            InvalidInput: a setting makes no sense.
            JournalError: both would use one journal.
        """
        api_key, settings = self._given
        hooks = [*_several(settings.get("on_event", ())), *_several(changes.get("on_event", ()))]
        merged: AkoolSettings = {**settings, **changes, "on_event": hooks}
        return Akool(api_key, **merged)

    @property
    def original(self) -> AsyncAkool:
        """The asynchronous client, which lives in the background loop."""
        return self.behind.akool

    # Called

    call = blocking(AsyncAkool.call)
    submit = blocking(AsyncAkool.submit)
    pause = blocking(AsyncAkool.pause)
    resume = blocking(AsyncAkool.resume)
    set_concurrency = blocking(AsyncAkool.set_concurrency)
    set_limits = blocking(AsyncAkool.set_limits)

    @overload
    def map(
        self,
        requests: Iterable[Item[S]],
        /,
        *,
        ordered: bool = False,
        timeout: float | ClientDefault | None = DEFAULT,
        priority: int = 0,
        retry_failed: bool = False,
    ) -> Generator[Job[S], None, None]: ...
    @overload
    def map(
        self,
        requests: Iterable[Item[Any] | Row],
        /,
        *,
        ordered: bool = False,
        timeout: float | ClientDefault | None = DEFAULT,
        priority: int = 0,
        retry_failed: bool = False,
    ) -> Generator[Job[Any], None, None]: ...
    def map(self, requests: Any, /, **options: Any) -> Generator[Job[Any], None, None]:
        """Run a stream of requests; yield each job once it has ended.

        Rows and options are those of `akool_async.Akool.map`. The stream is read in the thread
        that asks for the next job, and lazily: two rows for each place. Leaving the iteration
        early drops queued jobs; jobs that were sent are watched on.

        Raises:
            InvalidInput: an argument makes no sense.
            ValueError: a row has a key, and the client has no journal.
            TypeError: the stream cannot be iterated.
        """
        return mapped(requests, partial(self.original.map, **options), self.behind)

    def progress(
        self,
        jobs: Iterable[Job[S]],
        /,
        *,
        total: int | None = None,
        every: float = 30.0,
        to: TextIO | None = None,
    ) -> Generator[Job[S], None, None]:
        """Yield jobs as they end, and show how many have: a bar on a terminal, else lines.

        The bar needs rich, which `pip install 'akool_async[cli]'` brings. Where it is left early,
        `map` is left, too; the jobs of a list go on.

        Args:
            jobs: What `map` returns, or jobs in a list.
            total: How many jobs `map` will yield, for the time that is left. A list is counted.
            every: Seconds between two lines; the bar is drawn twice a second.
            to: Where it is shown; standard error if not given.

        Raises:
            InvalidInput: `every` is not more than 0, or `total` is no whole number.
        """
        from akool_async.sync.progress import shown

        return shown(jobs, self.behind, total=total, every=every, to=to)

    @overload
    def job(
        self, token: str, operation: type[Operation[S]], *, job_id: str | None = None
    ) -> Job[S]: ...
    @overload
    def job(
        self, token: str, operation: str | None = None, *, job_id: str | None = None
    ) -> Job[Any]: ...
    @overload
    def job(self, *, key: str, operation: type[Operation[S]]) -> Job[S]: ...
    @overload
    def job(self, *, key: str, operation: str | None = None) -> Job[Any]: ...
    def job(self, *arguments: Any, **options: Any) -> Job[Any]:
        """Watch a job by its token, in any process of the same account; or find it by its key.

        Arguments and errors are those of `akool_async.Akool.job`.
        """
        job: Job[Any] = outcome_of(
            self.behind, AsyncAkool.job, self.original, *arguments, **options
        )
        return job

    def find(
        self,
        error: CreateOutcomeUnknown | None = None,
        /,
        *,
        key: str | None = None,
        within: float = 900.0,
    ) -> Job[Any] | None:
        """Look for the job of a create whose reply was lost, in the list that would show it.

        Arguments, result and errors are those of `akool_async.Akool.find`.
        """
        find = AsyncAkool.find
        job: Job[Any] | None
        job = outcome_of(self.behind, find, self.original, error, key=key, within=within)
        return job

    def recover(self) -> Iterator[Job[Any]]:
        """Yield every job that an earlier process did not bring to an end, and watch it.

        As `akool_async.Akool.recover`.

        Raises:
            ValueError: the client has no journal.
        """
        jobs = self.behind.background().each(self.original.recover)
        return (presented(job, self.behind) for job in jobs)

    # Figures

    @property
    def stats(self) -> Stats:
        """The client's figures so far, and those of the moment."""
        return self.behind.figures()

    @property
    def operations(self) -> Mapping[str, type[Operation[Any]]]:
        """The operations whose jobs can be resumed by token, by dotted name."""
        return self.original.operations

    @cached_property
    def webhooks(self) -> Webhooks:
        """Takes in Akool's webhooks, and wakes the jobs that they are about."""
        return Webhooks(self.behind)


def _several(hooks: Hook | Sequence[Hook]) -> Sequence[Hook]:
    return [hooks] if callable(hooks) else hooks
