"""The OpenAPI document of Akool's API, as this package speaks it: made from the classes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import msgspec

from akool_async.endpoints.schemas import Startable, as_plain
from akool_async.errors import CODES
from akool_async.protocol.documentation import summary
from akool_async.protocol.endpoint import Endpoint, Recipe
from akool_async.protocol.json_schema import Schema, sent_schema_of
from akool_async.protocol.wire import Envelope

Endpoints: TypeAlias = list[tuple[str, type[Endpoint[Any]]]]

_REF: Final = "#/components/schemas/{name}"
_IN_PATH: Final = re.compile(r"\{(\w+)\}")
_SECURITY: Final[Schema] = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "bearer": {"type": "http", "scheme": "bearer", "description": "A token of v3/getToken."},
}

_WEBHOOK: Final[Schema] = {
    "post": {
        "summary": "Tell that a job has ended, at the address that its request named.",
        "description": "`signature` is the SHA-1 of the client id, the timestamp, the nonce and the"
        " encrypted text, sorted and joined. The text is encrypted by AES-192-CBC.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {
                            "signature": {"type": "string"},
                            "dataEncrypt": {"type": "string"},
                            "timestamp": {"type": ["integer", "string"]},
                            "nonce": {"type": ["string", "integer"]},
                        },
                        "required": ["signature", "dataEncrypt", "timestamp", "nonce"],
                    }
                }
            },
        },
        "responses": {"200": {"description": "It was taken in."}},
        "security": [],
    }
}


def openapi_document(
    endpoints: Mapping[str, Startable], hosts: Mapping[str, str], version: str
) -> Schema:
    """Return the OpenAPI 3.1 document of endpoints.

    Args:
        endpoints: The endpoints by dotted name. Recipes are left out: Akool does not know them.
        hosts: Scheme and host of each part of the API, by its name; `api` is one of them.
        version: The version of this description.
    """
    # One class may have two names; the first one counts.
    names: dict[type[Endpoint[Any]], str] = {}
    for name, cls in endpoints.items():
        if not issubclass(cls, Recipe):
            names.setdefault(cls, name)
    sent = [(name, cls) for cls, name in names.items()]
    replies = _Replies(sent)
    paths: dict[str, Schema] = {}
    for name, cls in sent:
        _add(paths.setdefault(cls.root + cls.path, {}), name, cls, replies, hosts)
    document: Schema = {
        "openapi": "3.1.0",
        "info": {
            "title": "Akool",
            "version": version,
            "description": "Akool's API as akool_async speaks it; an unofficial description.",
        },
        "servers": [{"url": hosts["api"]}],
        "security": [{name: []} for name in _SECURITY],
        "paths": dict(sorted(paths.items())),
        "webhooks": {"ended": _WEBHOOK},
        "components": {"schemas": replies.components, "securitySchemes": _SECURITY},
        "x-akool-codes": {str(code): each.sentence for code, each in sorted(CODES.items())},
    }
    return as_plain(document)


class _Replies:
    """The schemas of replies, in Akool's own words.

    Args:
        endpoints: Whose replies there are.
    """

    def __init__(self, endpoints: Endpoints) -> None:
        kinds = {kind for _, cls in endpoints for kind in _kinds_in(cls)}
        ordered = sorted(kinds, key=lambda kind: f"{kind.__module__}.{kind.__qualname__}")
        refs, found = msgspec.json.schema_components(ordered, ref_template=_REF)
        self._refs = dict(zip(ordered, refs, strict=True))
        self.components = {name: _lenient(schema) for name, schema in sorted(found.items())}

    def of(self, cls: type[Endpoint[Any]]) -> Schema:
        """Return the schema of an endpoint's reply, envelope included."""
        parse: Any = cls.parse
        return _wrapped(cls.envelope, parse.printed(self._refs.__getitem__))


def _kinds_in(cls: type[Endpoint[Any]]) -> list[Any]:
    kinds: list[Any] = []

    def note(kind: Any) -> Schema:
        kinds.append(kind)
        return {}

    parse: Any = cls.parse
    parse.printed(note)
    return kinds


def _lenient(schema: Schema) -> Schema:
    """Allow what Akool does with any field: it is left out, or null."""
    schema = {name: value for name, value in schema.items() if name != "required"}
    fields: Schema = schema.get("properties", {})
    if fields:
        nothing = {"type": "null"}
        schema["properties"] = {name: {"anyOf": [each, nothing]} for name, each in fields.items()}
    return schema


def _wrapped(envelope: Envelope, data: Schema) -> Schema:
    success = "true" if (True, envelope.success) in envelope.codes else str(envelope.success)
    head: Schema = {
        envelope.code: {
            "type": ["boolean", "integer"] if envelope.codes else "integer",
            "description": f"{success} for success; another code refuses the request.",
        },
        envelope.msg: {"type": ["string", "null"]},
    }
    whole: Schema = {"type": "object", "properties": head, "required": [envelope.code]}
    if envelope.data is None:
        return {"allOf": [whole, data]} if data else whole
    head[envelope.data] = data
    return whole


def _add(
    path: Schema, name: str, cls: type[Endpoint[Any]], replies: _Replies, hosts: Mapping[str, str]
) -> None:
    """Describe an endpoint under its path."""
    sent = sent_schema_of(cls)
    about: Schema = {
        "operationId": name,
        "summary": summary(cls),
        "tags": [name.partition(".")[0]],
        "parameters": _parameters(cls, sent),
        "responses": {
            "200": {
                "description": "The reply; its code says whether it is a success.",
                "content": {"application/json": {"schema": replies.of(cls)}},
            }
        },
    }
    if cls.docs:
        about["externalDocs"] = {"url": cls.docs}
    if cls.method != "GET":
        about["requestBody"] = {"required": True, "content": {"application/json": {"schema": sent}}}
    if not cls.signed:
        about["security"] = []
    if cls.deprecated is not None:
        about["deprecated"] = True
    if hosts[cls.host] != hosts["api"]:
        about["servers"] = [{"url": hosts[cls.host]}]
    path[cls.method.lower()] = about


def _parameters(cls: type[Endpoint[Any]], sent: Schema) -> list[Schema]:
    """Return what stands in the path, or in the query; take that out of the body."""
    in_path = set(_IN_PATH.findall(cls.path))
    properties, required = sent["properties"], sent.get("required", [])
    names = [name for name in properties if name in in_path or cls.method == "GET"]
    found = [
        {
            "name": name,
            "in": "path" if name in in_path else "query",
            "required": name in required,
            "schema": properties.pop(name),
        }
        for name in names
    ]
    if required:
        sent["required"] = [name for name in required if name not in names]
    return found
