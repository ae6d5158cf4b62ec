"""An endpoint is a value: it knows its method, path, fields and reply.

A `Query` reads and may be repeated; a `Lookup` reads one job by its id. A `Command` writes and is
sent at most once. An `Operation` is a command that starts a job. Jobs with the same result endpoint
form a `Family`. A `Recipe` takes several steps; the last one is an operation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, ClassVar, Final, Generic, Literal, Protocol, Self, TypeAlias, TypeVar, cast

import msgspec
from msgspec import Raw

from akool_async.errors import (
    UNCLEAR_CODES,
    APIError,
    AuthenticationError,
    NotFound,
    RateLimited,
    ReplyError,
)
from akool_async.protocol import receipts, token, wire
from akool_async.protocol.deprecation import Deprecated, with_note
from akool_async.protocol.fields import WebhookUrl, as_sent, plan_of, text_or_address
from akool_async.protocol.lenient import repaired
from akool_async.protocol.listed import Listed
from akool_async.protocol.price import Price
from akool_async.protocol.reasons import explained, says_enough
from akool_async.protocol.reply import IN_ONE_STEP
from akool_async.protocol.snapshot import Snapshot, Status
from akool_async.protocol.value import Input, InputMeta, Value
from akool_async.protocol.wire import Envelope, HttpRequest, HttpResponse

T = TypeVar("T")
S = TypeVar("S", bound=Snapshot)

_OK = 200


class _EndpointMeta(InputMeta):
    """Keeps the two facts of an endpoint whose names parameters of Akool's have, too.

    A class has the fact, `CreateKnowledge.docs`; its values have the parameter.
    """

    _called: str = ""

    @property
    def name(self) -> str:
        """Dotted name; binding the endpoint to a namespace sets it."""
        return _text_in(self, "name") or self._called

    @name.setter
    def name(self, name: str) -> None:
        self._called = name

    @property
    def docs(self) -> str:
        """Address of the page that documents it: `docs = ...` in its class, or in a parent."""
        return _text_in(self, "docs")


@cache  # each request asks for the name
def _text_in(cls: type[Any], name: str) -> str:
    found = (vars(each).get(name) for each in cls.__mro__)
    return next((each for each in found if isinstance(each, str)), "")


class Endpoint(Input, Generic[T], metaclass=_EndpointMeta):
    """A request to Akool as a value; `T` is the type of its decoded reply."""

    method: ClassVar[str] = "POST"
    """GET sends the fields as a query string; every other method sends a JSON body."""
    path: ClassVar[str]
    """Below `root`, as Akool's page prints it. A field may stand in it, by its wire name:
    `v4/voice/detail/{id}` (N5)."""
    root: ClassVar[str] = "/api/open/"
    host: ClassVar[str] = "api"
    """Which of the client's hosts it lives on: `api`, `detect` or `legacy_detect`."""
    envelope: ClassVar[Envelope] = wire.AKOOL
    also_in: ClassVar[tuple[str, ...]] = ()
    """Addresses of other pages that document it."""
    vague_refusals: ClassVar[frozenset[str]] = frozenset()
    """Messages, in lower case, that refuse a request and say nothing about it (N1)."""
    signed: ClassVar[bool] = True
    """Whether the request carries a credential."""
    repeatable: ClassVar[bool] = False
    """Whether sending it twice has the same effect as sending it once."""
    starts_job: ClassVar[bool] = False
    """Whether it is an operation, which costs credit."""
    deprecated: ClassVar[Deprecated | None] = None
    """That it is not to be used in new programs, since when, and what replaces it."""

    def __init_subclass__(cls) -> None:
        """Say in the docstring that a class is deprecated."""
        if (deprecated := vars(cls).get("deprecated")) is not None:
            cls.__doc__ = with_note(cls.__doc__, deprecated)

    @staticmethod
    def parse(data: Raw, /) -> T:
        """Decode the data of a successful reply."""
        raise NotImplementedError

    @property
    def label(self) -> str:
        """The dotted name; the path of an endpoint without one."""
        return type(self).name or type(self).path

    def filled_in(self, _client_pair: Callable[[], tuple[str, str]]) -> Self:
        """Return this request with the client's own values for fields that the user left out."""
        return self

    def encode(self) -> HttpRequest:
        """Return the HTTP request, without host and credentials."""
        fields = self.to_wire(as_sent) if self.method == "GET" else self.body_fields()
        path = self.root + self.path
        if "{" in path:
            path, fields = wire.with_fields_in_path(path, fields)
        return wire.encode(self.method, path, fields)

    def decode(self, response: HttpResponse) -> T:
        """Return the decoded reply.

        Raises:
            APIError: Akool refused the request.
            ReplyError: the reply cannot be read.
        """
        parse: Any = self.parse
        if response.status == _OK and type(parse) in IN_ONE_STEP:
            reply: T | None = parse.at_once(response.body, self.envelope)
            if reply is not None:
                return reply
        try:
            return self._read(response)
        except ReplyError:
            body = repaired(response.body)
        if body is not None:
            with suppress(ReplyError):
                return self._read(msgspec.structs.replace(response, body=body))
        return self._read(response)  # raises the error of the reply as it came

    def receive(self, response: HttpResponse) -> T:
        """Return the value of the reply to this request as it was sent; raise what `decode` raises.

        Where a reply decides about money, it is held to more than `decode` asks.
        """
        return self.decode(response)

    def _read(self, response: HttpResponse) -> T:
        """Open the envelope, then read the data."""
        try:
            data = wire.decode(
                response, self.envelope, self.label, (type(self).docs, *self.also_in)
            )
        except APIError as error:
            if error.msg.strip(" .!").lower() in self.vague_refusals:
                error.vague = True
            raise
        try:
            return self.parse(data)
        except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
            problem = str(error)
        raise self._unreadable(f"the data cannot be read: {problem}", response)

    def _unreadable(
        self, problem: str, response: HttpResponse, jobs: tuple[str, ...] = ()
    ) -> ReplyError:
        error = ReplyError(
            problem,
            endpoint=self.label,
            http_status=response.status,
            excerpt=wire.excerpt_of(response),
        )
        error.ids = jobs
        return error


