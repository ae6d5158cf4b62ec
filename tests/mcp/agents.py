"""An agent: a real client of the protocol, connected to a server of this package."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, TypeAlias

from mcp import Client
from mcp.client import ClientRequestContext
from mcp.types import CallToolResult, ElicitRequestParams, ElicitResult

from akool_async import Akool
from akool_async.journal import Journal
from akool_async.mcp.rules import Rules
from akool_async.mcp.server import server_of
from akool_async.simulator import Simulator
from tests.clients import soon

PHOTO = "https://photos.example/ann.jpg"
PICTURE = {"prompt": "a cat"}
"""The arguments of a picture, which costs one credit."""
REAGE = {"url": PHOTO, "years": 20}
"""The arguments of a job without a known price."""

Data: TypeAlias = dict[str, Any]


class Person:
    """Who sits at the client, and answers its questions."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def answer(
        self,
        context: ClientRequestContext,  # noqa: ARG002 - the client passes it by any name
        params: ElicitRequestParams,
    ) -> ElicitResult:
        """Answer a question: `accept`, `decline` or `cancel`."""
        self.asked.append(params.message)
        answer: Any = self.answers.pop(0)
        return ElicitResult(action=answer, content={} if answer == "accept" else None)


class Agent:
    """Calls tools; refuses replies that are errors, unless it asks for one."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, tool: str, **arguments: Any) -> CallToolResult:
        """Call a tool."""
        return await self.client.call_tool(tool, arguments)

    async def data(self, tool: str, **arguments: Any) -> Data:
        """Return the data of a reply that is no error."""
        answer = await self.call(tool, **arguments)
        assert not answer.is_error, answer.content
        data: Data = answer.structured_content
        return data

    async def error(self, tool: str, **arguments: Any) -> str:
        """Return the words of a reply that is an error."""
        answer = await self.call(tool, **arguments)
        assert answer.is_error, answer.content
        text: str = getattr(answer.content[0], "text", "")
        return text

    async def names(self) -> set[str]:
        """Return the names of the tools."""
        return {each.name for each in (await self.client.list_tools()).tools}


@contextlib.asynccontextmanager
async def agent(
    simulator: Simulator,
    *,
    journal: Path | None = None,
    person: Person | None = None,
    mode: str = "auto",
    **rules: Any,
) -> AsyncGenerator[Agent]:
    """Connect an agent to a server of its own, in this process."""
    opened = Journal(journal or ":memory:")
    try:
        client = Akool(api_key=simulator.api_key, base_url=simulator.url, journal=opened, **soon())
        async with client as akool:
            server = await server_of(akool, opened, Rules(**rules), asyncio.Event())
            answers = None if person is None else person.answer
            async with Client(server, mode=mode, elicitation_callback=answers) as connected:
                yield Agent(connected)
    finally:
        await opened.close()
