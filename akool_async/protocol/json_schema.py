"""The JSON schema of a value's plain data, with the texts that stand under its fields.

`json_schema_of` has Python's names, `sent_schema_of` Akool's.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, TypeAlias, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from akool_async.plain import plain
from akool_async.protocol.documentation import field_docs, summary
from akool_async.protocol.fields import UNIONS, FieldPlan, plan_of, tag_of

Schema: TypeAlias = dict[str, Any]


def json_schema_of(kind: Any, *, written: bool) -> Schema:
    """Return the schema of a class of values, with all that it is made of inside.

    Args:
        kind: The class, or a generic one with its parameters.
        written: Whether for data that is written, by `to_dict`; else for data that is read.
    """
    cls: Any = get_origin(kind) or kind
    try:
        plans = {plan.name: plan for plan in plan_of(kind)}
    except NameError:  # a field of a type that only type checkers know
        return {"type": "object", "title": cls.__name__, "description": summary(cls)}
    shown = [each for each in plans if not (written and each in cls.hidden_fields)]
    tag = _tag_schema(cls)
    properties = tag | {name: _field_schema(cls, plans[name], written=written) for name in shown}
    if not written:
        for name, default in _defaults(cls):
            properties[name] |= {"default": default}
    else:
        properties |= {name: _property_schema(cls, name) for name in cls.shown_properties}
    # What is written has all its fields.
    required = [name for name in properties if written or name in tag or plans[name].required]
    schema: Schema = {"type": "object", "title": cls.__name__, "description": summary(cls)}
    schema |= {"properties": properties}
    return schema | ({"required": required} if required else {})


def sent_schema_of(cls: Any) -> Schema:
    """Return the schema of a request as it is sent: by Akool's names, and in its spellings."""
    plans = plan_of(cls)
    tag = _tag_schema(cls)
    properties = tag | {plan.wire_name: _sent_field(cls, plan) for plan in plans}
    schema: Schema = {"type": "object", "title": cls.__name__, "description": summary(cls)}
    required = [*tag, *(plan.wire_name for plan in plans if plan.required)]
    return schema | {"properties": properties} | ({"required": required} if required else {})


def _sent_field(cls: type[Struct], plan: FieldPlan) -> Schema:
    told = _field_schema(cls, plan, written=False)
    schema = _sent(plan.type) if plan.coding is None else _coded(plan)
    return schema | ({"description": told["description"]} if "description" in told else {})


def _sent(hint: Any) -> Schema:
    """Return the schema of a field's type, with the values inside under Akool's names."""
    origin = get_origin(hint)
    kind = origin or hint
    if origin is Annotated and get_origin(hint.__origin__) is not None:
        return _sent(hint.__origin__)
    if isinstance(kind, type) and issubclass(kind, Struct):
        return sent_schema_of(kind)
    if origin in {*UNIONS, tuple, list, Sequence, dict, Mapping}:
        return _container_schema(origin, [_sent(arg) for arg in get_args(hint) if arg is not ...])
    return _schema_of(hint, written=False)


def _coded(plan: FieldPlan) -> Schema:
    """Return the schema of a field that is spelt otherwise on the wire (T11, T12)."""
    assert plan.coding is not None
    arms = get_args(plan.type) if get_origin(plan.type) in UNIONS else (plan.type,)
    kind = next(arm for arm in arms if arm is not type(None))
    if kind is bool:
        return {"type": "integer", "enum": [plan.coding.to_wire(each) for each in (False, True)]}
    schema = _sent(kind)
    if schema.get("type") == "array" and schema["items"] == {"type": "string"}:
        return {"type": "string"} if isinstance(plan.coding.to_wire(("a",)), str) else schema
    if schema.get("type") == "string" and isinstance(plan.coding.to_wire("a"), list | tuple):
        return {"type": "array", "items": schema}
    return schema


def _defaults(cls: type[Struct]) -> Iterator[tuple[str, Any]]:
    """Yield the fields with a default that says something, each with that as plain data."""
    names = {plan.name for plan in plan_of(cls)}
    for field in msgspec.structs.fields(cls):
        known = isinstance(field.default, bool | int | float | str)
        if known and field.name in names and field.default != "":
            yield field.name, plain(field.default)


def _tag_schema(cls: type[Struct]) -> Schema:
    return {name: {"const": tag} for name, tag in tag_of(cls).items()}


def _field_schema(cls: type[Struct], plan: FieldPlan, *, written: bool) -> Schema:
    schema = _schema_of(plan.type, written=written)
    known = schema.get("description", "") if isinstance(plan.type, type) else ""
    if written and plan.type is float:  # an infinite one is written as null
        schema = {"anyOf": [schema, {"type": "null"}]}
    texts = [field_docs(cls).get(plan.name, ""), *(f"It {rule.text}." for rule in plan.rules)]
    told = " ".join(filter(None, [*texts, known]))
    return schema | ({"description": told} if told else {})


def _property_schema(cls: type[Struct], name: str) -> Schema:
    getter = inspect.getattr_static(cls, name).fget
    text = (inspect.getdoc(getter) or "").partition("\n\n")[0].replace("\n", " ")
    hint = get_type_hints(getter)["return"]
    return _schema_of(hint, written=True) | {"description": text, "readOnly": True}


def _schema_of(hint: Any, *, written: bool) -> Schema:
    origin = get_origin(hint)
    kind = origin or hint
    if origin is Annotated and get_origin(hint.__origin__) is not None:  # limits of a container
        return _schema_of(hint.__origin__, written=written)
    if isinstance(kind, type) and issubclass(kind, Struct):
        return json_schema_of(hint, written=written)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _enum_schema(kind)
    if origin in {*UNIONS, tuple, list, Sequence, dict, Mapping}:
        parts = [_schema_of(arg, written=written) for arg in get_args(hint) if arg is not ...]
        return _container_schema(origin, parts)
    try:
        # msgspec names this format only for times that are known to have a time zone.
        time = {"format": "date-time"} if hint is datetime else {}
        return msgspec.json.schema(hint) | time
    except TypeError:  # anything, as far as msgspec knows
        return {}


def _container_schema(origin: Any, parts: list[Schema]) -> Schema:
    if origin in UNIONS:
        return {"anyOf": parts}
    if origin in {dict, Mapping}:
        return {"type": "object", "additionalProperties": parts[1]}
    return {"type": "array", "items": parts[0]}


def _enum_schema(kind: type[Enum]) -> Schema:
    members = ", ".join(f"{member.value} is {member.name}" for member in kind)
    values = [member.value for member in kind]
    schema: Schema = {"type": "integer" if all(isinstance(v, int) for v in values) else "string"}
    if issubclass(kind, str) or all(isinstance(v, str) for v in values):
        return schema | {"enum": values}
    # Akool may send numbers that no page lists, so the known ones are no limit.
    return schema | {"description": f"{members}."}
