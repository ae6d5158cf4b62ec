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
    answer = await akool.call(cls.from_dict(given))
    if answer is None:
        return reply({"done": True})
    if isinstance(answer, tuple):
        return reply({"items": plain(answer)})
    return reply(answer.to_dict())