class Query(Endpoint[T]):
    """A read: it may be repeated. Set `method = "POST"` for a read with a JSON body."""

    method = "GET"
    repeatable = True


class Lookup(Query[S]):
    """A look at one job, by its id.

    Its `decode` also raises `NotFound`, with code 0, for a success whose data is empty: nothing
    has that id, or not yet.
    """

    def decode(self, response: HttpResponse) -> S:
        """Return the job's snapshot.

        Raises:
            NotFound: the reply is a success, and holds nothing.
            APIError: Akool refused the request.
            ReplyError: the reply cannot be read.
        """
        found = super().decode(response)
        if found.id and says_enough(found):
            return found
        opened = wire.opened(response, self.envelope)
        if opened is None:
            return found
        if opened.empty:
            raise NotFound(0, "nothing has this id", endpoint=self.label)
        return explained(found, {"msg": opened.msg})


class Command(Endpoint[T]):
    """A write: it travels as a JSON body, and is sent at most once unless `repeatable` is set."""

    ends_session: ClassVar[bool] = False
    """Whether it closes a session, by its `id`."""


Media: TypeAlias = Literal["image", "video", "audio"]
"""The kind of a result's media file."""


class Guess(Value, kw_only=False):
    """The expected duration of an operation's jobs, before the first measurement."""

    median: float
    """Half of the jobs take at most this many seconds."""
    spread: float = 0.7
    """Sigma of the durations' logarithm. With 0.7, two of three jobs take half to twice the
    median."""
    spacing: float = 0.0
    """Least seconds between two lookups of twenty jobs or more, as a part of the median. Where jobs
    take minutes and share lookups, that saves most requests of a batch. The fewer jobs there are,
    the closer lookups may be."""


