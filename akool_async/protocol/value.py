"""The two kinds of data object: values that arrive, and inputs that are checked.

msgspec's structs inherit neither `frozen` for type checkers nor `kw_only`. The metaclass applies
both, so that no class line repeats them. Nor can a struct choose the position of an inherited
field. So an `abstract` class has no fields of its own: it lends them to the first class below it
that is not abstract, before that class's own fields, or after them with `abstract="last"`. A
class that names a lent field again chooses its position and its type.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache, partial
from pathlib import PurePath
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Literal,
    NamedTuple,
    Self,
    cast,
    dataclass_transform,
    get_args,
    get_type_hints,
)

import msgspec
from msgspec import Struct, StructMeta

from akool_async.errors import InvalidInput
from akool_async.plain import HIDDEN, as_json, plain
from akool_async.protocol.arguments import problem_with
from akool_async.protocol.checking import checked, checks_of
from akool_async.protocol.fields import (
    FieldPlan,
    Files,
    plain_text,
    plan_of,
    tag_of,
    text_or_address,
)
from akool_async.protocol.secret_fields import places_of


class ValueMeta(StructMeta):
    """Makes the classes of values."""

    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        abstract: bool | Literal["last"] = False,
        **config: Any,
    ) -> Any:
        """Make a class; its abstract parents lend it their fields."""
        config = {"frozen": True, "kw_only": True} | config
        lent: dict[str, _Lent] = {}
        for base in bases:
            lent |= getattr(base, "_lent", {})
        if abstract:
            namespace["_lent"] = lent | _taken_out(namespace, last=abstract == "last")
        elif lent:
            _put_in(namespace, lent)
        return super().__new__(mcs, name, bases, namespace, **config)


class _Lent(NamedTuple):
    """A field of an abstract class."""

    hint: Any
    default: Any
    last: bool
    """Whether it stands after the own fields of the class that gets it."""


def _taken_out(namespace: dict[str, Any], *, last: bool) -> dict[str, _Lent]:
    """Take the fields out of an abstract class."""
    annotations: dict[str, str] = namespace.get("__annotations__", {})
    names = [each for each, hint in annotations.items() if not hint.startswith("ClassVar")]
    own = {each: annotations.pop(each) for each in names}
    part = type("", (), {"__annotations__": own, "__module__": namespace["__module__"]})
    hints = get_type_hints(part, include_extras=True)
    return {each: _Lent(hints[each], namespace.pop(each, msgspec.NODEFAULT), last) for each in own}


def _put_in(namespace: dict[str, Any], lent: Mapping[str, _Lent]) -> None:
    """Give a class the fields of abstract ones, unless it names them again."""
    own: dict[str, Any] = namespace.get("__annotations__", {})
    others = {each: field for each, field in lent.items() if each not in own}
    if hidden := others.keys() & namespace:
        raise TypeError(f"inherited fields that are named again need their types: {hidden}")
    before = {each: field.hint for each, field in others.items() if not field.last}
    after = {each: field.hint for each, field in others.items() if field.last}
    namespace["__annotations__"] = before | own | after
    for each, field in others.items():
        if field.default is not msgspec.NODEFAULT:
            namespace[each] = field.default
    namespace["_lent"] = {}


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Value(Struct, metaclass=ValueMeta, frozen=True, kw_only=True):
    """An immutable record with keyword-only fields."""

    hidden_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields that `to_dict` leaves out: secrets, and what is no data."""
    shown_properties: ClassVar[tuple[str, ...]] = ()
    """Properties that `to_dict` shows beside the fields."""

    shows_defaults: ClassVar[bool] = False
    """Whether a repr shows the fields that have their defaults, too, as settings do."""

    def __repr__(self) -> str:
        """Show the fields that were set; `to_dict` has them all."""
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Return the same fields for rich, which prints over several lines what is long."""
        shown: list[tuple[str, Any]] = []
        defaults = type(self).__struct_defaults__
        required = len(self.__struct_fields__) - len(defaults)
        for index, name in enumerate(self.__struct_fields__):
            value = getattr(self, name)
            default = defaults[index - required] if index >= required else msgspec.NODEFAULT
            if default is msgspec.NODEFAULT or self.shows_defaults or _was_set(value, default):
                shown.append((name, value))
        return shown

    def to_dict(self) -> dict[str, Any]:
        """Return the value as plain data, by the names that Python uses, for JSON or a store.

        Values inside become dicts too, and enums their plain values; times become ISO 8601
        texts, and infinity `None`. Secrets are `***`, or left out.
        """
        return tag_of(type(self)) | {
            name: plain(getattr(self, name)) for name in _shown_names(type(self))
        }

    def to_json(self) -> str:
        """Return what `to_dict` returns, as JSON text on one line."""
        return as_json(self.to_dict())

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build the value from what `to_dict` returned; unknown keys are ignored.

        Raises:
            InvalidInput: a field is missing, or has the wrong type.
        """
        from akool_async.protocol.rebuilding import rebuilt

        value: Self = rebuilt(cls, data)
        return value

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, _handler: Any) -> Any:
        """Tell pydantic, and so FastAPI, how to check, build and write such values."""
        from akool_async.protocol.rebuilding import rebuilt
        from akool_async.pydantic_hook import core_schema_of

        parameters = [getattr(each, "__name__", "Any") for each in get_args(source)]
        whole = partial(rebuilt, source) if parameters else cls.from_dict
        return core_schema_of(cls, "_".join([cls.__name__, *parameters]), whole, source)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> dict[str, Any]:
        """Describe such values for an OpenAPI page."""
        from akool_async.protocol.json_schema import json_schema_of

        return json_schema_of(core_schema["metadata"]["type"], written=handler.mode != "validation")


