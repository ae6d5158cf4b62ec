"""What an endpoint is: a value that knows its method, path, fields and reply.

A `Query` reads and may be repeated. A `Command` writes and is sent at most once.
An `Operation` is a command that starts a job; jobs that are asked about at the
same result endpoint form a `Family`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from functools import cached_property
from inspect import isclass
from typing import Any, ClassVar, Generic, Protocol, Self, TypeAlias, TypeVar, cast

import msgspec
from msgspec import Raw, Struct, ValidationError, field

from akool_async.errors import ReplyError
from akool_async.protocol import wire
from akool_async.protocol.value import Input, Value
from akool_async.protocol.wire import Envelope, HttpRequest, HttpResponse

T = TypeVar("T")

_OK = 200


class Status(IntEnum):
    """Where a job stands; Akool uses these four numbers everywhere, under five names.

    An unknown number (T17) becomes a member of its own: readable, and not terminal.
    """

    QUEUED = 1
    PROCESSING = 2
    COMPLETED = 3
    FAILED = 4

    @property
    def terminal(self) -> bool:
        """Whether the job has ended."""
        return self is Status.COMPLETED or self is Status.FAILED

    @classmethod
    def _missing_(cls, value: object) -> Status | None:
        if not isinstance(value, int):
            return None
        unknown = int.__new__(cls, value)
        unknown._name_ = f"UNKNOWN_{value}"
        unknown._value_ = value
        return unknown


ID: Any = field(name="_id", default="")
"""The field of Akool's id, for classes that say where it stands."""


class Snapshot(Value, dict=True, abstract=True):
    """What Akool says about a job at one moment.

    `dict=True` leaves room for what is not data: a result's link to its client.
    """

    id: str = ID
    """Akool's id of the job, 24 hex digits: the one that result endpoints take."""
    job_id: str | None = None
    """Akool's second id of the job, the one that cancelling takes; few families have it."""
    status: Status = Status.QUEUED
    """Where the job stands."""
    error_reason: str = ""
    """Why the job failed, where Akool says so. A text here is no failure by itself (T34)."""

    @property
    def reason(self) -> str:
        """Why the job failed, in one line; may be empty."""
        return self.error_reason

    def following(self, receipt: Snapshot | None) -> Self:
        """Return this snapshot with what only the create reply said."""
        if self.job_id is None and receipt is not None and receipt.job_id is not None:
            return msgspec.structs.replace(self, job_id=receipt.job_id)
        return self

    def without_secrets(self) -> Self:
        """Return this snapshot without what lets others in: what a journal may keep."""
        return self


S = TypeVar("S", bound=Snapshot)


class OneStep(Generic[T]):
    """Decodes a reply from bytes to data in one step, if it is a success and sound.

    Anything else is left to the careful way, which opens the envelope first: a decoder that
    wants both at once hides the error. It is a quarter faster on long lists.
    """

    def __init__(self, type: Any) -> None:
        self._type = type
        self._envelope: Envelope | None = None
        self._decoder: msgspec.json.Decoder[Any] | None = None

    def data(self, body: bytes, envelope: Envelope) -> T | None:
        """Return the data of a reply; `None` where the careful way has to be taken."""
        if envelope is not self._envelope:  # an endpoint has but one, its life long
            self._envelope, self._decoder = envelope, self._decoder_of(envelope)
        if self._decoder is None:
            return None
        try:
            opened = self._decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        data: T | None = opened.data if opened.code == envelope.success else None
        return data

    def _decoder_of(self, envelope: Envelope) -> msgspec.json.Decoder[Any] | None:
        if envelope.data is None:
            return None
        code = ("code", int, field(name=envelope.code))
        data = ("data", self._type, field(name=envelope.data))
        return msgspec.json.Decoder(msgspec.defstruct("Opened", [code, data]))


class Reply(Generic[T]):
    """How the data of a reply is read; the simulator writes it with the same knowledge.

    Akool's pages print some objects as an array of one (T10): both are read.
    """

    def __init__(self, type: type[T], *, in_array: bool = False) -> None:
        self.type = type
        self._at_once = OneStep[T](type)
        self._in_array = in_array

    @cached_property
    def _decoder(self) -> msgspec.json.Decoder[T]:
        # Made when it is needed: few programs read the replies of all endpoints.
        return msgspec.json.Decoder(self.type)

    def __call__(self, data: Raw, /) -> T:
        """Decode `data`. Optional fields that cannot be read take their defaults.

        Raises:
            msgspec.ValidationError: what is required is missing or of another type.
        """
        try:
            return self._decoder.decode(data)
        except ValidationError:
            document = msgspec.json.decode(data)
        return tolerant(
            self.type, document[0] if isinstance(document, list) and document else document
        )

    def encode(self, value: T) -> Any:
        """Return the data that decodes to a value, as Akool's page prints it."""
        document = msgspec.to_builtins(value)
        return [document] if self._in_array else document

    def at_once(self, body: bytes, envelope: Envelope) -> T | None:
        """Decode a reply that is as it should be, envelope and all, in one step; else `None`."""
        return self._at_once.data(body, envelope)