class Family(Value, Generic[S]):
    """Jobs with the same result endpoint, and the facts that they share."""

    name: str
    result: type[S]
    """The result type of its jobs."""
    lookup: Callable[[Sequence[str]], Endpoint[Any]]
    """Make the endpoint that observes these ids, `batch` of them at most."""
    batch: int = 1
    """The most ids in one lookup."""
    vendor: str = "Akool"
    """The vendor's name, for messages."""
    cancel: Callable[[str, str | None], Command[Any] | None] | None = None
    """Make the command that cancels a job by `id` and `job_id`; `None` if there is none."""
    media: Media | None = None
    """The kind of its media, unless the operation names another; `None` for no media."""
    predicts_url: bool = True
    """Whether replies name the media's address before the job is COMPLETED (T25)."""
    usual: Guess | None = None
    """How long its jobs take, unless the operation says otherwise; `None` if unknown."""
    watch: Literal["polled", "held"] = "polled"
    """`polled`: the job works towards a result, and the learned schedule polls it.
    `held`: the job is a live session; the engine asks rarely whether it ended."""
    session: float | None = None
    """Seconds after which a session is over at the latest, if its jobs are sessions: `cancel`
    closes one, and until then it is paid. `None` for jobs with a result."""

    def observed(self, reply: Any) -> tuple[S, ...]:
        """Return the snapshots in a lookup's reply."""
        return cast("tuple[S, ...]", reply if isinstance(reply, tuple) else (reply,))

    def lacks_address(self, snapshot: Snapshot) -> bool:
        """Say whether a job is COMPLETED, and the reply does not say yet where its media is.

        Some results name their media only a moment after they are COMPLETED. A result without media
        says itself whether a part is missing.
        """
        if snapshot.status is not Status.COMPLETED:
            return False
        if self.media is None:
            return snapshot.lacks_part
        address: str = getattr(snapshot, "media_url", "")  # every result with media has it
        return not address.strip()

    def without_end(self, snapshot: S) -> S:
        """Return a snapshot as the engine takes it: without an address, it is no end yet."""
        if not self.lacks_address(snapshot):
            return snapshot
        return msgspec.structs.replace(snapshot, status=Status.PROCESSING)

    def media_of(self, startable: Startable[Any] | type[Startable[Any]]) -> Media | None:
        """Return the kind of media that an operation or recipe makes."""
        made = startable.media if isinstance(startable, type) else startable.makes
        return made or self.media

    def usual_of(self, startable: Startable[Any] | type[Startable[Any]]) -> Guess | None:
        """Return the expected duration of an operation's or recipe's jobs."""
        return startable.usual or self.usual


class Webhook(Input, abstract="last"):
    """The webhook address of a request: the one field of all that can have one.

    On the wire it is `webhookUrl`. An operation whose page prints `webhookurl` says
    `rename=LOWERCASE_WEBHOOK`; a recipe keeps the Python name.
    """

    arms: ClassVar[bool] = True
    """Whether the client gives it an address of its own: Akool is known to send its events."""

    webhook_url: WebhookUrl | None = None
    """Where Akool also posts the outcome."""


_WEBHOOK: Final = "webhook_url"
LOWERCASE_WEBHOOK = {_WEBHOOK: "webhookurl"}
"""The wire name of newer pages; a class keyword: `rename=LOWERCASE_WEBHOOK`."""


class _Starting(Input):
    """What operations and recipes share."""

    family: ClassVar[Family[Any]]
    media: ClassVar[Media | None] = None
    """The kind of its media, where that is not its family's."""
    usual: ClassVar[Guess | None] = None
    """How long its jobs take, where that is not its family's `usual`."""
    listed: ClassVar[Listed | None] = None
    """Where its jobs are listed; `None` if no list tells them from others."""
    price: ClassVar[Price | None] = None
    """What a page prints as its price; `None` where no page does."""

    def estimate(self) -> float | None:
        """Return what the request costs by Akool's documentation, in credits; it sends nothing.

        `None` where no page prints a price, or where it depends on what only Akool knows, such as
        the length of a video. Observed prices differ: after it was created, `job.credits` has what
        Akool says. A price that depends on the plan is that of the dearest one.
        """
        return None if self.price is None else self.price.of(self)

    @property
    def makes(self) -> Media | None:
        """The kind of this request's media, where its fields decide about it."""
        return self.media

    def armed(self, url: str) -> Self:
        """Return this request with a webhook address.

        It is unchanged, and the same object, if `takes_address` is False.
        """
        return msgspec.structs.replace(self, webhook_url=url) if self.takes_address else self

    @property
    def takes_address(self) -> bool:
        """Whether the client may add a webhook address: the field for it is there, and empty."""
        request: object = self
        return isinstance(request, Webhook) and request.arms and request.webhook_url is None

    def unarmed_wire(self, written: Callable[[Any], str] = text_or_address) -> dict[str, Any]:
        """Return what `to_wire` returns, without the webhook address.

        Two requests that differ in nothing else ask for the same job.
        """
        wire = self.to_wire(written)
        if isinstance(self, Webhook):
            wire.pop(_webhook_name(type(self)), None)
        return wire


