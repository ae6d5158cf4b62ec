"""All tools of a server: which there are, and what runs each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from mcp.types import CallToolResult, InputRequiredResult, Tool

from akool_async.endpoints import ENDPOINTS, RECIPES
from akool_async.errors import InvalidInput
from akool_async.mcp.calling import call_endpoint
from akool_async.mcp.compact import Compact
from akool_async.mcp.consent import Call
from akool_async.mcp.desk import Desk
from akool_async.mcp.job_tools import CANCEL, LIST, RESULT, SAVE, STATUS
from akool_async.mcp.rules import Rules
from akool_async.mcp.schemas import (
    call_tool,
    gives_credentials,
    is_reading,
    start_tool,
)
from akool_async.mcp.starting import Starter
from akool_async.mcp.texts import tool_name
from akool_async.mcp.watching import Watcher
from akool_async.protocol.words import did_you_mean

Run: TypeAlias = Callable[[Call, dict[str, Any]], Awaitable[CallToolResult | InputRequiredResult]]


class Offered(NamedTuple):
    """A tool, and what runs it."""

    tool: Tool
    run: Run


def offered_classes(rules: Rules) -> dict[str, type[Any]]:
    """Return the endpoints and recipes that agents may use, by dotted name.

    Left out are those whose reply is a credential, such as live sessions: no model may see it.

    Raises:
        InvalidInput: `rules.tools` names what there is not.
    """
    whole: dict[str, type[Any]] = {**ENDPOINTS, **RECIPES}
    known = {name: whole[name] for name in sorted(whole) if not gives_credentials(whole[name])}
    wanted = _wanted(known, rules.tools)
    return {
        name: cls
        for name, cls in known.items()
        if name in wanted and (is_reading(cls) or not rules.read_only)
    }


def _wanted(known: Mapping[str, type[Any]], chosen: tuple[str, ...]) -> set[str]:
    if not chosen:
        return {*known}
    found: set[str] = set()
    for each in chosen:
        named = {name for name in known if each in {name, tool_name(name), name.partition(".")[0]}}
        if not named:
            spaces = {name.partition(".")[0] for name in known}
            hint = did_you_mean(each, [*spaces, *map(tool_name, known)])
            raise InvalidInput("tools", each, f"must name a namespace or a tool{hint}")
        found |= named
    return found


def toolbox(rules: Rules, desk: Desk, starter: Starter, watcher: Watcher) -> dict[str, Offered]:
    """Return every tool of a server, by its name.

    Raises:
        InvalidInput: `rules.tools` names what there is not.
    """
    runs = {
        name: Offered(*_endpoint_tool(name, cls, desk, starter))
        for name, cls in offered_classes(rules).items()
    }
    endpoints = {each.tool.name: each for each in runs.values()}
    if rules.compact:
        endpoints = Compact(endpoints).tools(Offered)
    tools = [Offered(STATUS, watcher.status), Offered(RESULT, watcher.result)]
    tools.append(Offered(LIST, watcher.list))
    if rules.folder is not None:
        tools.append(Offered(SAVE, watcher.save))
    if not rules.read_only:
        tools.append(Offered(CANCEL, watcher.cancel))
    return endpoints | {each.tool.name: each for each in tools}


def _endpoint_tool(name: str, cls: type[Any], desk: Desk, starter: Starter) -> tuple[Tool, Run]:
    if name in RECIPES or cls.starts_job:
        return start_tool(name, cls), partial(_start, starter, cls)
    return call_tool(name, cls), partial(_call, desk, cls)


async def _start(
    starter: Starter, cls: type[Any], call: Call, given: dict[str, Any]
) -> CallToolResult | InputRequiredResult:
    return await starter.start(cls, call, given)


async def _call(desk: Desk, cls: type[Any], _call: Call, given: dict[str, Any]) -> CallToolResult:
    return await call_endpoint(desk.akool, cls, given)
