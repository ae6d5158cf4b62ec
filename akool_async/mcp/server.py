"""The server: it lists the tools, runs them, and turns errors into replies."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from mcp.server import Server, ServerRequestContext
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    InputRequiredResult,
    ListToolsResult,
    PaginatedRequestParams,
)

import akool_async
from akool_async import Akool
from akool_async.errors import AkoolError
from akool_async.journal import Journal
from akool_async.mcp.answers import Refusal, refused
from akool_async.mcp.consent import Call, Consent
from akool_async.mcp.desk import Desk
from akool_async.mcp.rules import Rules
from akool_async.mcp.spending import Spending
from akool_async.mcp.starting import Starter
from akool_async.mcp.toolbox import Offered, toolbox
from akool_async.mcp.watching import Watcher
from akool_async.observers import logger

_INSTRUCTIONS: Final = (
    "Akool makes pictures, voices and videos in paid jobs. A tool that starts a job returns its"
    " token at once. Then call job_result with the token until the job has ended; never start a"
    " job again because it takes long. `dry_run` shows what a job would cost. Media are given as"
    " http(s) addresses. Results are kept for 7 days: job_save keeps them, where it is offered."
)


async def server_of(
    akool: Akool, journal: Journal, rules: Rules, stop: asyncio.Event
) -> Server[Any]:
    """Make a server of the Model Context Protocol, and watch the jobs of an earlier one.

    Args:
        akool: An open client.
        journal: The client's journal, which may be one without a file.
        rules: What agents may do.
        stop: Set when the server stops.

    Raises:
        InvalidInput: `rules.tools` names what there is not.
        JournalError: the journal cannot be read.
    """
    clock = akool.clock
    desk = Desk(akool, journal)
    spending = Spending(rules.limit, journal, clock)
    starter = Starter(desk, spending, Consent(clock), rules)
    tools = toolbox(rules, desk, starter, Watcher(desk, clock, rules.folder, stop))
    await starter.recover()

    async def list_tools(
        _context: ServerRequestContext[Any, Any], _params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return ListToolsResult(tools=[each.tool for each in tools.values()])

    async def call_tool(
        context: ServerRequestContext[Any, Any], params: CallToolRequestParams
    ) -> CallToolResult | InputRequiredResult:
        offered = tools.get(params.name)
        call = Call(context, params)
        try:
            _check_names(offered, params.name, call.arguments)
            return await tools[params.name].run(call, call.arguments)
        except (AkoolError, Refusal) as error:
            problem: AkoolError | Refusal = error
        except Exception as error:  # noqa: BLE001 - an agent is told nothing of the inside
            problem = _failed_inside(params.name, type(error).__name__)
        return refused(problem)

    return Server(
        "akool",
        version=akool_async.__version__,
        title="Akool",
        instructions=_INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _failed_inside(tool: str, error: str) -> Refusal:
    logger.warning("the tool %s failed: %s", tool, error)
    return Refusal(
        f"{tool} failed inside of akool_async ({error}). If it was to start a job, look at job_list"
        " before you call it again."
    )


def _check_names(offered: Offered | None, name: str, given: dict[str, Any]) -> None:
    """Refuse a tool that there is not, and arguments that it does not have.

    Raises:
        Refusal: there is one.
    """
    if offered is None:
        raise Refusal(f"There is no tool {name!r} here.")
    known = offered.tool.input_schema["properties"]
    for each in given:
        if each not in known:
            raise Refusal(f"There is no argument {each!r}: the tool takes {', '.join(known)}.")
