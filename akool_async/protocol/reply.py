"""How the data of a reply is decoded, and how the simulator encodes it.

A sound reply is decoded from bytes to data in one step (`OneStep`). Every other reply takes the
careful way: `wire.decode` opens the envelope first, and a `Reply` then reads the data, field by
field if it must, so that one sick field or row does not cost the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache, cached_property
from inspect import isclass
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar, cast

import msgspec
from msgspec import Raw, Struct, ValidationError, field
from msgspec.structs import FieldInfo

from akool_async.protocol.fields import plain_text
from akool_async.protocol.reasons import explained, says_enough
from akool_async.protocol.snapshot import Snapshot, Status
from akool_async.protocol.wire import Envelope

T = TypeVar("T")


class OneStep(Generic[T]):
    """Decodes a successful, sound reply from bytes to data in one step.

    It leaves every other reply to the careful way, because a decoder of envelope and data at
    once hides the error in the envelope. One step is a quarter faster on long lists.
    """

    def __init__(self, type: Any) -> None:
        self._type = type
        self._envelope: Envelope | None = None
        self._decoder: msgspec.json.Decoder[Any] | None = None

    def data(self, body: bytes, envelope: Envelope) -> T | None:
        """Return the data of a reply; `None` if it needs the careful way."""
        if envelope is not self._envelope:  # an endpoint never changes its envelope
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


_NO_ALIASES: Final[Mapping[str, str]] = MappingProxyType({})


class Reply(Generic[T]):
    """Decodes the data of a reply; the simulator encodes it with the same knowledge.

    Akool's pages print some objects as an array of one, or inside `result` (T10): all forms are
    read.

    Args:
        type: The class of the value.
        in_array: Whether the page prints an array of one.
        inside: The field of the data that the object, or the array, lies in (N4, N11).
        beside: A list that is printed beside it, empty here.
        aliases: Other wire names of fields, by the name that the class knows (N3).
    """

    def __init__(
        self,
        type: type[T],
        *,
        in_array: bool = False,
        inside: str = "",
        beside: str = "",
        aliases: Mapping[str, str] = _NO_ALIASES,
    ) -> None:
        self.type = type
        self._in_array = in_array
        self._inside = inside
        self._is_bare = not inside and not aliases
        self._beside = beside
        self._aliases = aliases

    @cached_property
    def _container(self) -> Any:
        if not self._inside:
            return self.type
        held: Any = tuple[self.type, ...] if self._in_array else self.type  # type: ignore[name-defined]
        return msgspec.defstruct("Container", [("held", held, field(name=self._inside))])

    @cached_property
    def _decoder(self) -> msgspec.json.Decoder[Any]:
        # Made on first use: few programs read the replies of all endpoints.
        return msgspec.json.Decoder(self._container)

    @cached_property
    def _at_once(self) -> OneStep[Any]:
        return OneStep(self._container)

    def _held(self, opened: Any) -> T | None:
        """Return the object in an opened container; `None` if it needs the careful way."""
        if opened is None or not self._inside:
            return cast("T | None", opened)
        if not self._in_array:
            return cast("T", opened.held)
        return opened.held[0] if opened.held else None

    def printed(self, schema_of: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Return the schema of `data`, as the page prints it.

        Args:
            schema_of: Returns the schema of a class of values.
        """
        held = schema_of(self.type)
        held = {"type": "array", "items": held} if self._in_array else held
        return {"type": "object", "properties": {self._inside: held}} if self._inside else held

    def __call__(self, data: Raw, /) -> T:
        """Decode `data`. Optional fields that cannot be read take their defaults.

        Raises:
            msgspec.ValidationError: a required field is missing or has another type.
        """
        if not self._aliases:
            with suppress(ValidationError):
                value = self._held(self._decoder.decode(data))
                if value is not None and _is_whole(value):
                    return value
        return tolerant(self.type, self._renamed(self._object_in(msgspec.json.decode(data))))

    def _object_in(self, document: Any) -> Any:
        """Return the object in the data of a reply, whatever it is wrapped in."""
        found = single(document)
        known = fields_of(found)
        if self._inside in known:
            return single(known[self._inside])
        if _names(found) or not issubclass(self.type, Snapshot):
            return found
        inner = (single(known.get(key)) for key in _WRAPPERS)
        return next(filter(_names, inner), found)

    def _renamed(self, document: Any) -> Any:
        """Return an object's document with the names that the class knows."""
        if not self._aliases or not isinstance(document, dict):
            return document
        known = cast("dict[str, Any]", document)
        others = {name: known[alias] for name, alias in self._aliases.items() if alias in known}
        return others | known

    def encode(self, value: T) -> Any:
        """Return the data that decodes to a value, as Akool's page prints it."""
        document = msgspec.to_builtins(value, enc_hook=plain_text)
        if self._aliases:
            document = {self._aliases.get(name, name): each for name, each in document.items()}
        held = [document] if self._in_array else document
        if not self._inside:
            return held
        return {self._inside: held} | ({self._beside: []} if self._beside else {})

    def at_once(self, body: bytes, envelope: Envelope) -> T | None:
        """Decode a sound reply, envelope included, in one step; else return `None`."""
        if self._is_bare:  # as most replies are
            value = self._at_once.data(body, envelope)
        elif self._aliases:
            return None
        else:
            value = self._held(self._at_once.data(body, envelope))
        return value if _is_whole(value) else None


_WRAPPERS: Final = ("result", "data", "successList", "list")
"""Names of the fields that an object may lie in, one level deeper than its page prints it."""


def _is_whole(value: object) -> bool:
    """Say whether a value is no job, or a job with its id and, if it failed, with a reason.

    What is missing may stand elsewhere in the reply.
    """
    return not isinstance(value, Snapshot) or (value.id != "" and says_enough(value))


