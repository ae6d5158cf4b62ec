"""What a client is before it starts a job: opened and closed, called, and counted.

A client may be used in several event loops at once. Each has connections and jobs of its own: its
`Runtime`, which is made at the first use. Whatever a client does begins with its loop's runtime.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeVar, cast

from akool_async.client.deprecations import SETTLED, Line, warn_of
from akool_async.client.events import hooks_of
from akool_async.client.runtimes import Runtimes
from akool_async.client.settings import Configuration, Settings
from akool_async.client.shared import Shared, Vendor
from akool_async.clock import Clock, running_loop
from akool_async.http.auth import Credentials
from akool_async.protocol.arguments import unknown_attribute
from akool_async.protocol.cells import checked_number
from akool_async.protocol.endpoint import Command, Endpoint, Operation
from akool_async.protocol.files import holds_files
from akool_async.streaming.open_sessions import OpenSessions

if TYPE_CHECKING:
    from akool_async.client.runtime import Runtime
    from akool_async.client.stats import Stats

T = TypeVar("T")


_OWN: Final = frozenset({"figures", "hold", "open_sessions", "requests_in", "session_rows"})
"""Names that are public for the other wings of this package."""


class Caller:
    """Calls endpoints, in any event loop, until it is closed. A `Client` runs jobs, too.

    Args:
        credentials: What signs requests.
        hosts: Scheme and host of each part of the API, by its name; `api` is one of them.
        settings: What the user set.
    """

    in_background = False
    """Whether it runs in the background loop, for a program that has none."""
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
        self._open_sessions = OpenSessions()

    def __repr__(self) -> str:
        if not hasattr(self, "_shared"):  # a traceback shows a client that a setting stopped
            return f"<{type(self).__name__}, not made>"
        host, kind = self._shared.configuration.hosts["api"], self._shared.credentials.kind
        stats = self.stats
        now = {"in flight": stats.in_flight, "queued": stats.queued, "to be saved": stats.saving}
        parts = [host, kind, *(f"{count} {what}" for what, count in now.items() if count)]
        parts += ["paused"] if stats.paused else []
        return f"<{type(self).__name__} {', '.join(parts)}>"

    def _repr_html_(self) -> str:
        """Return a card for a notebook: the host, the kind of credential, and what goes on."""
        from akool_async.notebook import pieces

        if not hasattr(self, "_shared"):
            return pieces.text(repr(self))
        host, kind = self._shared.configuration.hosts["api"], self._shared.credentials.kind
        facts = pieces.quiet(host, kind)
        return pieces.card(type(self).__name__, self.stats.one_line, "running", facts)

    if not TYPE_CHECKING:  # type checkers know each name

        def __getattr__(self, name: str) -> Any:
            """Say which name may be meant."""
            owner, known = type(self).__name__, dir(type(self))
            raise AttributeError(unknown_attribute(owner, name, known, "namespace or method"))

        def __enter__(self) -> Any:
            """Say how a client is opened."""
            owner = type(self).__name__
            raise TypeError(f"{owner} is asynchronous: write `async with {owner}() as ...:`")

        def __exit__(self, *_: object) -> None:
            """Nothing was opened."""

    def __dir__(self) -> list[str]:
        """Return the names for programs, without what only this package uses."""
        return sorted({*super().__dir__()} - _OWN)

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
        `recover()` saves it in the next process. Sessions that were opened by `async with` are
        closed at Akool before all that.

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
        answers = checked_number("grace", grace, rule)
        try:
            await self._open_sessions.close()
        finally:
            await self._runtimes.close(answers, limit)

    @property
    def clock(self) -> Clock:
        """Where the client's time comes from."""
        return self._shared.configuration.clock

    @property
    def open_sessions(self) -> OpenSessions:
        """The sessions that are closed with the client, such as live face swaps."""
        return self._open_sessions

    # Called

    async def call(self, endpoint: Endpoint[T], /) -> T:
        """Send a query or command and return what its reply means.

        Raises:
            APIError: Akool said no.
            TransportError: no usable answer came.
            TypeError: it is an operation; those are submitted.
        """
        if isinstance(endpoint, Operation):
            raise TypeError(f"{endpoint.label} starts a job: use akool.submit()")
        self._warn_of(endpoint)
        reply = await self._send(endpoint)
        if isinstance(endpoint, Command) and endpoint.ends_session:
            self._open_sessions.closed_by_hand(endpoint)
        return reply

    async def _send(self, endpoint: Endpoint[T], /) -> T:
        """Do the same for the client itself, which is warned of nothing."""
        endpoint = endpoint.filled_in(lambda: self._shared.credentials.pair)
        runtime = self._runtime(endpoint.label)
        if holds_files(endpoint):
            endpoint = await runtime.files.lane.sent(endpoint)
        return cast("T", runtime.links.attach(await runtime.exchange.send(endpoint)))

    def _warn_of(self, request: object, line: Line | None = None) -> None:
        """Warn of what is deprecated in a request, once, unless a setting says otherwise."""
        if type(request) not in SETTLED and self._shared.configuration.warns:
            warn_of(request, line)

    def _runtime(self, purpose: str) -> Runtime:
        """Return the running loop's part of the client; made at the first use."""
        return self._runtimes.get(purpose, vendor=self._vendor, hint=self.requests_in)

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

    @property
    def operations(self) -> Mapping[str, type[Operation[Any]]]:
        """The operations whose jobs can be resumed by token, by dotted name."""
        return {}

    def _vendor(self) -> Vendor:
        return Vendor(
            self,
            self._send,
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