class Nothing(Reply[None]):
    """The reply of endpoints that answer without data."""

    def __init__(self) -> None:
        super().__init__(type(None))

    def __call__(self, _data: Raw, /) -> None:
        """Look at nothing."""


class Rows(Reply[tuple[T, ...]]):
    """Rows, bare or under a key of `data` (T10); one that cannot be read is left out."""

    def __init__(self, row: type[T], *, key: str = "", bare: bool = False) -> None:
        self.row = row
        self._key = key
        self._bare = bare

    @cached_property
    def _container(self) -> Any:
        rows: Any = tuple[self.row, ...]  # type: ignore[name-defined]
        return rows if self._bare else msgspec.defstruct("Container", [(self._key, rows)])

    @cached_property
    def _whole(self) -> msgspec.json.Decoder[Any]:
        return msgspec.json.Decoder(self._container)

    @cached_property
    def _whole_at_once(self) -> OneStep[Any]:
        return OneStep(self._container)

    def __call__(self, data: Raw, /) -> tuple[T, ...]:
        """Decode all rows at once, or one by one if that fails.

        Raises:
            msgspec.ValidationError: there are no rows at all.
        """
        try:
            return self._rows(self._whole.decode(data))
        except ValidationError:
            document = msgspec.json.decode(data)
        return tuple(readable(self.row, self._rows_of(document)))

    def _rows(self, whole: Any) -> tuple[T, ...]:
        rows: tuple[T, ...] = whole if self._bare else getattr(whole, self._key)
        return rows

    def at_once(self, body: bytes, envelope: Envelope) -> tuple[T, ...] | None:
        """Decode a reply that is as it should be, envelope and all, in one step; else `None`."""
        whole = self._whole_at_once.data(body, envelope)
        return None if whole is None else self._rows(whole)

    def _rows_of(self, document: Any) -> list[Any]:
        rows: Any = document
        if isinstance(document, dict):
            known = cast("dict[str, Any]", document)
            rows = known.get(self._key, known.get("data"))  # T10: so says the table of sessions
        return msgspec.convert(rows, list[Any])

    def number_in(self, data: Raw) -> int:
        """Return how many rows there are, those that cannot be read included."""
        return len(self._rows_of(msgspec.json.decode(data)))

    def encode(self, value: tuple[T, ...]) -> Any:
        """Return the data that decodes to these rows."""
        rows = [msgspec.to_builtins(row) for row in value]
        return rows if self._bare else {self._key: rows}


_AT_ONCE = frozenset((Reply, Rows))
"""Those of them that read a whole reply in one step; what derives from them has its own ways."""


def readable(row: type[T], documents: Sequence[Any]) -> Sequence[T]:
    """Build the rows that can be read, in order; leave out those that cannot."""
    rows: list[T] = []
    for document in documents:
        try:
            rows.append(tolerant(row, document))
        except ValidationError:  # one sick row is not the end of the others
            continue
    return rows


def tolerant(type: type[T], document: Any) -> T:
    """Build a value of what can be read; optional fields that cannot take their defaults.

    Raises:
        msgspec.ValidationError: it is no object, or a required field cannot be read.
    """
    if not isinstance(document, Mapping):
        return msgspec.convert(document, type)
    known: dict[str, Any] = {}
    for part in msgspec.structs.fields(cast("Any", type)):
        if part.encode_name in document:
            try:
                known[part.name] = _nearest(part.type, document[part.encode_name])
            except ValidationError:
                if part.required:
                    raise
        elif part.required:
            raise ValidationError(f"Object missing required field `{part.encode_name}`")
    return type(**known)


def _nearest(type: Any, document: Any) -> Any:
    if isclass(type) and issubclass(type, Struct):
        return tolerant(type, document)
    return msgspec.convert(document, type, strict=False)