def single(document: Any) -> Any:
    """Return the one object of a reply that may be an array of one; nothing is an empty object."""
    if isinstance(document, list):
        rows: list[Any] = cast("Any", document)
        document = rows[0] if rows else None
    return {} if document in (None, "") else document  # PHP writes an empty object as []


def _names(document: object) -> bool:
    """Say whether a document is an object with an id."""
    return bool(fields_of(document).get("_id"))


def fields_of(document: object) -> dict[str, Any]:
    """Return the fields of an object; none of anything else."""
    return cast("Any", document) if isinstance(document, dict) else {}


class Nothing(Reply[None]):
    """The reply of endpoints that answer without data."""

    def __init__(self) -> None:
        super().__init__(type(None))

    def printed(self, schema_of: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:  # noqa: ARG002
        """Return the schema of any data."""
        return {}

    def __call__(self, _data: Raw, /) -> None:
        """Ignore the data."""


class Rows(Reply[tuple[T, ...]]):
    """Rows, bare or under a key of `data` (T10). Rows that cannot be read are left out."""

    def __init__(self, row: type[T], *, key: str = "", bare: bool = False) -> None:
        self.row = row
        self._key = key
        self._bare = bare
        self._are_jobs = issubclass(row, Snapshot)

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

    def printed(self, schema_of: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Return the schema of `data`, as the page prints it."""
        rows = {"type": "array", "items": schema_of(self.row)}
        return rows if self._bare else {"type": "object", "properties": {self._key: rows}}

    def __call__(self, data: Raw, /) -> tuple[T, ...]:
        """Decode all rows at once, or one by one if that fails.

        Raises:
            msgspec.ValidationError: there are no rows at all.
        """
        whole = None
        with suppress(ValidationError):
            whole = self._rows(self._whole.decode(data))
            if not self._asks_why(whole):
                return whole
        documents = self._rows_of(msgspec.json.decode(data))
        if whole is None:
            return tuple(readable(self.row, documents))
        return tuple(map(explained, whole, documents))

    def _rows(self, whole: Any) -> tuple[T, ...]:
        rows: tuple[T, ...] = whole if self._bare else getattr(whole, self._key)
        return rows

    def at_once(self, body: bytes, envelope: Envelope) -> tuple[T, ...] | None:
        """Decode a sound reply, envelope included, in one step; else return `None`."""
        whole = self._whole_at_once.data(body, envelope)
        if whole is None:
            return None
        rows = self._rows(whole)
        return None if self._asks_why(rows) else rows

    def _asks_why(self, rows: tuple[T, ...]) -> bool:
        """Say whether a row is a failed job without a documented reason."""
        if not self._are_jobs or Status.FAILED not in map(_STATUS, rows):
            return False
        return not all(map(says_enough, rows))

    def _rows_of(self, document: Any) -> list[Any]:
        rows: Any = document
        if isinstance(document, dict):
            known = cast("dict[str, Any]", document)
            # T10: `data` is the key in the sessions' table
            rows = known[self._key] if self._key in known else known.get("data", _ABSENT)
        if rows is None and (self._bare or rows is not document):
            return []  # some servers write an empty list as null
        if isinstance(rows, dict) and rows:  # and a list of one as its row
            return [rows]
        return msgspec.convert(rows, list[Any])

    def number_in(self, data: Raw) -> int:
        """Return the number of rows, unreadable ones included."""
        return len(self._rows_of(msgspec.json.decode(data)))

    def encode(self, value: tuple[T, ...]) -> Any:
        """Return the data that decodes to these rows."""
        rows = [msgspec.to_builtins(row, enc_hook=plain_text) for row in value]
        return rows if self._bare else {self._key: rows}


_STATUS: Final = attrgetter("status")
_ABSENT: Final = ""
"""Stands for rows that are not in the reply: no list."""

IN_ONE_STEP: Final = frozenset((Reply, Rows))
"""The classes that decode a whole reply in one step; a subclass of them may decode otherwise."""


def readable(row: type[T], documents: Sequence[Any]) -> Sequence[T]:
    """Build the rows that can be read, in order; leave out the others."""
    rows: list[T] = []
    for document in documents:
        try:
            rows.append(tolerant(row, document))
        except ValidationError:  # one sick row must not cost the others
            continue
    return rows


def tolerant(type: type[T], document: Any) -> T:
    """Build a value of the readable fields; unreadable optional fields take their defaults.

    Raises:
        msgspec.ValidationError: it is no object, or a required field cannot be read.
    """
    if not isinstance(document, Mapping):
        return msgspec.convert(document, type)
    known: dict[str, Any] = {}
    for part in _parts_of(cast("Any", type)):
        if part.encode_name in document:
            try:
                known[part.name] = _nearest(part, document[part.encode_name])
            except ValidationError:
                if part.required:
                    raise
        elif part.required:
            raise ValidationError(f"Object missing required field `{part.encode_name}`")
    return explained(type(**known), cast("Any", document))


@cache  # msgspec compiles the annotations of all fields at each call: 120 µs a row
def _parts_of(type: type[Any]) -> tuple[FieldInfo, ...]:
    return msgspec.structs.fields(type)


def _nearest(part: FieldInfo, document: Any) -> Any:
    if isclass(part.type) and issubclass(part.type, Struct):
        return tolerant(part.type, document)
    if part.type is Status and isinstance(document, str):
        with suppress(ValueError):
            return Status(cast("Any", document))  # by its word
    try:
        return msgspec.convert(document, part.type, strict=False)
    except ValidationError:
        is_number = isinstance(document, int) and not isinstance(document, bool)
        if not is_number or not part.encode_name.lower().endswith("id"):
            raise
    return msgspec.convert(str(document), part.type)  # an id is a text, even one of digits
