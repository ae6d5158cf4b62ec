"""`akool mcp` as clients run it: by stdio in a process, and by HTTP with a token."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import aiohttp
import httpx2
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from akool_async.simulator import Simulator
from tests.cli.commands import COMMAND, environment, settings_of
from tests.mcp.agents import PICTURE, Agent

TOKEN = "a-token-that-nobody-guesses"


async def test_a_client_starts_the_command_and_speaks_by_stdio(
    quick: Simulator, tmp_path: Path
) -> None:
    command = [*COMMAND[1:], "mcp", "--folder", "out", "--journal", "agents.sqlite"]
    variables = settings_of(quick) | {"PYTHONPATH": str(Path.cwd())}
    started = StdioServerParameters(
        command=sys.executable, args=command, env=variables, cwd=tmp_path
    )
    async with Client(started) as client:
        maker = Agent(client)
        assert "image_create" in await maker.names()
        job = await maker.data("image_create", **PICTURE)
        done = await maker.data("job_result", token=job["token"])
        assert done["status"] == "completed"
        saved = await maker.data("job_save", token=job["token"])
        assert Path(saved["saved"][0]).parent == tmp_path / "out"
    assert (tmp_path / "agents.sqlite").is_file()


@contextlib.asynccontextmanager
async def served(
    simulator: Simulator, *options: str
) -> AsyncGenerator[tuple[str, asyncio.subprocess.Process]]:
    """Serve HTTP in a process; yield its address."""
    variables = environment(simulator) | {"AKOOL_MCP_TOKEN": TOKEN}
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "mcp", "--http", "0", *options, env=variables, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        line = (await process.stderr.readline()).decode()
        yield line.partition(" ")[0], process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_http_clients_need_the_token_and_signals_stop_it(quick: Simulator) -> None:
    async with served(quick, "--tools", "image") as (url, process):
        for token in ("", "a-token-that-nobody-guessed"):
            assert await status_of(url, token=token) == 401
        assert await status_of(url, token=TOKEN, Origin="https://evil.example") == 403
        assert await status_of(url, token=TOKEN, Host="evil.example") == 421
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with (
            httpx2.AsyncClient(headers=headers) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            maker = Agent(client)
            assert "image_create" in await maker.names()
            job = await maker.data("image_create", **PICTURE)
            assert (await maker.data("job_result", token=job["token"]))["status"] == "completed"
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        assert process.stderr is not None
        rest = (await process.stderr.read()).decode()
    assert "Traceback" not in rest
    assert TOKEN not in rest


async def status_of(url: str, *, token: str, **headers: str) -> int:
    """Return the HTTP status of a request for the tools."""
    question: Any = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers |= {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=question, headers=headers) as answer,
    ):
        return answer.status


async def test_a_signal_stops_a_server_whose_client_stays(quick: Simulator) -> None:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *("mcp", "--tools", "account"),
        env=environment(quick) | {"PYTHONPATH": str(Path.cwd())},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
    assert b'"id":1' in await process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 20) == -signal.SIGTERM
