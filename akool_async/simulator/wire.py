"""Requests as they come over HTTP, and replies as they leave, by the fields of endpoints."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args, get_origin

import msgspec
from aiohttp import web

from akool_async import errors
from akool_async.protocol.endpoint import Endpoint
from akool_async.protocol.fields import FieldPlan, plan_of
from akool_async.simulator.refusal import Refusal


async def wire_of(endpoint: type[Endpoint[Any]], request: web.Request) -> Mapping[str, Any]:
    """Return the fields of a request, under wire names."""
    in_path = dict(request.match_info)
    if request.method != "GET":
        try:
            body = msgspec.json.decode(await request.read() or b"{}", type=dict[str, Any])
        except msgspec.MsgspecError as error:
            problem = str(error)
        else:
            return in_path | body
        raise Refusal(1003, f"Parameter error: {problem}")
    plans = {plan.wire_name: plan for plan in plan_of(endpoint)}
    return in_path | {
        name: _from_query(plans.get(name), request.query.getall(name)) for name in request.query
    }


def _from_query(plan: FieldPlan | None, texts: list[str]) -> Any:
    """Return the value of a field in a query; a field of many values is repeated there."""
    if plan is None or plan.coding:
        return texts[-1]
    if get_origin(plan.type) is tuple:
        return [_from_text(get_args(plan.type)[0], text) for text in texts]
    return _from_text(plan.type, texts[-1])


def _from_text(expected: Any, text: str) -> Any:
    try:
        return msgspec.convert(text, expected, strict=False)
    except msgspec.ValidationError:
        return text


def read(endpoint: type[Endpoint[Any]], wire: Mapping[str, Any]) -> Endpoint[Any]:
    """Build the endpoint's value: the library's own checks are the simulator's."""
    try:
        return endpoint.from_wire(wire)
    except errors.InvalidInput as error:
        wire_names = {plan.name: plan.wire_name for plan in plan_of(endpoint)}
        first, *rest = re.split(r"(?=[.\[])", error.field, maxsplit=1)
        named = first if first in wire else wire_names.get(first, first)
        message = f"Parameter error: {named}{''.join(rest)} {error.rule}"
    raise Refusal(1003, message)


def written(endpoint: Endpoint[Any], reply: Any) -> Any:
    """Return a reply as the document that Akool sends."""
    codec: Any = endpoint.parse
    return _known(codec.encode(reply))


def _known(document: Any) -> Any:
    """Leave out fields that are `None`, as Akool does."""
    if isinstance(document, list | tuple):
        return [_known(each) for each in cast("Sequence[Any]", document)]
    if not isinstance(document, dict):
        return document
    items = cast("dict[str, Any]", document).items()
    return {name: _known(value) for name, value in items if value is not None}
