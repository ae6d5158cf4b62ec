"""The tools that send one request and return its reply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp.types import CallToolResult

from akool_async.client import Akool
from akool_async.mcp.answers import reply
from akool_async.plain import plain
from akool_async.protocol.endpoint import Endpoint


async def call_endpoint(
    akool: Akool, cls: type[Endpoint[Any]], given: Mapping[str, Any]
) -> CallToolResult:
    """Send a request, and return its reply as an object.

    Raises:
        AkoolError: an argument is wrong, or Akool refused it.
    """
    return reply(as_object(await akool.call(cls.from_dict(given))))


def as_object(answer: Any) -> dict[str, Any]:
    """Return a decoded reply as an object, which clients ask for."""
    if answer is None:
        return {"done": True}
    if isinstance(answer, tuple):
        return {"items": plain(answer)}
    data: dict[str, Any] = answer.to_dict()
    return data
