"""`akool schema`: documents that validators take, and that Akool's own examples fit."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from akool_async.endpoints import ENDPOINTS, RECIPES
from akool_async.endpoints.openapi import openapi_document
from akool_async.endpoints.schemas import bound, schema_document
from tests.cli.commands import Command
from tests.contract.test_exchanges import ALL, FIXTURES, Exchange, as_typed

HOST = "https://openapi.akool.com"
OPENAPI = openapi_document(
    bound(), {"api": HOST, "detect": HOST, "legacy_detect": "https://sg3.akool.com"}, "1"
)
OTHER_SHAPES = {"avatar/upload.array", "image/create.array", "knowledge/list.demo"}
"""Replies as single pages print them: the classes read them, the document does not list them."""


def described(exchange: Exchange) -> dict[str, Any]:
    cls = exchange.cls
    operation: dict[str, Any] = OPENAPI["paths"][cls.root + cls.path][cls.method.lower()]
    return operation


def fits(instance: object, schema: dict[str, Any]) -> None:
    Draft202012Validator(schema | {"components": OPENAPI["components"]}).validate(instance)


def test_the_openapi_document_is_one(akool: Command) -> None:
    OpenAPIV31SpecValidator(OPENAPI).validate()
    printed = akool("schema", "--openapi").document
    assert printed["paths"] == OPENAPI["paths"]
    assert printed["servers"] == [{"url": HOST}]
    named = [each["operationId"] for path in OPENAPI["paths"].values() for each in path.values()]
    assert {ENDPOINTS[each] for each in named} == {*ENDPOINTS.values()}
    legacy = ENDPOINTS["faceswap.detect_legacy"]
    assert OPENAPI["paths"][legacy.root + legacy.path]["post"]["servers"] == [
        {"url": "https://sg3.akool.com"}
    ]


@pytest.mark.parametrize("exchange", ALL, ids=lambda each: each.label)
def test_documented_exchanges_fit_the_openapi_document(exchange: Exchange) -> None:
    about = described(exchange)
    sent = as_typed(exchange.cls, exchange.wire)
    for parameter in about["parameters"]:
        assert parameter["name"] in sent or not parameter["required"]
        if parameter["name"] in sent:
            fits(sent.pop(parameter["name"]), parameter["schema"])
    if "requestBody" in about:
        fits(sent, about["requestBody"]["content"]["application/json"]["schema"])
    else:
        assert not sent
    reply = about["responses"]["200"]["content"]["application/json"]["schema"]
    for part in ("reply", "created"):
        if part in exchange.printed and exchange.label not in OTHER_SHAPES:
            fits(exchange.printed[part], reply)


def test_webhooks_fit_the_openapi_document() -> None:
    media = OPENAPI["webhooks"]["ended"]["post"]["requestBody"]["content"]["application/json"]
    vectors = FIXTURES / "webhook_vectors.jsonl"
    for line in vectors.read_text(encoding="utf-8").splitlines():
        fits(json.loads(line), media["schema"])


def test_the_schema_of_everything_is_one_document(akool: Command) -> None:
    document = akool("schema").document
    Draft202012Validator.check_schema(document)
    assert document == json.loads(json.dumps(schema_document(bound())))
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for name in (*ENDPOINTS, *RECIPES):
        assert {f"{name}.request", f"{name}.result"} <= document["$defs"].keys()


@pytest.mark.parametrize("exchange", ALL, ids=lambda each: each.label)
def test_requests_fit_their_json_schemas(exchange: Exchange) -> None:
    value = exchange.value
    data = {name: each for name, each in value.to_dict().items() if each is not None}
    schema = schema_document({exchange.cls.name: exchange.cls})["$defs"]
    Draft202012Validator(schema[f"{exchange.cls.name}.request"]).validate(data)


def test_one_endpoint_or_one_namespace_is_printed(akool: Command) -> None:
    one = akool("schema", "reage.image").document["$defs"]
    assert one.keys() == {"reage.image.request", "reage.image.result", "Faceswap"}
    assert one["reage.image.request"]["required"] == ["target_image", "face_reage", "modify_image"]
    paths = akool("schema", "reage", "--openapi").document["paths"]
    assert all(path.startswith("/api/open/v3/faceswap/") for path in paths)
    wrong = akool("schema", "raege")
    assert wrong.status == 2
    assert "neither an endpoint nor a namespace; did you mean 'reage'?" in wrong.err


def test_descriptions_are_without_the_numbers_of_quirks() -> None:
    for document in (schema_document(bound()), OPENAPI):
        assert not re.search(r"\([TN]\d", json.dumps(document))
