"""The schemas, descriptions and hints of tools, from the classes of endpoints."""

from __future__ import annotations

from typing import Any, Final

from mcp.types import Tool, ToolAnnotations

from akool_async.endpoints.schemas import result_schema
from akool_async.mcp.texts import cleaned, text_of, tool_name
from akool_async.protocol.endpoint import Endpoint, Query, Recipe, Startable
from akool_async.protocol.json_schema import Schema, json_schema_of

_OF_STARTS: Final[Schema] = {
    "key": {
        "type": "string",
        "description": "One key is one paid job. Left out, it is made of the arguments: the same"
        " call again gives the same job, and costs nothing. Pass another text to make, and pay"
        " for, another job of the same arguments.",
    },
    "dry_run": {
        "type": "boolean",
        "default": False,
        "description": "Check the arguments and show the estimated credits; send nothing.",
    },
}
_NOT_FOR_AGENTS: Final = frozenset({"webhook_url"})
"""An agent could be talked into sending results to a stranger's address."""

JOB: Final[Schema] = {
    "type": "object",
    "properties": {
        "operation": {"type": "string"},
        "status": {
            "type": "string",
            "description": "waiting, queued, processing, completed, failed or cancelled;"
            " `not sent` for a dry run.",
        },
        "token": {
            "type": ["string", "null"],
            "description": "Give it to job_result, which waits for the job; the key does as well.",
        },
        "key": {"type": ["string", "null"]},
        "id": {"type": ["string", "null"], "description": "Akool's id of the job."},
        "estimated_credits": {"type": ["number", "null"]},
        "credits": {"type": "number", "description": "What it costs, as Akool says."},
        "eta_seconds": {"type": "number"},
        "urls": {"type": "array", "items": {"type": "string"}},
        "expires_at": {"type": ["string", "null"]},
        "result": {"type": "object"},
    },
    "required": ["operation", "status"],
}
"""What every tool for jobs replies."""


def start_tool(name: str, cls: type[Startable[Any]]) -> Tool:
    """Describe the tool that starts an operation or a recipe."""
    schema = _input_of(cls)
    schema["properties"] |= _OF_STARTS
    texts = [
        text_of(cls),
        f"Price by Akool's page: {cls.price.says}." if cls.price else "",
        "Starts a paid job and returns at once; job_result waits for it.",
    ]
    return Tool(
        name=tool_name(name),
        title=name,
        description="\n\n".join(filter(None, texts)),
        input_schema=schema,
        output_schema=JOB,
        # The same call again starts nothing: see `key`.
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True
        ),
    )


def call_tool(name: str, cls: type[Endpoint[Any]]) -> Tool:
    """Describe the tool that sends a query or a command."""
    reads = issubclass(cls, Query)
    return Tool(
        name=tool_name(name),
        title=name,
        description=text_of(cls),
        input_schema=_input_of(cls),
        output_schema=cleaned(reply_schema(cls)),
        annotations=ToolAnnotations(
            read_only_hint=reads,
            # What may be sent twice replaces or removes something; what may not, adds to it.
            destructive_hint=not reads and cls.repeatable,
            idempotent_hint=cls.repeatable,
            open_world_hint=True,
        ),
    )


def _input_of(cls: type[Startable[Any] | Endpoint[Any]]) -> Schema:
    schema: Schema = cleaned(json_schema_of(cls, written=False))
    schema.pop("description", None)
    fields: Schema = schema["properties"]
    schema["properties"] = {
        name: _given(field) for name, field in fields.items() if name not in _NOT_FOR_AGENTS
    }
    return schema | {"additionalProperties": False}


def _given(field: Schema) -> Schema:
    """Return the schema of a field that is given: who has no value for it leaves it out."""
    arms: list[Schema] = [arm for arm in field.get("anyOf", ()) if arm != {"type": "null"}]
    if len(arms) != 1:
        return field
    return arms[0] | {name: value for name, value in field.items() if name != "anyOf"}


def reply_schema(cls: type[Endpoint[Any]]) -> Schema:
    """Return the schema of an endpoint's reply, as `call_endpoint` writes it."""
    schema = result_schema(cls)
    if schema["type"] == "null":
        return {"type": "object", "properties": {"done": {"const": True}}, "required": ["done"]}
    if schema["type"] == "array":
        return {"type": "object", "properties": {"items": schema}, "required": ["items"]}
    return schema


def is_reading(cls: type[Any]) -> bool:
    """Say whether a tool of a class changes nothing."""
    return issubclass(cls, Query)


def gives_credentials(cls: type[Any]) -> bool:
    """Say whether the reply is there for the credential in it: no model may see that."""
    if issubclass(cls, Recipe) or cls.starts_job:
        return cls.family.session is not None
    return bool(getattr(cls, "hidden_fields", None))
