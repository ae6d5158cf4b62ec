"""The JSON Schema of every request and result, as programs write and read them in Python."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, TypeAlias, cast, get_args, get_origin

from akool_async.endpoints.namespace import ENDPOINTS, RECIPES
from akool_async.endpoints.paging import Pages
from akool_async.endpoints.registry import NAMESPACES
from akool_async.protocol.documentation import without_traps
from akool_async.protocol.endpoint import Endpoint, Recipe
from akool_async.protocol.json_schema import Schema, json_schema_of
from akool_async.protocol.reply import Nothing, Rows

Startable: TypeAlias = type[Endpoint[Any]] | type[Recipe[Any]]

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


def bound() -> Mapping[str, Startable]:
    """Return every endpoint and recipe, by dotted name."""
    for row in NAMESPACES.values():
        row.load()
    known: dict[str, Startable] = {**ENDPOINTS, **RECIPES}
    return {name: known[name] for name in sorted(known)}


def chosen(name: str | None) -> Mapping[str, Startable]:
    """Return the endpoints of a dotted name, or of a namespace; all without a name."""
    known = bound()
    if name is None:
        return known
    return {each: cls for each, cls in known.items() if name in {each, each.partition(".")[0]}}


def schema_document(endpoints: Mapping[str, Startable]) -> Schema:
    """Return one JSON Schema document: `reage.image.request`, `reage.image.result`, and so on.

    A request is what `from_dict` takes; a result is what `to_dict` returns.
    """
    defs: dict[str, Schema] = {}
    for name, cls in endpoints.items():
        defs[f"{name}.request"] = json_schema_of(cls, written=False) | {
            "additionalProperties": False
        }
        defs[f"{name}.result"] = result_schema(cls)
    return as_plain({"$schema": DRAFT, "title": "akool_async", "$defs": _shared(defs)})


def as_plain(document: Schema) -> Schema:
    """Return a document as plain JSON: defaults are tuples, and members of enums."""
    plain: Schema = json.loads(without_traps(json.dumps(document)))
    return plain


def _shared(defs: dict[str, Schema]) -> dict[str, Schema]:
    """Let results of one class be one definition."""
    found: dict[str, Schema] = {}
    for name, schema in defs.items():
        title = schema.get("title", "")
        if not name.endswith(".result") or not title or found.get(title, schema) != schema:
            found[name] = schema
            continue
        found[title] = schema
        found[name] = {"$ref": f"#/$defs/{title}"}
    return found


def result_schema(cls: Startable) -> Schema:
    """Return the schema of what a method returns: a job's result, or a reply, as plain data."""
    if issubclass(cls, Recipe) or cls.starts_job:
        starter: Any = cls
        return json_schema_of(starter.family.result, written=True)
    parse: Any = cls.parse
    if isinstance(parse, Nothing):
        return {"type": "null"}
    if not isinstance(parse, Rows | Pages):
        return json_schema_of(_reply_type(cls) or parse.type, written=True)
    row: Any = cast("Any", parse).row
    rows: Schema = {"type": "array", "items": json_schema_of(row, written=True)}
    if isinstance(parse, Rows):
        return rows
    numbers: Schema = {"count": {"type": ["integer", "null"]}, "sent": {"type": "integer"}}
    properties: Schema = {"items": rows} | numbers
    return {"type": "object", "properties": properties, "required": [*properties]}


def _reply_type(cls: type[Any]) -> Any:
    """Return the class that an endpoint names as its type parameter; `None` if none is there.

    It differs from what is decoded where the endpoint joins what the reply has.
    """
    for each in cls.__mro__:
        for base in vars(each).get("__orig_bases__", ()):
            named = get_args(base)[:1]
            if issubclass(get_origin(base) or base, Endpoint) and isinstance(named[0], type):
                return named[0]
    return None