class Endpoint(Input, Generic[T]):
    """A request to Akool as a value; `T` is what its reply means."""

    method: ClassVar[str] = "POST"
    path: ClassVar[str]
    """Below `root`, as Akool's page prints it."""
    root: ClassVar[str] = "/api/open/"
    host: ClassVar[str] = "api"
    """Which of the client's hosts it lives on: `api`, `detect` or `legacy_detect`."""
    envelope: ClassVar[Envelope] = wire.AKOOL
    name: ClassVar[str] = ""
    """Dotted name, given where the endpoint is bound to a namespace."""
    docs: ClassVar[str] = ""
    """Address of the page that documents it."""
    also_in: ClassVar[tuple[str, ...]] = ()
    """Addresses of other pages that document it."""
    signed: ClassVar[bool] = True
    """Whether a credential goes with it."""
    repeatable: ClassVar[bool] = False
    """Whether sending it twice does no more than sending it once."""
    starts_job: ClassVar[bool] = False
    """Whether it is an operation, and so paid for."""

    @staticmethod
    def parse(data: Raw, /) -> T:
        """Decode the data of a successful reply."""
        raise NotImplementedError

    @property
    def label(self) -> str:
        """The dotted name, or the path of an endpoint that is bound nowhere."""
        return type(self).name or type(self).path

    def filled_in(self, _client_pair: Callable[[], tuple[str, str]]) -> Self:
        """Return this request with what the client knows and the user left out."""
        return self

    def encode(self) -> HttpRequest:
        """Return the HTTP request, without host and credentials."""
        fields = self.to_wire() if self.method == "GET" else self.body_fields()
        return wire.encode(self.method, self.root + self.path, fields)

    def decode(self, response: HttpResponse) -> T:
        """Return what a reply means.

        Raises:
            APIError: Akool said no.
            ReplyError: the reply cannot be read.
        """
        parse: Any = self.parse
        if response.status == _OK and type(parse) in _AT_ONCE:
            reply: T | None = parse.at_once(response.body, self.envelope)
            if reply is not None:
                return reply
        data = wire.decode(response, self.envelope, self.label, (self.docs, *self.also_in))
        try:
            return self.parse(data)
        except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
            problem = str(error)
        excerpt = wire.excerpt_of(response)
        raise ReplyError(
            f"the data cannot be read: {problem}",
            endpoint=self.label,
            http_status=response.status,
            excerpt=excerpt,
        )


class Query(Endpoint[T]):
    """A read: it travels as a query string, and is safe to repeat."""

    method = "GET"
    repeatable = True


class Command(Endpoint[T]):
    """A write: it travels as a JSON body, and is sent at most once unless it says otherwise."""


class Family(Value, Generic[S]):
    """Jobs that are asked about at the same result endpoint."""

    name: str
    result: type[S]
    """What a job of this family becomes."""
    lookup: Callable[[Sequence[str]], Endpoint[Any]]
    """Make the endpoint that observes these ids; never more of them than `batch`."""
    batch: int = 1
    """How many ids one lookup may ask about."""
    vendor: str = "Akool"
    """Whose jobs these are, for messages."""
    cancel: Callable[[str, str | None], Command[Any] | None] | None = None
    """Make the command that cancels a job by `id` and `job_id`, if it can be cancelled."""

    def observed(self, reply: Any) -> tuple[S, ...]:
        """Return the snapshots in a lookup's reply."""
        return cast("tuple[S, ...]", reply if isinstance(reply, tuple) else (reply,))


class Operation(Command[S]):
    """A command that starts a job; its reply, the receipt, is the job's first snapshot."""

    starts_job = True
    family: ClassVar[Family[Any]]


class Steps(Protocol):
    """What a recipe may do on its way to its last operation."""

    async def call(self, endpoint: Endpoint[T], /) -> T:
        """Send a query or command."""
        ...

    async def run(self, operation: Operation[S], /) -> S:
        """Run an operation, as a paid job of its own, to its result."""
        ...


class Recipe(Input, Generic[S]):
    """Several steps that end in one operation, submitted and awaited like that operation.

    A recipe holds no place under the limit while it prepares. Each paid step is a job of its
    own, with its own place and token; the recipe's errors carry those tokens as `.steps`.
    """

    name: ClassVar[str] = ""
    """Dotted name, given where the recipe is bound to a namespace."""
    family: ClassVar[Family[Any]]
    docs: ClassVar[str] = ""
    """Address of the page that describes it."""

    @property
    def label(self) -> str:
        """The dotted name, or the class's own where it is bound nowhere."""
        return type(self).name or type(self).__name__

    async def prepare(self, steps: Steps, /) -> Operation[S]:
        """Take all steps but the last, and return that."""
        raise NotImplementedError


Startable: TypeAlias = Operation[S] | Recipe[S]
"""What starts a job."""