@cache
def _webhook_name(cls: type[Input]) -> str:
    """Return the wire name of the webhook address."""
    return next(plan.wire_name for plan in plan_of(cls) if plan.name == _WEBHOOK)


class Operation(_Starting, Command[S], rename={_WEBHOOK: "webhookUrl"}):
    """A command that starts a job; its reply, the receipt, is the job's first snapshot."""

    starts_job = True

    def receive(self, response: HttpResponse) -> S:
        """Return the receipt, which names the job.

        Raises:
            APIError: Akool refused the request: no job runs.
            ReplyError: the reply does not say whether a job runs, or names several. The error
                names the ids in it.
        """
        jobs: tuple[str, ...] = ()
        refusal: APIError | None = None
        try:
            receipt = self.decode(response)
            jobs = receipts.jobs_in(response, self.envelope)
            if jobs in {(), (receipt.id,)} and token.is_id(receipt.id):
                return receipt.answering(self)
            problem = "the reply said success, and named no job"
            refusal = receipts.refusal_in(response, self.envelope, self.label)
        except ReplyError as error:
            problem = error.problem
        except APIError as error:
            problem = _doubt_after(error, response)
            if not problem:
                raise
        if len(jobs) > 1:
            ids = tuple(filter(None, jobs))
            problem = f"one job was asked for, and {len(jobs)} were started: {', '.join(ids)}"
            raise self._unreadable(problem, response, ids)
        refusal = refusal or wire.refusal_of_create(response, self.envelope, self.label)
        if refusal is not None:
            raise refusal
        raise self._unreadable(problem + wire.ids_named_in(response), response)


def _doubt_after(error: APIError, response: HttpResponse) -> str:
    """Return why a job may run although Akool refused its create; empty if none does."""
    said = f" ({error.msg})" if error.msg else ""
    is_known = bool(error.meaning) and error.code not in UNCLEAR_CODES
    if not (is_known or type(error) is not APIError or wire.refuses(response)):
        return f"no page says that no job runs after the code {error.code}{said}"
    # After one of these the client sends again by itself: not where a job is named.
    repeats = isinstance(error, RateLimited | AuthenticationError)
    if repeats and wire.names_a_job(response):
        return f"the reply refused the create{said}, and named a job"
    return ""


class Steps(Protocol):
    """The two actions that a recipe can take before its last operation."""

    async def call(self, endpoint: Endpoint[T], /) -> T:
        """Send a query or command."""
        ...

    async def run(self, operation: Operation[S], /) -> S:
        """Run an operation, as a paid job of its own, to its result."""
        ...


class Recipe(_Starting, Generic[S]):
    """Several steps that end in one operation, submitted and awaited like that operation.

    A recipe holds no place under the limit while it prepares. Each paid step is a job of its
    own, with its own place and token; the recipe's errors carry those tokens as `.steps`.
    """

    name: ClassVar[str] = ""
    """Dotted name; binding the recipe to a namespace sets it."""
    docs: ClassVar[str] = ""
    """Address of the page that describes it."""
    paid_steps: ClassVar[int] = 2
    """How many jobs it creates at most, the last one included."""

    @property
    def label(self) -> str:
        """The dotted name; the class's own name without one."""
        return type(self).name or type(self).__name__

    async def prepare(self, steps: Steps, /) -> Operation[S]:
        """Take all steps but the last one; return the last operation."""
        raise NotImplementedError


Startable: TypeAlias = Operation[S] | Recipe[S]
"""A request that starts a job."""