def _was_set(value: object, default: object) -> bool:
    """Say whether an optional field holds something: not its default, nor an empty collection."""
    # What a user keeps in a field, such as an array or a table, may have no truth of its own.
    if _is_empty(value):
        return False
    return value is not default and (type(value) is not type(default) or value != default)


def _is_empty(value: object) -> bool:
    return isinstance(value, Collection) and len(cast("Collection[Any]", value)) == 0  # type: ignore[redundant-cast]


class InputMeta(ValueMeta):
    """Makes the classes of inputs. A call with wrong arguments says which, and what is taken."""

    if not TYPE_CHECKING:  # type checkers know the parameters of each class

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            """Build a value."""
            try:
                return _make(self, *args, **kwargs)
            except TypeError:
                problem = problem_with(self, args, kwargs)
                if not problem:
                    raise
            raise TypeError(problem)

        @property
        def __signature__(self) -> Any:
            """What `inspect.signature` and `help` show: the fields, without their rules."""
            from akool_async.protocol.shown_types import shown_signature

            return shown_signature(super().__signature__)


_make: Any = StructMeta.__call__


@cache
def _shown_names(cls: type[Value]) -> tuple[str, ...]:
    # A plan knows no `Unsent` field. That of a reply may name types that only type checkers know.
    own = issubclass(cls, Input)
    known = [plan.name for plan in plan_of(cls)] if own else cls.__struct_fields__
    return (*(name for name in known if name not in cls.hidden_fields), *cls.shown_properties)


class Input(Value, metaclass=InputMeta, forbid_unknown_fields=True, gc=False):
    """A value from the user: checked when it is built, before any network.

    It is built of plain values and so is part of no cycle: the garbage collector ignores it.

    Raises:
        InvalidInput: on building, if a field has the wrong type or breaks a rule.
    """

    def __post_init__(self) -> None:
        for name, optional, is_fine, plan in checks_of(type(self)):
            given = getattr(self, name)
            if (given is None and optional) or is_fine(given):
                continue
            value = checked(plan, given, type(self).__name__)
            if value is not given:
                msgspec.structs.force_setattr(self, name, value)
        self.check()

    def check(self) -> None:
        """Check the rules that join several fields; raise `InvalidInput`."""

    def refuse(self, field: str, rule: str) -> InvalidInput:
        """Build the error for a field that breaks a rule joining several fields."""
        return InvalidInput(field, getattr(self, field, None), rule, owner=type(self).__name__)

    def files_for(self, plan: FieldPlan) -> Files | None:
        """Return which files a field takes in place of an address; `None` for none."""
        return plan.files

    def to_wire(self, written: Callable[[Any], str] = text_or_address) -> dict[str, Any]:
        """Return the fields under their wire names as plain data, without those that are `None`.

        Secrets are `***`: this is what may be kept. `encode` returns what is sent.

        Args:
            written: Makes a text of what is no plain data, such as the path of a file; by default
                that is its `file:` address on this machine.
        """
        wire: dict[str, Any] = msgspec.to_builtins(self.body_fields(), enc_hook=written)
        return wire

    def body_fields(self) -> dict[str, Any]:
        """Return the same fields as `to_wire`, ready for the JSON encoder, but not plain data."""
        fields: dict[str, Any] = {}
        for plan in plan_of(type(self)):
            value = getattr(self, plan.name)
            if value is None:
                continue
            if plan.coding is not None:
                is_file = plan.files is not None and isinstance(value, PurePath)
                bare = value if is_file else msgspec.to_builtins(value, enc_hook=plain_text)
                value = plan.coding.to_wire(bare)
            fields[plan.wire_name] = value
        return fields

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Build the value from fields under their wire names; the inverse of `to_wire`.

        Raises:
            InvalidInput: a field is unknown, missing, of the wrong type, or breaks a rule.
        """
        plans = _complete(cls, {plan.wire_name: plan for plan in plan_of(cls)}, wire)
        return cls(**{plans[key].name: _decoded(plans[key], value) for key, value in wire.items()})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build the value from fields under their Python names; the inverse of `to_dict`.

        Raises:
            InvalidInput: a field is unknown, missing, of the wrong type, or breaks a rule.
        """
        if not isinstance(data, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - a body
            raise InvalidInput(
                "data", HIDDEN if places_of(cls) else data, "must be an object", owner=cls.__name__
            )
        given = {key: value for key, value in data.items() if key not in tag_of(cls)}
        _complete(cls, {plan.name: plan for plan in plan_of(cls)}, given)
        return cls(**given)


def _complete(
    cls: type[Input], plans: Mapping[str, FieldPlan], given: Mapping[str, Any]
) -> Mapping[str, FieldPlan]:
    """Return the plans of a class by name, if the data names its fields, and all it has to.

    Raises:
        InvalidInput: a field is unknown, or missing.
    """
    for key in given:
        if key not in plans:
            shown = HIDDEN if places_of(cls) else given[key]  # it may be a secret's name, misspelt
            raise InvalidInput(key, shown, "is not a field", owner=cls.__name__)
    for name, plan in plans.items():
        if plan.required and given.get(name) is None:
            raise InvalidInput(name, None, "is required", owner=cls.__name__)
    return plans


def _decoded(plan: FieldPlan, value: Any) -> Any:
    return plan.coding.from_wire(value) if plan.coding else value


__all__ = ["Input", "InputMeta", "Value", "ValueMeta"]
