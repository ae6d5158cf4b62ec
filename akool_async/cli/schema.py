"""`akool schema`: JSON Schema and OpenAPI of everything."""

from __future__ import annotations

import json

import click

import akool_async
from akool_async.client.akool import BASE_URL, LEGACY_DETECT_URL
from akool_async.endpoints.openapi import openapi_document
from akool_async.endpoints.registry import NAMESPACES
from akool_async.endpoints.schemas import bound, chosen, schema_document
from akool_async.protocol.words import did_you_mean

_HOSTS = {"api": BASE_URL, "detect": BASE_URL, "legacy_detect": LEGACY_DETECT_URL}


@click.command("schema")
@click.argument("name", required=False)
@click.option("--openapi", is_flag=True, help="Print an OpenAPI 3.1 document instead.")
def command(*, name: str | None, openapi: bool) -> None:
    """Print the JSON Schema, or the OpenAPI document, of everything.

    NAME is an endpoint, such as reage.image, or a namespace; everything without it. The JSON Schema
    (draft 2020-12) has Python's names, as manifests and `to_dict` have them; the OpenAPI document
    has Akool's.
    """
    endpoints = chosen(name)
    if not endpoints:
        problem = f"{name} is neither an endpoint nor a namespace"
        hint = did_you_mean(str(name), [*bound(), *NAMESPACES])
        raise click.BadParameter(f"{problem}{hint}", param_hint="NAME")
    if openapi:
        document = openapi_document(endpoints, _HOSTS, akool_async.__version__)
    else:
        document = schema_document(endpoints)
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))
